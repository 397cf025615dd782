// Evictions that do not simply go: past a budget, or of pods that others hold or delete; and what is said of their end.
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { POD_DISRUPTION_BUDGETS, PODS } from '../../src/kube/resources.ts';
import { flowTest as test } from '../support/flow-test.ts';
import type { World } from '../support/world.ts';

// A gently isolated pod still counts for its budget; an orphan does not.
const GENTLE = { limits: { perWorkload: { quarantined: 0 } } };
const SOON = { waitForBudget: '2s' };
const FINALIZER = 'example.com/hold';

interface Budget extends KubeObject {
  status?: { currentHealthy?: number };
}

async function budget(world: World, name: string): Promise<void> {
  const { namespace } = world;
  const spec = { minAvailable: 3, selector: { matchLabels: { app: 'web' } } };
  const metadata = { name, namespace };
  const body = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata, spec };
  await world.client.create(POD_DISRUPTION_BUDGETS, { namespace }, body);
  await world.until('the budget is counted', async () => {
    const found = await world.client.get<Budget>(POD_DISRUPTION_BUDGETS, { namespace, name });
    return found.status?.currentHealthy;
  });
}

const reasonOf = (incident: DriftIncident) => findCondition(incident.status?.conditions, 'Ready')?.reason;
const isOver = ({ status }: DriftIncident) => status?.phase === 'Resolved';
const contained = ({ status }: DriftIncident) => findCondition(status?.conditions, 'Contained');

async function respond(world: World, eviction: object, budgets: readonly string[]): Promise<KubeObject> {
  const victim = await world.victim(3);
  const operator = await world.operator();
  await world.policy({ ...GENTLE, eviction });
  for (const name of budgets) await budget(world, name);
  await operator.post(world.alert(victim));
  return victim;
}

describe('a budget that is against the eviction for as long as the policy waits', () => {
  test('holds the pod, until a person decides', async ({ world }) => {
    const victim = await respond(world, { ...SOON, then: 'Hold' }, ['strict']);
    const held = await world.incident('that gave up', (i) => reasonOf(i) === 'EvictionTimeout');
    const stalled = findCondition(held.status?.conditions, 'Stalled');
    expect(stalled?.message).toMatch(/strict.*release the incident, or delete the pod/);
    expect(held.status?.eviction?.budget).toBeDefined();
    expect((await world.pod(victim.metadata.name))?.metadata.deletionTimestamp).toBeUndefined();
  });

  test.for([
    ['one budget', ['strict']],
    ['two budgets', ['strict', 'other']],
  ] as const)('does not save the pod where the policy says so, with %s', async ([, budgets], { world }) => {
    await respond(world, { ...SOON, then: 'Delete' }, budgets);
    const { status } = await world.incident('that is over', isOver);
    expect(status?.eviction).toMatchObject({ by: 'Delete', gracePeriodSeconds: 1 });
    const { since = '', refusedAt = '' } = status?.eviction?.budget ?? {};
    expect(Date.parse(refusedAt) - Date.parse(since)).toBeGreaterThanOrEqual(2_000);
  });
});

describe('a pod that goes', () => {
  test('is contained once its containers have ended, also while a finalizer keeps it', async ({ world }) => {
    const victim = await world.victim(3);
    const at = { namespace: world.namespace, name: victim.metadata.name };
    await world.client.jsonPatch(PODS, at, [{ op: 'add', path: '/metadata/finalizers', value: [FINALIZER] }]);
    const operator = await world.operator();
    await world.policy();
    await operator.post(world.alert(victim));
    const held = await world.incident('that is held', (i) => reasonOf(i) === 'HeldByFinalizer');
    expect(contained(held)).toMatchObject({ status: 'True', reason: 'Terminated' });
    expect(held.status?.eviction).toMatchObject({ by: 'Eviction', gracePeriodSeconds: 1 });
    expect(held.status?.eviction?.goneAt).toBeUndefined();
    expect(findCondition(held.status?.conditions, 'Stalled')?.message).toContain(FINALIZER);
    await world.client.jsonPatch(PODS, at, [{ op: 'remove', path: '/metadata/finalizers' }]);
    const over = await world.incident('that is over', isOver);
    expect(contained(over)).toMatchObject({ status: 'True', reason: 'Terminated' });
    expect(over.status?.eviction?.goneAt).toBeDefined();
  });

  test('by the hand of another keeps the grace that it got, and is contained if that was seen', async ({
    world,
  }) => {
    const victim = await world.victim(3);
    const { uid, name } = victim.metadata;
    const operator = await world.operator();
    await world.policy({ responses: [{ name: 'hold', minSeverity: 'Warning', actions: ['Isolate'] }] });
    await operator.post(world.alert(victim));
    await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
    const at = { namespace: world.namespace, name };
    // Long enough to be seen before the kubelet removes the pod, with a grace of 0.
    world.stopsWithin(3_000);
    await world.client.delete(PODS, at, uid, { gracePeriodSeconds: 30 });
    await world.until(
      'it is told',
      async () =>
        operator.events.some(({ body }) => JSON.stringify(body).includes('with a grace of 30 s')) ||
        undefined,
    );
    const over = await world.incident('that is over', (i) => i.status?.phase === 'TargetGone');
    expect(contained(over)).toMatchObject({ status: 'True', reason: 'Terminated' });
    expect(operator.writes.filter(({ path }) => path.includes('/eviction'))).toEqual([]);
  });
});
