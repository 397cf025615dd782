// An incident that grows: a worse alert about a pod that was changed already, and what has to be in place before more
// of the pod is changed.
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import { FINALIZER, QUARANTINE_LABEL } from '../../src/api/names.ts';
import { DRIFT_INCIDENTS, DRIFT_POLICIES } from '../../src/kube/resources.ts';
import { answers500, fault, losesAnswer } from '../support/faults.ts';
import { simulationTest as test } from '../support/flow-test.ts';
import type { TestOperator, World } from '../support/world.ts';

const SELECTS = { match: { podSelector: { matchLabels: { app: 'web' } } } };
const CONTAIN = { name: 'contain', minSeverity: 'Warning', actions: ['Label', 'Isolate'] };
const REPLACE = { name: 'replace', minSeverity: 'Critical', actions: ['Capture', 'Evict'] };

function evictions({ writes }: TestOperator): number {
  return writes.filter(
    ({ path, status }) => path.includes('/eviction') && !path.includes('dryRun') && status < 300,
  ).length;
}

describe('a pod that was isolated for a Warning', () => {
  test('is captured and evicted for a Critical, although it has lost the labels that the policy selects by', async ({
    embedded: { world },
  }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy({ ...SELECTS, responses: [CONTAIN, REPLACE] });
    await operator.post(world.alert(victim, { priority: 'Warning', rule: 'First' }));
    await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
    expect((await world.pod(victim.metadata.name))?.metadata.labels).not.toHaveProperty('app');
    expect(evictions(operator)).toBe(0);

    const answer = await operator.post(world.alert(victim, { priority: 'Critical', rule: 'Second' }));
    expect(answer.body).toMatchObject({ outcome: 'Reported' });
    const incident = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    expect(incident.status?.evidence?.problems).toEqual([]);
    expect(evictions(operator)).toBe(1);
    expect(await world.list(DRIFT_INCIDENTS)).toHaveLength(1);
  });

  test('is not evicted for a Critical by a policy that never selected it', async ({
    embedded: { world, clock },
  }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy({ ...SELECTS, responses: [CONTAIN] });
    await world.policy(
      {
        match: { podSelector: { matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] } },
        responses: [REPLACE],
      },
      'unlabelled',
    );
    await operator.post(world.alert(victim, { priority: 'Warning', rule: 'First' }));
    await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
    await operator.post(world.alert(victim, { priority: 'Critical', rule: 'Second' }));
    await clock.advance(10_000);
    await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
    expect(evictions(operator)).toBe(0);
  });
});

/** Indexes of the first write that adds our finalizer and of the first that changes a pod. */
function order({ writes }: TestOperator): { finalizer: number; pod: number } {
  return {
    finalizer: writes.findIndex(({ body }) => JSON.stringify(body).includes(FINALIZER)),
    pod: writes.findIndex(({ method, path }) => method === 'PATCH' && path.includes('/pods/')),
  };
}

async function deleteIncident(world: World, { metadata }: DriftIncident): Promise<void> {
  const { namespace = '', name, uid } = metadata;
  await world.client.delete(DRIFT_INCIDENTS, { namespace, name }, uid);
}

describe.each<[string, object, string]>([
  [
    'Capture only',
    {
      mode: 'Enforce',
      responses: [
        { name: 'look', minSeverity: 'Warning', actions: ['Capture'] },
        { ...CONTAIN, minSeverity: 'Critical' },
      ],
    },
    'Recorded',
  ],
  ['Audit', { mode: 'Audit', responses: [CONTAIN] }, 'Audit'],
])('an incident that began with %s and is escalated to Isolate', (_what, spec, reason) => {
  async function escalated(world: World) {
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy(spec);
    await operator.post(world.alert(victim, { priority: 'Warning', rule: 'First' }));
    const begun = await world.incident('that rests', (i) => i.status?.phase === 'Observed');
    expect(begun.status?.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', reason }));
    expect(begun.metadata.finalizers ?? []).toEqual([]);
    await enforce(world);
    await operator.post(world.alert(victim, { priority: 'Critical', rule: 'Second' }));
    const incident = await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
    return { operator, victim, incident };
  }

  test('has the finalizer before the pod is changed', async ({ embedded: { world } }) => {
    const { operator, incident } = await escalated(world);
    const { finalizer, pod } = order(operator);
    expect(finalizer).toBeGreaterThanOrEqual(0);
    expect(pod).toBeGreaterThan(finalizer);
    expect(incident.metadata.finalizers).toEqual([FINALIZER]);
  });

  test('contains the pod when it is deleted', async ({ embedded: { world } }) => {
    const { operator, victim, incident } = await escalated(world);
    await deleteIncident(world, incident);
    await world.until(
      'the pod is gone',
      async () => (await world.pod(victim.metadata.name)) === undefined || undefined,
    );
    await world.until(
      'the incident is gone',
      async () => (await world.list(DRIFT_INCIDENTS)).length === 0 || undefined,
    );
    expect(operator.writes.filter(({ method }) => method === 'DELETE')).toMatchObject([
      { body: { preconditions: { uid: victim.metadata.uid } } },
    ]);
  });

  test('leaves the pod alone when the finalizer cannot be put on', async ({ embedded: { world, clock } }) => {
    const victim = await world.victim(3);
    const refused = fault(/^PATCH .*driftincidents.*finalizers/, clock, answers500);
    const operator = await world.operator({}, refused.wrap);
    await world.policy(spec);
    await operator.post(world.alert(victim, { priority: 'Warning', rule: 'First' }));
    await world.incident('that rests', (i) => i.status?.phase === 'Observed');
    await enforce(world);
    await operator.post(world.alert(victim, { priority: 'Critical', rule: 'Second' }));
    await world.until('the finalizer was refused', async () => refused.at.length > 0 || undefined);
    await clock.advance(5_000);
    expect((await world.pod(victim.metadata.name))?.metadata.labels).toEqual(victim.metadata.labels);
    refused.left = 0;
    await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
  });
});

async function enforce(world: World): Promise<void> {
  const at = { namespace: world.namespace, name: 'web' };
  const { metadata } = await world.client.jsonPatch(DRIFT_POLICIES, at, [
    { op: 'replace', path: '/spec/mode', value: 'Enforce' },
  ]);
  await world.until('the policy is judged again', async () => {
    const policy = await world.client.get(DRIFT_POLICIES, at);
    const { conditions = [] } = (policy['status'] ?? {}) as {
      conditions?: { observedGeneration?: number }[];
    };
    const seen = conditions.every(({ observedGeneration }) => observedGeneration === metadata['generation']);
    return seen || undefined;
  });
}

describe.each([
  ['fails with 500', answers500],
  ['is carried out and its answer is lost', losesAnswer],
])('a write of an escalation that %s', (_what, strike) => {
  test('is done again soon, counts the alert once, and the response is extended', async ({
    embedded: { world, clock },
  }) => {
    const victim = await world.victim(3);
    const once = fault(/^PATCH .*driftincidents.*reports/, clock, strike);
    once.left = 1;
    const operator = await world.operator({}, once.wrap);
    await world.policy({
      responses: [
        { ...CONTAIN, actions: ['Label'] },
        { ...REPLACE, actions: ['Isolate'] },
      ],
    });
    await operator.post(world.alert(victim, { priority: 'Warning', rule: 'First' }));
    await world.incident('that rests', (i) => i.status?.phase === 'Observed');
    const start = clock.now();
    void operator.post(world.alert(victim, { priority: 'Critical', rule: 'Second' }));
    await world.until('the pod is isolated', async () => {
      const pod = await world.pod(victim.metadata.name);
      return pod?.metadata.labels?.[QUARANTINE_LABEL] === 'true' || undefined;
    });
    expect(clock.now() - start).toBeLessThan(2_000);
    expect(once.at).toHaveLength(1);
    await clock.advance(75_000);
    const [incident] = await world.list<DriftIncident>(DRIFT_INCIDENTS);
    expect(incident?.status?.reports).toMatchObject({
      'test-1': { count: 2, highestSeverity: 'Critical', detections: [{ rule: 'Second' }] },
    });
    expect(await operator.metrics()).toMatch(/outcome="Reported"\} 1/);
  });
});
