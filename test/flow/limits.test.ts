// Limits and owners: who keeps its labels, and what the incident says about it.
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { QUARANTINE_LABEL } from '../../src/api/names.ts';
import { DEPLOYMENTS, DRIFT_INCIDENTS, PODS } from '../../src/kube/resources.ts';
import { flowTest as test } from '../support/flow-test.ts';
import { isReady, PINNED, type World } from '../support/world.ts';

const CONTAIN = [{ name: 'contain', minSeverity: 'Warning', actions: ['Label', 'Isolate'] }];

async function forms(world: World, count: number): Promise<string[]> {
  const incidents = await world.until(`${count} isolated pods`, async () => {
    const list = await world.list<DriftIncident>(DRIFT_INCIDENTS);
    const isolated = list.filter((incident) => incident.status?.isolation);
    return isolated.length === count ? isolated : undefined;
  });
  return incidents.map((incident) => incident.status?.isolation?.form ?? '').toSorted();
}

describe('the quarantine limit', () => {
  test('of a workload lets no more than that many pods be taken out, also when all alerts come at once', async ({
    world,
  }) => {
    const pods = await world.deployment(5);
    const operator = await world.operator();
    await world.policy({
      responses: CONTAIN,
      limits: { perWorkload: { quarantined: 2, maxUnavailable: '100%' } },
    });
    await Promise.all(pods.map((pod) => operator.post(world.alert(pod))));
    expect(await forms(world, 5)).toEqual(['Gentle', 'Gentle', 'Gentle', 'Orphan', 'Orphan']);
  });

  test('of a namespace counts pods of all workloads', async ({ world }) => {
    const pods = await world.deployment(4);
    const operator = await world.operator();
    await world.policy({
      responses: CONTAIN,
      limits: { perNamespace: { quarantined: 1 }, perWorkload: { quarantined: 3, maxUnavailable: '100%' } },
    });
    await Promise.all(pods.map((pod) => operator.post(world.alert(pod))));
    expect(await forms(world, 4)).toEqual(['Gentle', 'Gentle', 'Gentle', 'Orphan']);
  });

  test('of 0 takes no pod out', async ({ world }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy({ responses: CONTAIN, limits: { perWorkload: { quarantined: 0 } } });
    await operator.post(world.alert(victim));
    expect(await forms(world, 1)).toEqual(['Gentle']);
  });
});

describe('the last Ready copy', () => {
  test('keeps its labels and the plan says why', async ({ world }) => {
    const victim = await world.victim(1);
    const operator = await world.operator();
    await world.policy({ responses: CONTAIN });
    await operator.post(world.alert(victim));
    const incident = await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
    expect(incident.status?.isolation?.form).toBe('Gentle');
    expect(incident.status?.plan?.message).toMatch(/Ready/);
    const pod = await world.pod(victim.metadata.name);
    expect(pod?.metadata.labels).toMatchObject({ app: 'web', [QUARANTINE_LABEL]: 'true' });
  });

  test('is not evicted until another copy is Ready', async ({ world }) => {
    const victim = await world.victim(1);
    const operator = await world.operator();
    await world.policy();
    await operator.post(world.alert(victim));
    const held = await world.incident('that waits', (i) => i.status?.phase === 'AwaitingApproval');
    expect(held.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Stalled', reason: 'AwaitingApproval' }),
    );
    expect(operator.writes.some(({ path }) => path.includes('/eviction'))).toBe(false);
    const [deployment] = await world.list(DEPLOYMENTS);
    const { namespace = '', name = '' } = deployment?.metadata ?? {};
    await world.client.jsonPatch(DEPLOYMENTS, { namespace, name }, [
      { op: 'replace', path: '/spec/replicas', value: 2 },
    ]);
    await world.until(
      'the eviction',
      async () => operator.writes.some(({ path }) => path.includes('/eviction')) || undefined,
    );
    await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
  });

  test('stays in service when every pod of a workload has an alert at once', async ({ world }) => {
    const pods = await world.deployment(3);
    const operator = await world.operator();
    await world.policy();
    await Promise.all(pods.map((pod) => operator.post(world.alert(pod))));
    let fewest = pods.length;
    await world.until('all are over', async () => {
      const serving = (await world.list(PODS)).filter(
        (pod) => isReady(pod) && pod.metadata.labels?.['app'] === 'web',
      );
      fewest = Math.min(fewest, serving.length);
      return (await world.replacements()).length === 3 || undefined;
    });
    expect(fewest).toBeGreaterThanOrEqual(1);
  });
});

async function lonelyPod(world: World): Promise<KubeObject> {
  const { namespace } = world;
  const metadata = { name: 'lonely', namespace, labels: { app: 'web' } };
  const spec = { containers: [{ name: 'web', image: PINNED }] };
  await world.client.create(PODS, { namespace }, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
  return world.until('the pod is Ready', async () => (await world.list(PODS)).find(isReady));
}

describe('a bare pod', () => {
  test('is isolated gently and not evicted: nothing would replace it', async ({ world }) => {
    const pod = await lonelyPod(world);
    const operator = await world.operator();
    await world.policy();
    await operator.post(world.alert(pod));
    const incident = await world.incident('that waits', (i) => i.status?.phase === 'AwaitingApproval');
    expect(incident.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Stalled', reason: 'AwaitingApproval' }),
    );
    expect(operator.writes.some(({ path }) => path.includes('/eviction'))).toBe(false);
    expect(await world.pod('lonely')).toBeDefined();
  });

  test('that is evicted without being restarted is over at once: nobody makes another', async ({ world }) => {
    const pod = await lonelyPod(world);
    const operator = await world.operator();
    await world.policy({ approval: { requiredFor: [] } });
    await operator.post(world.alert(pod));
    const ended = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    expect(findCondition(ended.status?.conditions, 'Ready')?.reason).toBe('NoReplacementNeeded');
    expect(await world.pod('lonely')).toBeUndefined();
  });
});

describe('several alerts about one pod', () => {
  test('are one incident, and a worse one extends the response', async ({ world }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy({
      responses: [
        { name: 'note', minSeverity: 'Notice', actions: ['Label'] },
        { name: 'contain', minSeverity: 'Error', actions: ['Isolate'] },
      ],
    });
    await operator.post(world.alert(victim, { priority: 'Notice', rule: 'First' }));
    await world.incident('that was labelled', (i) => i.status?.phase === 'Observed');
    const answer = await operator.post(world.alert(victim, { priority: 'Critical', rule: 'Second' }));
    expect(answer.body).toMatchObject({ outcome: 'Reported' });
    const incident = await world.incident('that was extended', (i) => i.status?.isolation?.form === 'Orphan');
    expect(incident.status?.reports?.['test-1']).toMatchObject({
      count: 2,
      highestSeverity: 'Critical',
      detections: [{ rule: 'Second' }],
    });
    expect(await world.list(DRIFT_INCIDENTS)).toHaveLength(1);
  });
});
