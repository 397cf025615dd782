// Deletions with their events: what a watch sees, what waits, what goes.
import { describe, expect, test } from 'vitest';
import { at, createLab, MERGE_PATCH, newPod, settled, type Lab } from './harness.ts';

const PODS = at('pods');

async function watched(change: Parameters<typeof newPod>[1]): Promise<{ lab: Lab; summary: () => string[] }> {
  const lab = createLab();
  await lab.call('POST', PODS, newPod('web-1', change));
  const watch = await lab.watch(`${PODS}?watch=true`);
  await settled();
  return { lab, summary: () => watch.summary().slice(1) };
}

const onNode = { spec: { nodeName: 'node-1' } };

describe('a pod on a node', () => {
  test('goes when the kubelet says so', async () => {
    const { lab, summary } = await watched(onNode);
    await lab.call('DELETE', `${PODS}/web-1`, { gracePeriodSeconds: 5 });
    await settled();
    expect(summary()).toEqual(['MODIFIED web-1']);
    await lab.call('DELETE', `${PODS}/web-1`, { gracePeriodSeconds: 0 });
    await settled();
    expect(summary()).toEqual(['MODIFIED web-1', 'MODIFIED web-1', 'DELETED web-1']);
  });

  test('has the grace of its spec when none is asked for', async () => {
    const lab = createLab();
    await lab.call(
      'POST',
      PODS,
      newPod('web-1', { spec: { ...onNode.spec, terminationGracePeriodSeconds: 7 } }),
    );
    const { object } = await lab.call('DELETE', `${PODS}/web-1`);
    expect(object.metadata.deletionGracePeriodSeconds).toBe(7);
    expect(object.metadata.deletionTimestamp).toBe('2026-11-22T00:00:07Z');
  });

  test('has 30 seconds when its spec says nothing', async () => {
    const { lab } = await watched(onNode);
    const { object } = await lab.call('DELETE', `${PODS}/web-1`);
    expect(object.metadata.deletionGracePeriodSeconds).toBe(30);
    expect(object.metadata.deletionTimestamp).toBe('2026-11-22T00:00:30Z');
  });

  test('cannot be given a shorter grace than has already passed', async () => {
    const { lab } = await watched(onNode);
    await lab.call('DELETE', `${PODS}/web-1`, { gracePeriodSeconds: 30 });
    await lab.clock.advance(10_000);
    const { object } = await lab.call('DELETE', `${PODS}/web-1`, { gracePeriodSeconds: 2 });
    expect(object.metadata).toMatchObject({
      deletionGracePeriodSeconds: 1,
      deletionTimestamp: '2026-11-22T00:00:10Z',
    });
  });

  test('can be given a grace that ends earlier than the first', async () => {
    const { lab } = await watched(onNode);
    await lab.call('DELETE', `${PODS}/web-1`, { gracePeriodSeconds: 30 });
    await lab.clock.advance(10_000);
    const { object } = await lab.call('DELETE', `${PODS}/web-1`, { gracePeriodSeconds: 20 });
    expect(object.metadata).toMatchObject({
      deletionGracePeriodSeconds: 20,
      deletionTimestamp: '2026-11-22T00:00:20Z',
    });
  });

  test('takes a negative grace as one second', async () => {
    const { lab } = await watched(onNode);
    const { object } = await lab.call('DELETE', `${PODS}/web-1`, { gracePeriodSeconds: -5 });
    expect(object.metadata.deletionGracePeriodSeconds).toBe(1);
  });

  test('is held by a finalizer beyond its grace, and goes with the last one', async () => {
    const { lab, summary } = await watched({ ...onNode, metadata: { finalizers: ['x.io/a', 'x.io/b'] } });
    await lab.call('DELETE', `${PODS}/web-1`, { gracePeriodSeconds: 0 });
    await lab.call('PATCH', `${PODS}/web-1`, { metadata: { finalizers: ['x.io/b'] } }, MERGE_PATCH);
    expect(lab.pod('web-1')).toBeDefined();
    await lab.call('PATCH', `${PODS}/web-1`, { metadata: { finalizers: [] } }, MERGE_PATCH);
    expect(lab.pod('web-1')).toBeUndefined();
    await settled();
    expect(summary().at(-1)).toBe('DELETED web-1');
  });

  test('does not go with its last finalizer while its grace runs', async () => {
    const { lab } = await watched({ ...onNode, metadata: { finalizers: ['x.io/a'] } });
    await lab.call('DELETE', `${PODS}/web-1`, { gracePeriodSeconds: 5 });
    await lab.call('PATCH', `${PODS}/web-1`, { metadata: { finalizers: [] } }, MERGE_PATCH);
    expect(lab.pod('web-1')?.metadata.deletionGracePeriodSeconds).toBe(5);
  });
});

describe('preconditions', () => {
  test('let the right uid and version pass', async () => {
    const { lab } = await watched(onNode);
    const { uid, resourceVersion } = lab.pod('web-1')?.metadata ?? {};
    const { status } = await lab.call('DELETE', `${PODS}/web-1`, { preconditions: { uid, resourceVersion } });
    expect(status).toBe(200);
  });

  test('protect the pod that took the name of another', async () => {
    const { lab } = await watched({});
    const { uid } = lab.pod('web-1')?.metadata ?? {};
    await lab.call('DELETE', `${PODS}/web-1`);
    await lab.call('POST', PODS, newPod('web-1'));
    const { status, refusal } = await lab.call('DELETE', `${PODS}/web-1`, { preconditions: { uid } });
    expect([status, refusal.reason]).toEqual([409, 'Conflict']);
    expect(lab.pod('web-1')).toBeDefined();
  });
});

test('a deletion raises the generation once', async () => {
  const { lab } = await watched({ ...onNode, metadata: { finalizers: ['x.io/a'] } });
  for (const gracePeriodSeconds of [5, 2, 0]) {
    await lab.call('DELETE', `${PODS}/web-1`, { gracePeriodSeconds });
  }
  expect(lab.pod('web-1')?.metadata.generation).toBe(2);
});
