// Disruption budgets as the controller keeps them, and evictions against them.
import { describe, expect, test } from 'vitest';
import type { Budget } from '../../../src/embedded/conditions.ts';
import { isReady, type Pod } from '../../../src/embedded/controllers/shapes.ts';
import { POD_DISRUPTION_BUDGETS, PODS } from '../../../src/kube/resources.ts';
import { at, createLab, MERGE_PATCH, newDeployment, newPod, type Lab } from './harness.ts';

const BUDGETS = at('poddisruptionbudgets', undefined, '/apis/policy/v1');
const selector = { matchLabels: { app: 'web' } };

const budget = (lab: Lab, name = 'web') =>
  lab.cluster.api.get(POD_DISRUPTION_BUDGETS, { namespace: 'shop', name }) as Budget;
const pods = (lab: Lab) => lab.cluster.api.list(PODS, 'shop') as Pod[];
const running = (lab: Lab) =>
  pods(lab).filter((pod) => isReady(pod) && pod.metadata.deletionTimestamp === undefined);
const evict = (lab: Lab, name: string, deleteOptions?: object) =>
  lab.call('POST', `${at('pods', name)}/eviction`, {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name, namespace: 'shop' },
    ...(deleteOptions && { deleteOptions }),
  });

async function labWith(replicas: number, spec: object): Promise<Lab> {
  const lab = createLab();
  lab.cluster.start();
  await lab.call('POST', BUDGETS, { metadata: { name: 'web' }, spec: { selector, ...spec } });
  await lab.call('POST', at('deployments', undefined, '/apis/apps/v1'), newDeployment(replicas));
  await lab.clock.until(() => running(lab).length === replicas, 5_000, 'all pods Ready');
  await lab.clock.advance(50);
  return lab;
}

function nameOf(lab: Lab, index = 0): string {
  return running(lab)[index]?.metadata.name ?? 'none';
}

describe('the numbers', () => {
  test.each([
    [3, { minAvailable: 2 }, { desiredHealthy: 2, expectedPods: 3, disruptionsAllowed: 1 }],
    [3, { minAvailable: 3 }, { desiredHealthy: 3, expectedPods: 3, disruptionsAllowed: 0 }],
    [3, { minAvailable: 0 }, { desiredHealthy: 0, expectedPods: 3, disruptionsAllowed: 3 }],
    [2, { minAvailable: 5 }, { desiredHealthy: 5, expectedPods: 2, disruptionsAllowed: 0 }],
    [3, { minAvailable: '50%' }, { desiredHealthy: 2, expectedPods: 3, disruptionsAllowed: 1 }],
    [3, { maxUnavailable: 1 }, { desiredHealthy: 2, expectedPods: 3, disruptionsAllowed: 1 }],
    [3, { maxUnavailable: '50%' }, { desiredHealthy: 1, expectedPods: 3, disruptionsAllowed: 2 }],
    [2, { maxUnavailable: 9 }, { desiredHealthy: 0, expectedPods: 2, disruptionsAllowed: 2 }],
  ])('%d pods under %j', async (replicas, spec, expected) => {
    const lab = await labWith(replicas, spec);
    expect(budget(lab).status).toMatchObject({
      ...expected,
      currentHealthy: replicas,
      observedGeneration: 1,
    });
  });

  test('allow nothing where nothing is selected', async () => {
    const lab = await labWith(1, { minAvailable: 0, selector: { matchLabels: { app: 'none' } } });
    expect(budget(lab).status).toMatchObject({ expectedPods: 0, disruptionsAllowed: 0 });
  });

  test('fail safely for pods of an unknown owner', async () => {
    const lab = await labWith(1, { maxUnavailable: 1 });
    const owner = { apiVersion: 'x.io/v1', kind: 'Rollout', name: 'r', uid: 'r-uid', controller: true };
    await lab.call(
      'POST',
      at('pods'),
      newPod('rolled', { metadata: { labels: { app: 'web' }, ownerReferences: [owner] } }),
    );
    await lab.clock.advance(1_000);
    expect(budget(lab).status?.disruptionsAllowed).toBe(0);
    expect(budget(lab).status?.conditions?.[0]).toMatchObject({
      type: 'DisruptionAllowed',
      status: 'False',
      reason: 'SyncFailed',
      message: 'found no controllers for pod "rolled"',
    });
    const { status, refusal } = await evict(lab, 'rolled');
    expect([status, refusal.details?.causes?.[0]?.message]).toEqual([
      429,
      'The disruption budget web does not allow evicting pods currently because it failed sync: found no controllers for pod "rolled"',
    ]);
  });

  test('do not count a pod that is not Ready or on its way out', async () => {
    const lab = await labWith(3, { minAvailable: 1 });
    const notReady = { status: { conditions: [{ type: 'Ready', status: 'False' }] } };
    await lab.call('PATCH', `${at('pods', nameOf(lab))}/status`, notReady, MERGE_PATCH);
    await lab.clock.advance(50);
    expect(budget(lab).status?.currentHealthy).toBe(2);
    await lab.call('DELETE', at('pods', nameOf(lab)));
    await lab.clock.advance(50);
    expect(budget(lab).status?.currentHealthy).toBe(1);
  });

  test('follow a pod that leaves the selection', async () => {
    const lab = await labWith(1, { minAvailable: 1 });
    lab.cluster.timings.startMs = 60_000;
    const change = { metadata: { labels: { app: 'other' } } };
    await lab.call('PATCH', at('pods', nameOf(lab)), change, MERGE_PATCH);
    await lab.clock.advance(50);
    expect(budget(lab).status?.currentHealthy).toBe(0);
  });

  test('are told in a condition whose time moves only with its status', async () => {
    const lab = await labWith(2, { minAvailable: 1 });
    const condition = () => budget(lab).status?.conditions?.[0];
    const before = condition();
    expect(before).toMatchObject({ type: 'DisruptionAllowed', status: 'True', reason: 'SufficientPods' });
    await lab.clock.advance(10_000);
    await lab.call('PATCH', `${BUDGETS}/web`, { spec: { minAvailable: 2 } }, MERGE_PATCH);
    await lab.clock.advance(50);
    expect(condition()).toMatchObject({ status: 'False', reason: 'InsufficientPods' });
    expect(condition()?.lastTransitionTime).not.toBe(before?.lastTransitionTime);
  });
});

describe('an eviction', () => {
  test('uses up the budget at once; the next one is refused until the replacement is Ready', async () => {
    const lab = await labWith(2, { minAvailable: 1 });
    const [one, two] = [nameOf(lab, 0), nameOf(lab, 1)];
    expect((await evict(lab, one)).status).toBe(201);
    const refused = await evict(lab, two);
    expect(refused.status).toBe(429);
    expect(refused.headers['retry-after']).toBeUndefined();
    await lab.clock.until(() => running(lab).length === 2, 5_000, 'the replacement');
    await lab.clock.advance(50);
    expect((await evict(lab, two)).status).toBe(201);
  });

  test('marks the pod before it goes', async () => {
    const lab = await labWith(1, { minAvailable: 0 });
    const name = nameOf(lab);
    await evict(lab, name, { gracePeriodSeconds: 1 });
    const pod = lab.pod(name) as Pod;
    expect(pod.metadata.deletionGracePeriodSeconds).toBe(1);
    expect(pod.status.conditions?.at(-1)).toMatchObject({
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'EvictionByEvictionAPI',
      message: 'Eviction API: evicting',
    });
  });

  test('that is granted and does not happen is given back after two minutes', async () => {
    const lab = await labWith(2, { minAvailable: 1 });
    await evict(lab, nameOf(lab), { preconditions: { uid: 'another' } });
    await lab.clock.advance(119_000);
    expect(budget(lab).status).toMatchObject({ disruptionsAllowed: 0, currentHealthy: 1 });
    await lab.clock.advance(2_000);
    expect(budget(lab).status).toMatchObject({ disruptionsAllowed: 1, currentHealthy: 2 });
    expect(budget(lab).status?.disruptedPods).toBeUndefined();
  });

  test('of a pod without its labels asks no budget', async () => {
    const lab = await labWith(1, { minAvailable: 1 });
    const name = nameOf(lab);
    await lab.call('PATCH', at('pods', name), { metadata: { labels: null } }, MERGE_PATCH);
    await lab.clock.advance(50);
    expect((await evict(lab, name)).status).toBe(201);
  });

  test.each(['Pending', 'Succeeded', 'Failed'])('of a %s pod asks no budget', async (phase) => {
    const lab = createLab();
    await lab.call('POST', BUDGETS, { metadata: { name: 'web' }, spec: { selector, minAvailable: 9 } });
    await lab.call('POST', at('pods'), newPod('web-1'));
    await lab.call('PATCH', `${at('pods', 'web-1')}/status`, { status: { phase } }, MERGE_PATCH);
    expect((await evict(lab, 'web-1')).status).toBe(201);
  });

  test('of a running pod asks its budget also when the budget is new', async () => {
    const lab = createLab();
    await lab.call('POST', BUDGETS, { metadata: { name: 'web' }, spec: { selector, minAvailable: 0 } });
    await lab.call('POST', at('pods'), newPod('web-1'));
    const ready = { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } };
    await lab.call('PATCH', `${at('pods', 'web-1')}/status`, ready, MERGE_PATCH);
    const { status, headers, refusal } = await evict(lab, 'web-1');
    expect([status, headers['retry-after'], refusal.details?.retryAfterSeconds]).toEqual([429, '10', 10]);
  });

  test('with the version it was decided on passes once, and not after a change', async () => {
    const lab = await labWith(2, { minAvailable: 0 });
    const name = nameOf(lab);
    const { resourceVersion } = lab.pod(name)?.metadata ?? {};
    await lab.call('PATCH', at('pods', name), { metadata: { labels: { changed: 'yes' } } }, MERGE_PATCH);
    expect((await evict(lab, name, { preconditions: { resourceVersion } })).status).toBe(409);
    const now = lab.pod(name)?.metadata.resourceVersion;
    expect((await evict(lab, name, { preconditions: { resourceVersion: now } })).status).toBe(201);
  });

  test('as a dry run leaves pod and budget as they were', async () => {
    const lab = await labWith(2, { minAvailable: 1 });
    const before = [lab.pod(nameOf(lab)), budget(lab)];
    expect((await evict(lab, nameOf(lab), { dryRun: ['All'] })).status).toBe(201);
    expect([lab.pod(nameOf(lab)), budget(lab)]).toEqual(before);
  });
});
