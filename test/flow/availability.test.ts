// What a workload can spare: its share, budgets whose status is out of date, and quotas.
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { DRIFT_INCIDENTS, PODS, RESOURCE_QUOTAS } from '../../src/kube/resources.ts';
import { flowTest as test } from '../support/flow-test.ts';
import { isReady, type World } from '../support/world.ts';
import { budget, budgetStatus } from '../support/budgets.ts';

const CONTAIN = [{ name: 'contain', minSeverity: 'Warning', actions: ['Label', 'Isolate'] }];
const ALL = { limits: { perWorkload: { maxUnavailable: '100%' } } };
// Who decides is another test's concern.
const UNASKED = { approval: { requiredFor: [] } };

async function quota(world: World, hard: Record<string, string>): Promise<void> {
  const { namespace } = world;
  const metadata = { name: 'small', namespace };
  const made = { apiVersion: 'v1', kind: 'ResourceQuota', metadata, spec: { hard } };
  await world.client.create(RESOURCE_QUOTAS, { namespace }, made);
  await world.until('the quota is counted', async () => {
    const found = await world.client.get<KubeObject & { status?: { used?: object } }>(
      RESOURCE_QUOTAS,
      metadata,
    );
    return Object.keys(found.status?.used ?? {}).length > 0 || undefined;
  });
}

const reasonIs = (reason: string) => (incident: DriftIncident) =>
  findCondition(incident.status?.conditions, 'Ready')?.reason === reason;
const asked = (operator: { writes: readonly { path: string }[] }) =>
  operator.writes.some(({ path }) => path.includes('/eviction'));

async function setReady(world: World, pod: KubeObject, ready: boolean): Promise<void> {
  const at = { namespace: world.namespace, name: pod.metadata.name, subresource: 'status' };
  const { status } = (await world.pod(pod.metadata.name)) as { status?: { conditions?: { type: string }[] } };
  const index = status?.conditions?.findIndex(({ type }) => type === 'Ready') ?? -1;
  await world.client.jsonPatch(PODS, at, [
    { op: 'replace', path: `/status/conditions/${index}/status`, value: ready ? 'True' : 'False' },
  ]);
}

describe('the share of a workload that may be missing', () => {
  test('keeps a pod in it while another one is not Ready, and holds its eviction until it is', async ({
    world,
  }) => {
    const [victim, other] = await world.deployment(4);
    if (!victim || !other) throw new Error('there are no two pods');
    await setReady(world, other, false);
    const operator = await world.operator();
    await world.policy(UNASKED);
    await operator.post(world.alert(victim));
    const held = await world.incident('that is held', reasonIs('MaxUnavailable'));
    expect(held.status).toMatchObject({ phase: 'Quarantined', isolation: { form: 'Gentle' } });
    expect(held.status?.plan?.message).toContain(
      'f the 4 pods of the workload 1 besides this one are missing or not Ready, and limits.perWorkload.maxUnavailable of 25% lets 1 be',
    );
    expect(asked(operator)).toBe(false);
    await setReady(world, other, true);
    await world.incident('that is over', ({ status }) => status?.phase === 'Resolved');
  });
});

describe('a disruption budget', () => {
  test('that has no pod to spare keeps a pod in its workload, and is named', async ({ world }) => {
    const victim = await world.victim(2);
    const operator = await world.operator();
    await budget(world, 'strict', { minAvailable: 2 });
    await world.policy({ responses: CONTAIN, ...ALL });
    await operator.post(world.alert(victim));
    const incident = await world.incident('in quarantine', ({ status }) => status?.phase === 'Quarantined');
    expect(incident.status?.isolation?.form).toBe('Gentle');
    expect(incident.status?.plan?.message).toContain('Disruption budget strict needs 2 healthy pods');
  });

  test('is counted from pods, where its status still has one that left', async ({ world }) => {
    const [first, second] = await world.deployment(2);
    if (!first || !second) throw new Error('there are no two pods');
    const { namespace } = world;
    await budget(world, 'stale', { minAvailable: 1 });
    // The replacement cannot start, and so nothing has the budget counted anew.
    await quota(world, { pods: '2' });
    const at = { namespace, name: first.metadata.name };
    await world.client.jsonPatch(PODS, at, [
      { op: 'replace', path: '/metadata/labels', value: { app: 'other' } },
    ]);
    await world.until('the pod is let go', async () => {
      const { metadata } = (await world.pod(at.name)) ?? first;
      return (metadata.ownerReferences ?? []).length === 0 || undefined;
    });
    expect(await budgetStatus(world, 'stale')).toMatchObject({ currentHealthy: 2, disruptionsAllowed: 1 });
    const operator = await world.operator();
    await world.policy({ ...ALL, ...UNASKED });
    await operator.post(world.alert(second));
    const waiting = await world.incident('that waits', reasonIs('DisruptionBudget'));
    expect(waiting.status?.isolation?.form).toBe('Gentle');
    expect(findCondition(waiting.status?.conditions, 'Ready')?.message).toContain(
      'disruption budget stale needs 1 healthy pods, and of 1 there are 1',
    );
    expect(asked(operator)).toBe(false);
    expect(isReady((await world.pod(second.metadata.name)) ?? second)).toBe(true);
  });
});

describe('a quota', () => {
  test('without room for a replacement beside the pod keeps the pod in its workload', async ({ world }) => {
    const victim = await world.victim(2);
    await quota(world, { pods: '2' });
    const operator = await world.operator();
    await world.policy({ ...ALL, ...UNASKED });
    await operator.post(world.alert(victim));
    const incident = await world.incident('that is over', ({ status }) => status?.phase === 'Resolved');
    expect(incident.status?.isolation?.form).toBe('Gentle');
    expect(incident.status?.plan?.message).toContain('quota small allows 2 of pods, and 2 are used');
  });

  test('with room for one replacement is not promised to two', async ({ world }) => {
    const pods = await world.deployment(8);
    await quota(world, { pods: '9' });
    const operator = await world.operator();
    await world.policy({ responses: CONTAIN, ...ALL });
    await Promise.all(pods.slice(0, 2).map((pod) => operator.post(world.alert(pod))));
    const isolated = await world.until('two isolated pods', async () => {
      const list = await world.list<DriftIncident>(DRIFT_INCIDENTS);
      const forms = list.flatMap(({ status }) => status?.isolation?.form ?? []);
      return forms.length === 2 ? forms : undefined;
    });
    expect(isolated.toSorted()).toEqual(['Gentle', 'Orphan']);
  });
});
