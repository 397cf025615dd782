// How a response is undone: by a decision, which restores; by deletion, which contains.
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import { QUARANTINE_LABEL } from '../../src/api/names.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { DRIFT_INCIDENTS, PODS } from '../../src/kube/resources.ts';
import { flowTest as test } from '../support/flow-test.ts';
import { isReady, type TestOperator, type World } from '../support/world.ts';

const CONTAIN = { responses: [{ name: 'contain', minSeverity: 'Warning', actions: ['Label', 'Isolate'] }] };

async function quarantined(
  world: World,
  spec: object = CONTAIN,
): Promise<{ operator: TestOperator; victim: KubeObject; incident: DriftIncident }> {
  const victim = await world.victim(3);
  const operator = await world.operator();
  await world.policy(spec);
  await operator.post(world.alert(victim));
  const incident = await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
  return { operator, victim, incident };
}

async function decide(world: World, incident: DriftIncident): Promise<void> {
  const { namespace = '', name } = incident.metadata;
  await world.client.jsonPatch(DRIFT_INCIDENTS, { namespace, name }, [
    { op: 'add', path: '/spec/decision', value: { action: 'Release', by: 'ann', reason: 'a false alarm' } },
  ]);
}

describe('Release', () => {
  test('puts labels and annotations back byte for byte, and nothing of ours is left', async ({ world }) => {
    const { operator, victim, incident } = await quarantined(world);
    await decide(world, incident);
    await world.incident(
      'that was released',
      (i) => i.status?.phase === 'Released' && !i.metadata.finalizers?.length,
    );
    // The ReplicaSet is one over now and may have removed the pod already; the patch was answered with what it became.
    const restored = operator.writes.find(
      ({ path, body }) => path.includes('/pods/') && JSON.stringify(body).includes('remove'),
    );
    expect(restored?.answer).toMatchObject({ metadata: { labels: victim.metadata.labels } });
    const { labels = {}, annotations = {} } =
      (restored?.answer as KubeObject | undefined)?.metadata ?? victim.metadata;
    expect(
      Object.keys({ ...labels, ...annotations }).filter((key) => key.startsWith('die-operator.dev/')),
    ).toEqual([]);
    expect(labels).toEqual(victim.metadata.labels);
    await world.until('three Ready pods of the Deployment', async () => {
      const ready = (await world.list(PODS)).filter(isReady);
      return ready.length === 3 && ready.every((p) => p.metadata.labels?.['app'] === 'web')
        ? ready
        : undefined;
    });
  });

  test('stops an eviction that waits', async ({ world }) => {
    const { operator, incident } = await quarantined(world);
    await decide(world, incident);
    await world.incident('that was released', (i) => i.status?.phase === 'Released');
    expect(operator.writes.some(({ path }) => path.includes('/eviction'))).toBe(false);
  });

  test('also when the operator was away while it was decided', async ({ world }) => {
    const { operator, incident } = await quarantined(world);
    await operator.stop();
    await decide(world, incident);
    await world.operator();
    await world.incident('that was released', (i) => i.status?.phase === 'Released');
  });

  test.for([
    ['detection', 'Another rule'],
    ['repeat of the same rule', undefined],
  ] as const)(
    'lets the next %s open another incident that names the one before',
    async ([, rule], { world }) => {
      const victim = await world.victim(3);
      const operator = await world.operator();
      await world.policy({ responses: [{ name: 'note', minSeverity: 'Warning', actions: ['Label'] }] });
      await operator.post(world.alert(victim));
      const first = await world.incident('that was labelled', (i) => i.status?.phase === 'Observed');
      await decide(world, first);
      await world.incident('that was released', (i) => i.status?.phase === 'Released');
      // At once: the receiver's cache may still have the incident open.
      await operator.post(world.alert(victim, rule === undefined ? {} : { rule }));
      const second = await world.incident('with a previous one', (i) => i.spec.previous !== undefined);
      expect(second.spec.previous).toBe(first.metadata.name);
      expect(second.metadata.name).toBe(first.metadata.name.replace(/-1$/, '-2'));
    },
  );
});

describe('deleting an unfinished incident', () => {
  test('deletes the quarantined pod by its UID, then lets the incident go', async ({ world }) => {
    const { operator, victim, incident } = await quarantined(world);
    const { namespace = '', name, uid } = incident.metadata;
    await world.client.delete(DRIFT_INCIDENTS, { namespace, name }, uid);
    await world.until('the pod is gone', async () =>
      (await world.pod(victim.metadata.name)) ? undefined : true,
    );
    await world.until('the incident is gone', async () =>
      (await world.list(DRIFT_INCIDENTS)).length === 0 ? true : undefined,
    );
    const deletions = operator.writes.filter(({ method }) => method === 'DELETE');
    expect(deletions).toMatchObject([{ body: { preconditions: { uid: victim.metadata.uid } } }]);
  });

  test('contains also when the operator was away meanwhile', async ({ world }) => {
    const { operator, victim, incident } = await quarantined(world);
    await operator.stop();
    const { namespace = '', name, uid } = incident.metadata;
    await world.client.delete(DRIFT_INCIDENTS, { namespace, name }, uid);
    expect((await world.pod(victim.metadata.name))?.metadata.labels).toHaveProperty(
      [QUARANTINE_LABEL],
      'true',
    );
    await world.operator();
    await world.until('the pod is gone', async () =>
      (await world.pod(victim.metadata.name)) ? undefined : true,
    );
  });
});
