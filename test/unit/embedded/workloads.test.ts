// Deployments and ReplicaSets: making pods, letting go of them, taking them back, choosing which one dies.
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { byDeletionOrder } from '../../../src/embedded/controllers/replicaset-order.ts';
import { controllerRef, isReady, type Pod } from '../../../src/embedded/controllers/shapes.ts';
import { DEPLOYMENTS, PODS, REPLICA_SETS } from '../../../src/kube/resources.ts';
import { at, createLab, JSON_PATCH, MERGE_PATCH, newDeployment, newPod, type Lab } from './harness.ts';

const DEPLOYMENT = at('deployments', 'web', '/apis/apps/v1');

const pods = ({ cluster }: Lab) => cluster.api.list(PODS, 'shop') as Pod[];
const owned = (lab: Lab) => pods(lab).filter((pod) => controllerRef(pod) !== undefined);
const running = (lab: Lab) => owned(lab).filter(isReady);

async function withDeployment(replicas: number): Promise<Lab> {
  const lab = createLab();
  lab.cluster.start();
  await lab.call('POST', at('deployments', undefined, '/apis/apps/v1'), newDeployment(replicas));
  await lab.clock.until(() => running(lab).length === replicas, 5_000, 'all pods Ready');
  await lab.clock.advance(50);
  return lab;
}

function first(lab: Lab): Pod {
  const [pod] = running(lab);
  if (!pod) throw new Error('no pod runs');
  return pod;
}

const quarantine = (lab: Lab, pod: KubeObject) =>
  lab.call(
    'PATCH',
    at('pods', pod.metadata.name),
    [{ op: 'add', path: '/metadata/labels', value: { 'die-operator.dev/quarantine': 'true' } }],
    JSON_PATCH,
  );

describe('a Deployment', () => {
  test('has one ReplicaSet named by the hash of its template, and its pods', async () => {
    const lab = await withDeployment(2);
    const [set, another] = lab.cluster.api.list(REPLICA_SETS, 'shop');
    expect(another).toBeUndefined();
    const hash = set?.metadata.labels?.['pod-template-hash'] ?? '';
    expect(hash).toMatch(/^[a-z0-9]{10}$/);
    expect(set?.metadata.name).toBe(`web-${hash}`);
    expect(controllerRef(set as KubeObject)).toMatchObject({ kind: 'Deployment', name: 'web' });
    for (const pod of pods(lab)) {
      expect(pod.metadata.name).toMatch(new RegExp(`^web-${hash}-[a-z0-9]{5}$`));
      expect(pod.metadata.labels).toEqual({ app: 'web', 'pod-template-hash': hash });
      expect(controllerRef(pod)).toMatchObject({ kind: 'ReplicaSet', name: set?.metadata.name });
    }
  });

  test('reports its pods', async () => {
    const lab = await withDeployment(2);
    expect((await lab.call('GET', DEPLOYMENT)).object['status']).toEqual({
      observedGeneration: 1,
      replicas: 2,
      updatedReplicas: 2,
      readyReplicas: 2,
      availableReplicas: 2,
    });
  });

  test.each([3, 1, 0])('follows a change to %d replicas', async (replicas) => {
    const lab = await withDeployment(2);
    await lab.call('PATCH', DEPLOYMENT, { spec: { replicas } }, MERGE_PATCH);
    await lab.clock.advance(3_000);
    expect(running(lab)).toHaveLength(replicas);
    expect(pods(lab)).toHaveLength(replicas);
  });

  test('replaces its pods when the template changes', async () => {
    const lab = await withDeployment(2);
    const before = pods(lab).map(({ metadata }) => metadata.uid);
    await lab.call('PUT', DEPLOYMENT, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      ...newDeployment(2, 'registry.example/web:2'),
    });
    await lab.clock.advance(3_000);
    expect(pods(lab).map(({ spec }) => spec.containers[0]?.image)).toEqual([
      'registry.example/web:2',
      'registry.example/web:2',
    ]);
    expect(pods(lab).some(({ metadata }) => before.includes(metadata.uid))).toBe(false);
    const sets = lab.cluster.api.list(REPLICA_SETS, 'shop');
    expect(sets.map(({ spec }) => (spec as { replicas: number }).replicas).toSorted((a, b) => a - b)).toEqual(
      [0, 2],
    );
  });

  test('goes with all that is its own', async () => {
    const lab = await withDeployment(2);
    await lab.call('DELETE', DEPLOYMENT);
    await lab.clock.advance(3_000);
    expect(lab.cluster.api.list(DEPLOYMENTS, 'shop')).toEqual([]);
    expect(lab.cluster.api.list(REPLICA_SETS, 'shop')).toEqual([]);
    expect(pods(lab)).toEqual([]);
  });
});

describe('a pod whose labels are all taken away', () => {
  test('is released and goes on running; a clean one takes its place', async () => {
    const lab = await withDeployment(2);
    const suspect = first(lab);
    await quarantine(lab, suspect);
    await lab.clock.advance(1_000);
    const released = lab.pod(suspect.metadata.name) as Pod;
    expect(released.metadata.uid).toBe(suspect.metadata.uid);
    expect(released.metadata.ownerReferences).toBeUndefined();
    expect(isReady(released)).toBe(true);
    expect(running(lab)).toHaveLength(2);
    expect(pods(lab)).toHaveLength(3);
  });

  test('is released within some ten milliseconds, as on a real cluster', async () => {
    const lab = await withDeployment(2);
    const suspect = first(lab);
    await quarantine(lab, suspect);
    await lab.clock.advance(30);
    expect(controllerRef(lab.pod(suspect.metadata.name) as KubeObject)).toBeUndefined();
    expect(owned(lab)).toHaveLength(2);
  });

  test('keeps owners that do not manage it', async () => {
    const lab = await withDeployment(1);
    const suspect = first(lab);
    const other = { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'cm-uid' };
    const path = '/metadata/ownerReferences/-';
    await lab.call(
      'PATCH',
      at('pods', suspect.metadata.name),
      [{ op: 'add', path, value: other }],
      JSON_PATCH,
    );
    await quarantine(lab, suspect);
    await lab.clock.advance(100);
    expect(lab.pod(suspect.metadata.name)?.metadata.ownerReferences).toEqual([other]);
  });

  test('is not deleted with its former owner', async () => {
    const lab = await withDeployment(1);
    const suspect = first(lab);
    await quarantine(lab, suspect);
    await lab.clock.advance(100);
    await lab.call('DELETE', DEPLOYMENT);
    await lab.clock.advance(5_000);
    expect(pods(lab).map(({ metadata }) => metadata.name)).toEqual([suspect.metadata.name]);
  });

  test('is taken back with its labels, and the newer pod dies', async () => {
    const lab = await withDeployment(2);
    // Ages are told in whole seconds.
    await lab.clock.advance(1_000);
    const suspect = first(lab);
    await quarantine(lab, suspect);
    await lab.clock.advance(2_000);
    const { labels } = suspect.metadata;
    const operations = [{ op: 'add', path: '/metadata/labels', value: labels }];
    await lab.call('PATCH', at('pods', suspect.metadata.name), operations, JSON_PATCH);
    await lab.clock.advance(3_000);
    expect(controllerRef(lab.pod(suspect.metadata.name) as KubeObject)).toMatchObject({ kind: 'ReplicaSet' });
    expect(pods(lab)).toHaveLength(2);
  });

  test('dies itself when its deletion cost says so', async () => {
    const lab = await withDeployment(2);
    const suspect = first(lab);
    await quarantine(lab, suspect);
    await lab.clock.advance(2_000);
    const annotations = { 'controller.kubernetes.io/pod-deletion-cost': '-1000' };
    await lab.call(
      'PATCH',
      at('pods', suspect.metadata.name),
      { metadata: { labels: suspect.metadata.labels, annotations } },
      MERGE_PATCH,
    );
    await lab.clock.advance(3_000);
    expect(lab.pod(suspect.metadata.name)).toBeUndefined();
    expect(running(lab)).toHaveLength(2);
  });
});

test('a pod with one label more stays where it is', async () => {
  const lab = await withDeployment(2);
  const suspect = first(lab);
  await lab.call(
    'PATCH',
    at('pods', suspect.metadata.name),
    { metadata: { labels: { 'die-operator.dev/quarantine': 'true' } } },
    MERGE_PATCH,
  );
  await lab.clock.advance(2_000);
  expect(controllerRef(lab.pod(suspect.metadata.name) as KubeObject)).toBeDefined();
  expect(pods(lab)).toHaveLength(2);
});

test('a stranger that matches is adopted, and counts', async () => {
  const lab = await withDeployment(2);
  const { labels } = first(lab).metadata;
  await lab.call('POST', at('pods'), newPod('stranger', { metadata: { labels } }));
  await lab.clock.advance(3_000);
  expect(pods(lab)).toHaveLength(2);
  expect(owned(lab)).toHaveLength(2);
});

test('a set that is being deleted neither lets go nor takes', async () => {
  const lab = await withDeployment(1);
  const [set] = lab.cluster.api.list(REPLICA_SETS, 'shop');
  const path = at('replicasets', set?.metadata.name, '/apis/apps/v1');
  await lab.call('PATCH', path, { metadata: { finalizers: ['x.io/held'] } }, MERGE_PATCH);
  await lab.call('DELETE', path);
  const suspect = first(lab);
  const { labels } = suspect.metadata;
  await quarantine(lab, suspect);
  await lab.call('POST', at('pods'), newPod('stranger', { metadata: { labels } }));
  await lab.clock.advance(2_000);
  expect(controllerRef(lab.pod(suspect.metadata.name) as KubeObject)).toBeDefined();
  expect(controllerRef(lab.pod('stranger') as KubeObject)).toBeUndefined();
  expect(pods(lab)).toHaveLength(2);
});

test('a pod with a second owner survives the first', async () => {
  const lab = await withDeployment(1);
  const shared = first(lab);
  const other = { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'cm-uid' };
  const path = '/metadata/ownerReferences/-';
  await lab.call('PATCH', at('pods', shared.metadata.name), [{ op: 'add', path, value: other }], JSON_PATCH);
  await lab.call('DELETE', DEPLOYMENT);
  await lab.clock.advance(5_000);
  expect(pods(lab).map(({ metadata }) => metadata.name)).toEqual([shared.metadata.name]);
});

test('a pod that somebody deletes is replaced', async () => {
  const lab = await withDeployment(2);
  const victim = first(lab);
  await lab.call('DELETE', at('pods', victim.metadata.name));
  await lab.clock.advance(3_000);
  expect(lab.pod(victim.metadata.name)).toBeUndefined();
  expect(running(lab)).toHaveLength(2);
});

test('nothing happens after the controllers were stopped, and everything when they start again', async () => {
  const lab = await withDeployment(1);
  lab.cluster.stop();
  await lab.call('PATCH', DEPLOYMENT, { spec: { replicas: 3 } }, MERGE_PATCH);
  await lab.clock.advance(5_000);
  expect(pods(lab)).toHaveLength(1);
  lab.cluster.start();
  await lab.clock.advance(1_000);
  expect(running(lab)).toHaveLength(3);
});

describe('the order in which surplus pods die', () => {
  const pod = (
    uid: string,
    { node = 'node-1', phase = 'Running', ready = 'True', cost = '', made = '2026-11-22T00:00:00Z' } = {},
  ): Pod => ({
    metadata: {
      name: uid,
      uid,
      resourceVersion: '1',
      creationTimestamp: made,
      ...(cost !== '' && { annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost } }),
    },
    spec: { containers: [], ...(node !== '' && { nodeName: node }) },
    status: { phase, conditions: [{ type: 'Ready', status: ready }] },
  });

  test.each([
    [
      'without a node before with one',
      pod('a', { node: '' }),
      pod('b', { phase: 'Pending', ready: 'False' }),
    ],
    ['pending before running', pod('a', { phase: 'Pending', cost: '5' }), pod('b', { ready: 'False' })],
    ['not ready before ready', pod('a', { ready: 'False', cost: '5' }), pod('b')],
    ['cheap before dear', pod('a', { cost: '-1' }), pod('b', { made: '2026-11-22T01:00:00Z' })],
    ['no cost before a cost', pod('a'), pod('b', { cost: '1' })],
    ['new before old', pod('a', { made: '2026-11-22T01:00:00Z' }), pod('b')],
    ['by uid when nothing else differs', pod('a'), pod('b')],
    ['a cost that is no number counts for nothing', pod('a', { cost: 'x' }), pod('b')],
  ])('%s', (_what, sooner, later) => {
    expect(byDeletionOrder(sooner, later)).toBeLessThan(0);
    expect(byDeletionOrder(later, sooner)).toBeGreaterThan(0);
  });
});
