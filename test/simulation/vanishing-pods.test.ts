// Pods that do not go when they should, or go before they should.
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { PODS } from '../../src/kube/resources.ts';
import { simulationTest as test } from '../support/flow-test.ts';
import type { TestOperator, World } from '../support/world.ts';

async function hold(world: World, { metadata }: KubeObject): Promise<void> {
  const at = { namespace: world.namespace, name: metadata.name };
  await world.client.jsonPatch(PODS, at, [
    { op: 'add', path: '/metadata/finalizers', value: ['example.com/hold'] },
  ]);
}

function warnings({ events }: TestOperator): unknown[] {
  return events.map(({ body }) => body).filter((body) => (body as { type: string }).type === 'Warning');
}

describe('an evicted pod that a foreign finalizer holds', () => {
  test('is named with it, once by an Event, and the finalizer is left alone', async ({
    embedded: { world, clock },
  }) => {
    const victim = await world.victim(3);
    await hold(world, victim);
    const operator = await world.operator();
    await world.policy();
    await operator.post(world.alert(victim));
    await clock.advance(90_000);
    const incident = await world.incident('that is stuck', (i) =>
      Boolean(findCondition(i.status?.conditions, 'Stalled')),
    );
    expect(findCondition(incident.status?.conditions, 'Stalled')).toMatchObject({
      status: 'True',
      reason: 'HeldByFinalizer',
    });
    expect(findCondition(incident.status?.conditions, 'Ready')?.message).toContain(
      'finalizers that are not ours: example.com/hold',
    );
    await clock.advance(1_800_000);
    expect(warnings(operator)).toMatchObject([
      { reason: 'HeldByFinalizer', regarding: { kind: 'DriftIncident', name: incident.metadata.name } },
    ]);
    expect((await world.pod(victim.metadata.name))?.metadata.finalizers).toEqual(['example.com/hold']);
  });

  test('is over as usual once somebody takes the finalizer off', async ({ embedded: { world, clock } }) => {
    const victim = await world.victim(3);
    await hold(world, victim);
    const operator = await world.operator();
    await world.policy();
    await operator.post(world.alert(victim));
    await clock.advance(90_000);
    await world.client.jsonPatch(PODS, { namespace: world.namespace, name: victim.metadata.name }, [
      { op: 'remove', path: '/metadata/finalizers' },
    ]);
    const incident = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    expect(findCondition(incident.status?.conditions, 'Stalled')).toBeUndefined();
  });
});

describe('a pod that somebody deletes by force right after it was isolated', () => {
  test('ends its incident as TargetGone, and what was read beside the isolation is kept', async ({
    embedded: { world, cluster },
  }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy();
    const cancel = cluster.onRequest(({ verb, path, status }) => {
      if (verb !== 'patch' || !path.includes('/pods/') || status !== 200) return;
      cancel();
      const at = { namespace: world.namespace, name: victim.metadata.name };
      cluster.api.delete(PODS, at, { gracePeriodSeconds: 0 });
    });
    await operator.post(world.alert(victim));
    const incident = await world.incident(
      'that is over',
      (i) => i.status?.phase === 'TargetGone' && !i.metadata.finalizers?.length,
    );
    const { uid } = incident.metadata;
    const pod = JSON.parse(operator.evidence.text(uid, 'api/pod.json') ?? '') as KubeObject;
    expect(pod.metadata).toMatchObject({ uid: victim.metadata.uid, labels: victim.metadata.labels });
    expect(operator.evidence.manifest(uid)?.files.length).toBe(incident.status?.evidence?.files);
    // What could not be read any more is named.
    expect(incident.status?.evidence?.problems.join()).toContain('log');
    expect(findCondition(incident.status?.conditions, 'EvidenceComplete')).toMatchObject({ status: 'False' });
    expect(operator.writes.filter(({ path }) => path.includes('/eviction'))).toEqual([]);
  });
});
