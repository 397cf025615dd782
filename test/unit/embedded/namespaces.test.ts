// The end of a namespace: content first, what is held holds, nothing new comes in.
import { describe, expect, test } from 'vitest';
import { CONFIG_MAPS, DRIFT_POLICIES, NAMESPACES, PODS } from '../../../src/kube/resources.ts';
import { at, createLab, MERGE_PATCH, newDeployment, newPod, type Lab } from './harness.ts';

const SHOP = '/api/v1/namespaces/shop';
const POLICIES = at('driftpolicies', undefined, '/apis/die-operator.dev/v1alpha1');
const policy = (name: string, finalizers: string[] = []) => ({
  apiVersion: 'die-operator.dev/v1alpha1',
  kind: 'DriftPolicy',
  metadata: { name, finalizers },
  spec: { responses: [{ name: 'all', actions: ['Label'] }] },
});
const isGone = (lab: Lab) => lab.cluster.api.get(NAMESPACES, { name: 'shop' }) === undefined;

test('an empty namespace goes at once', async () => {
  const lab = createLab();
  lab.cluster.start();
  await lab.call('DELETE', SHOP);
  await lab.clock.advance(20);
  expect(isGone(lab)).toBe(true);
});

test('without controllers a namespace stays Terminating', async () => {
  const lab = createLab();
  await lab.call('DELETE', SHOP);
  await lab.clock.advance(60_000);
  expect(lab.cluster.api.get(NAMESPACES, { name: 'shop' })?.['status']).toEqual({ phase: 'Terminating' });
});

test('the content goes first, pods with their grace', async () => {
  const lab = createLab();
  lab.cluster.start();
  await lab.call('POST', at('configmaps'), { metadata: { name: 'a' } });
  await lab.call('POST', at('pods'), newPod('web-1'));
  await lab.clock.until(() => lab.pod('web-1')?.['status'] !== undefined, 1_000, 'the pod');
  await lab.clock.advance(400);
  await lab.call('DELETE', SHOP);
  await lab.clock.advance(100);
  expect(lab.cluster.api.list(CONFIG_MAPS, 'shop')).toEqual([]);
  expect(lab.pod('web-1')?.metadata.deletionTimestamp).toBeDefined();
  expect(isGone(lab)).toBe(false);
  await lab.clock.until(() => isGone(lab), 2_000, 'the end of the namespace');
  expect(lab.pod('web-1')).toBeUndefined();
});

test('controllers do not fill it again', async () => {
  const lab = createLab();
  lab.cluster.start();
  await lab.call('POST', at('deployments', undefined, '/apis/apps/v1'), newDeployment(3));
  await lab.clock.advance(1_000);
  expect(lab.cluster.api.list(PODS, 'shop')).toHaveLength(3);
  await lab.call('DELETE', SHOP);
  await lab.clock.until(() => isGone(lab), 5_000, 'the end of the namespace');
  await lab.clock.advance(5_000);
  expect(lab.cluster.api.list(PODS, 'shop')).toEqual([]);
});

describe('a finalizer', () => {
  test('holds the namespace until it is taken away', async () => {
    const lab = createLab();
    lab.cluster.start();
    await lab.call('POST', POLICIES, policy('held', ['die-operator.dev/containment']));
    await lab.call('DELETE', SHOP);
    await lab.clock.advance(60_000);
    expect(isGone(lab)).toBe(false);
    expect(
      lab.cluster.api.get(DRIFT_POLICIES, { namespace: 'shop', name: 'held' })?.metadata.deletionTimestamp,
    ).toBeDefined();
    await lab.call('PATCH', `${POLICIES}/held`, { metadata: { finalizers: null } }, MERGE_PATCH);
    await lab.clock.advance(20);
    expect(isGone(lab)).toBe(true);
  });

  test('does not hold what has none', async () => {
    const lab = createLab();
    lab.cluster.start();
    await lab.call('POST', POLICIES, policy('held', ['die-operator.dev/containment']));
    await lab.call('POST', POLICIES, policy('free'));
    await lab.call('DELETE', SHOP);
    await lab.clock.advance(20);
    expect(lab.cluster.api.list(DRIFT_POLICIES, 'shop').map(({ metadata }) => metadata.name)).toEqual([
      'held',
    ]);
  });

  test('lets the held object be changed, but nothing new come in', async () => {
    const lab = createLab();
    lab.cluster.start();
    await lab.call('POST', POLICIES, policy('held', ['die-operator.dev/containment']));
    await lab.call('DELETE', SHOP);
    await lab.clock.advance(20);
    const change = { status: { observedGeneration: 1 } };
    expect((await lab.call('PATCH', `${POLICIES}/held/status`, change, MERGE_PATCH)).status).toBe(200);
    expect((await lab.call('POST', POLICIES, policy('late'))).status).toBe(403);
  });
});

test('a namespace of that name can be made again', async () => {
  const lab = createLab();
  lab.cluster.start();
  await lab.call('DELETE', SHOP);
  await lab.clock.advance(20);
  const { status } = await lab.call('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } });
  expect(status).toBe(201);
  await lab.clock.advance(20);
  expect((await lab.call('POST', at('pods'), newPod('web-1'))).status).toBe(201);
});

test('the status of a namespace is a part of it, not a kind in it', async () => {
  const lab = createLab();
  const { status, object } = await lab.call('GET', `${SHOP}/status`);
  expect([status, object.kind, object['status']]).toEqual([200, 'Namespace', { phase: 'Active' }]);
});

test('other namespaces are not touched', async () => {
  const lab = createLab();
  lab.cluster.start();
  await lab.call('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'mine' } });
  await lab.call('DELETE', SHOP);
  await lab.clock.advance(1_000);
  expect(lab.cluster.api.get(CONFIG_MAPS, { namespace: 'default', name: 'mine' })).toBeDefined();
});
