// Scheduler and kubelet: where a pod runs, when it is Ready, how it ends; what it logs.
import { describe, expect, test } from 'vitest';
import { podFacts, type PodFacts } from '../../../src/api/pod.ts';
import type { Pod } from '../../../src/embedded/controllers/shapes.ts';
import { NODES, PODS } from '../../../src/kube/resources.ts';
import { at, createLab, MERGE_PATCH, newPod, settled, type Lab } from './harness.ts';

const POD = at('pods', 'web-1');
const DIGEST = `sha256:${'d'.repeat(64)}`;

function startedLab(options: Parameters<typeof createLab>[0] = {}): Lab {
  const lab = createLab(options);
  lab.cluster.start();
  return lab;
}

function facts(lab: Lab, name = 'web-1'): PodFacts {
  const pod = lab.pod(name);
  if (!pod) throw new Error(`${name} is gone`);
  return podFacts(pod);
}

async function runningPod(change: Parameters<typeof newPod>[1] = {}, options = {}): Promise<Lab> {
  const lab = startedLab(options);
  await lab.call('POST', at('pods'), newPod('web-1', change));
  await lab.clock.until(() => facts(lab).ready, 2_000, 'Ready');
  return lab;
}

describe('a new pod', () => {
  test('gets a node at once and is Ready after the time of its start', async () => {
    const lab = startedLab();
    await lab.call('POST', at('pods'), newPod('web-1'));
    await lab.clock.advance(15);
    expect(facts(lab)).toMatchObject({ nodeName: 'node-1', phase: 'Pending', ready: false });
    await lab.clock.advance(290);
    expect(facts(lab).ready).toBe(false);
    await lab.clock.advance(10);
    expect(facts(lab)).toMatchObject({ phase: 'Running', ready: true });
  });

  test('has a container ID of containerd and the digest of its image', async () => {
    const lab = startedLab();
    lab.cluster.images.set('registry.example/web:1', DIGEST);
    await lab.call('POST', at('pods'), newPod('web-1'));
    await lab.clock.advance(400);
    const [container] = facts(lab).containers;
    expect(container?.containerID).toMatch(/^containerd:\/\/[0-9a-f]{64}$/);
    expect(container?.imageID).toBe(`registry.example/web@${DIGEST}`);
  });

  test.each([
    ['nginx', undefined, /^nginx@sha256:[0-9a-f]{64}$/],
    ['nginx:1.27', DIGEST, new RegExp(`^nginx@${DIGEST}$`)],
    ['localhost:5000/web', undefined, /^localhost:5000\/web@sha256:[0-9a-f]{64}$/],
    ['localhost:5000/web:1', DIGEST, new RegExp(`^localhost:5000/web@${DIGEST}$`)],
    [`web@sha256:${'e'.repeat(64)}`, DIGEST, new RegExp(`^web@sha256:${'e'.repeat(64)}$`)],
    [`web:1@sha256:${'e'.repeat(64)}`, undefined, new RegExp(`^web@sha256:${'e'.repeat(64)}$`)],
  ])('resolves %s with %s in the table', async (image, digest, expected) => {
    const lab = startedLab();
    if (digest) lab.cluster.images.set(image, digest);
    await lab.call('POST', at('pods'), newPod('web-1', { spec: { containers: [{ name: 'web', image }] } }));
    await lab.clock.advance(400);
    expect(facts(lab).containers[0]?.imageID).toMatch(expected);
  });

  test('gets the digest of the moment of its start: a tag that moves is seen by the next pod', async () => {
    const lab = await runningPod();
    const before = facts(lab).containers[0]?.imageID;
    lab.cluster.images.set('registry.example/web:1', DIGEST);
    await lab.call('POST', at('pods'), newPod('web-2'));
    await lab.clock.advance(400);
    expect(facts(lab).containers[0]?.imageID).toBe(before);
    expect(facts(lab, 'web-2').containers[0]?.imageID).toBe(`registry.example/web@${DIGEST}`);
  });

  test('reports every condition of a running pod', async () => {
    const lab = await runningPod();
    const { status } = lab.pod('web-1') as Pod;
    expect(status.conditions?.map(({ type, status: holds }) => `${type} ${holds}`)).toEqual([
      'PodScheduled True',
      'PodReadyToStartContainers True',
      'Initialized True',
      'Ready True',
      'ContainersReady True',
    ]);
    expect(status.podIP).toMatch(/^10\.244\.1\.\d+$/);
  });

  test('takes the time that was set, also while the cluster runs', async () => {
    const lab = startedLab({ timings: { startMs: 5_000 } });
    await lab.call('POST', at('pods'), newPod('slow'));
    await lab.clock.advance(4_000);
    expect(facts(lab, 'slow').ready).toBe(false);
    lab.cluster.timings.startMs = 0;
    await lab.call('POST', at('pods'), newPod('fast'));
    await lab.clock.advance(50);
    expect([facts(lab, 'slow').ready, facts(lab, 'fast').ready]).toEqual([false, true]);
  });
});

describe('nodes', () => {
  test('share the pods', async () => {
    const lab = startedLab();
    for (const name of ['a', 'b', 'c', 'd']) await lab.call('POST', at('pods'), newPod(name));
    await lab.clock.advance(400);
    const nodes = ['a', 'b', 'c', 'd'].map((name) => facts(lab, name).nodeName);
    expect(nodes.map(String).toSorted()).toEqual(['node-1', 'node-1', 'node-2', 'node-2']);
  });

  test('that are cordoned take none', async () => {
    const lab = startedLab();
    await lab.call('PATCH', '/api/v1/nodes/node-1', { spec: { unschedulable: true } }, MERGE_PATCH);
    for (const name of ['a', 'b']) await lab.call('POST', at('pods'), newPod(name));
    await lab.clock.advance(400);
    expect(['a', 'b'].map((name) => facts(lab, name).nodeName)).toEqual(['node-2', 'node-2']);
  });

  test('are waited for', async () => {
    const lab = startedLab({ nodes: [] });
    await lab.call('POST', at('pods'), newPod('web-1'));
    await lab.clock.advance(60_000);
    expect(facts(lab)).toMatchObject({ phase: 'Pending' });
    expect(facts(lab).nodeName).toBeUndefined();
    lab.cluster.api.create(NODES, undefined, { metadata: { name: 'late-7' } });
    await lab.clock.advance(400);
    expect(facts(lab)).toMatchObject({ nodeName: 'late-7', ready: true });
  });

  test('are not chosen for a pod that names its own', async () => {
    const lab = await runningPod({ spec: { nodeName: 'node-2' } });
    expect(facts(lab).nodeName).toBe('node-2');
  });
});

describe('a deleted pod', () => {
  test('shows its containers terminated before it goes', async () => {
    const lab = await runningPod();
    const watch = await lab.watch(`${at('pods')}?watch=true&resourceVersion=${facts(lab).resourceVersion}`);
    await lab.call('DELETE', POD);
    await lab.clock.advance(690);
    expect(facts(lab).containers.every(({ terminated }) => terminated)).toBe(false);
    await lab.clock.advance(20);
    expect(facts(lab).containers.every(({ terminated }) => terminated)).toBe(true);
    expect(facts(lab)).toMatchObject({ phase: 'Failed', ready: false });
    await lab.clock.advance(100);
    await settled();
    expect(lab.pod('web-1')).toBeUndefined();
    expect(watch.summary().at(-1)).toBe('DELETED web-1');
  });

  test('stops sooner when its grace is shorter than the usual stop', async () => {
    const lab = await runningPod({}, { timings: { stopMs: 5_000 } });
    await lab.call('DELETE', POD, { gracePeriodSeconds: 1 });
    await lab.clock.advance(990);
    expect(lab.pod('web-1')).toBeDefined();
    await lab.clock.advance(100);
    expect(lab.pod('web-1')).toBeUndefined();
  });

  test('does not stop sooner for a grace that is shortened later', async () => {
    const lab = await runningPod({}, { timings: { stopMs: 20_000 } });
    await lab.call('DELETE', POD);
    await lab.clock.advance(2_000);
    await lab.call('DELETE', POD, { gracePeriodSeconds: 1 });
    await lab.clock.advance(10_000);
    expect(facts(lab).containers[0]?.terminated).toBe(false);
    await lab.clock.advance(8_100);
    expect(lab.pod('web-1')).toBeUndefined();
  });

  test('is gone at once with grace 0, and another one can have its name', async () => {
    const lab = await runningPod();
    await lab.call('DELETE', POD, { gracePeriodSeconds: 0 });
    expect(lab.pod('web-1')).toBeUndefined();
    await lab.call('POST', at('pods'), newPod('web-1'));
    await lab.clock.advance(2_000);
    expect(facts(lab)).toMatchObject({ phase: 'Running', ready: true });
  });

  test('with a finalizer ends but stays, until the finalizer is taken away', async () => {
    const lab = await runningPod({ metadata: { finalizers: ['x.io/f'] } });
    await lab.call('DELETE', POD);
    await lab.clock.advance(10_000);
    expect(facts(lab)).toMatchObject({ phase: 'Failed' });
    expect(facts(lab).containers.every(({ terminated }) => terminated)).toBe(true);
    await lab.call('PATCH', POD, { metadata: { finalizers: null } }, MERGE_PATCH);
    expect(lab.pod('web-1')).toBeUndefined();
  });

  test('that never started goes too', async () => {
    const lab = startedLab({ timings: { startMs: 60_000 } });
    await lab.call('POST', at('pods'), newPod('web-1'));
    await lab.clock.advance(100);
    await lab.call('DELETE', POD);
    await lab.clock.advance(2_000);
    expect(lab.pod('web-1')).toBeUndefined();
  });
});

describe('the log', () => {
  const LOG = `${POD}/log`;

  test('has a line unless something else was set', async () => {
    const lab = await runningPod();
    const { status, headers, text } = await lab.call('GET', LOG);
    expect([status, headers['content-type']]).toEqual([200, 'text/plain; charset=utf-8']);
    expect(text).toBe('web is listening\n');
  });

  test.each([
    ['timestamps=true', '2026-11-22T00:00:00Z one\n2026-11-22T00:00:00Z two\n2026-11-22T00:00:00Z three'],
    ['tailLines=2', 'two\nthree'],
    ['tailLines=9', 'one\ntwo\nthree'],
    ['tailLines=0', ''],
    ['limitBytes=5', 'one\nt'],
    ['tailLines=1&limitBytes=3', 'thr'],
    ['tailLines=1&timestamps=true&limitBytes=22', '2026-11-22T00:00:00Z t'],
    ['sinceTime=2026-11-22T00:00:00Z', 'one\ntwo\nthree'],
    ['sinceTime=2026-11-22T00:00:01Z', ''],
    ['sinceSeconds=1', 'one\ntwo\nthree'],
    ['previous=true&tailLines=1', 'before\n'],
    ['previous=false', 'one\ntwo\nthree'],
    ['container=web&follow=false', 'one\ntwo\nthree'],
  ])('%s gives its part of it', async (query, expected) => {
    const lab = await runningPod();
    const log = { current: 'one\ntwo\nthree', previous: 'long\nbefore\n' };
    lab.cluster.logs.set({ namespace: 'shop', name: 'web-1' }, log);
    expect(await lab.call('GET', `${LOG}?${query}`)).toMatchObject({ status: 200, text: expected });
  });

  test('of a node that is gone is not to be had', async () => {
    const lab = await runningPod();
    lab.cluster.api.delete(NODES, { name: facts(lab).nodeName ?? '' });
    const { status, refusal } = await lab.call('GET', LOG);
    expect([status, refusal.message]).toEqual([404, 'pods "node-1" not found']);
  });

  test('of a container that has ended tells when it began', async () => {
    const lab = await runningPod({ metadata: { finalizers: ['x.io/f'] } });
    await lab.call('DELETE', POD);
    await lab.clock.advance(5_000);
    expect(facts(lab).containers[0]?.terminated).toBe(true);
    expect((await lab.call('GET', `${LOG}?timestamps=true`)).text).toBe(
      '2026-11-22T00:00:00Z web is listening\n',
    );
  });

  test('is what was set, for one container or for all of them', async () => {
    const two = [
      { name: 'web', image: 'a' },
      { name: 'side', image: 'b' },
    ];
    const lab = await runningPod({ spec: { containers: two } });
    lab.cluster.logs.set({ namespace: 'shop', name: 'web-1' }, { current: 'all\n' });
    lab.cluster.logs.set({ namespace: 'shop', name: 'web-1', container: 'side' }, { current: 'side\n' });
    expect((await lab.call('GET', `${LOG}?container=web`)).text).toBe('all\n');
    expect((await lab.call('GET', `${LOG}?container=side`)).text).toBe('side\n');
  });

  test('of the instance before is refused when there was none', async () => {
    const lab = await runningPod();
    const { status, refusal } = await lab.call('GET', `${LOG}?previous=true`);
    expect([status, refusal.message]).toEqual([
      400,
      'previous terminated container "web" in pod "web-1" not found',
    ]);
    lab.cluster.logs.set({ namespace: 'shop', name: 'web-1' }, { current: 'now', previous: 'then' });
    expect((await lab.call('GET', `${LOG}?previous=true`)).text).toBe('then');
  });

  test('is cut after limitBytes bytes', async () => {
    const lab = await runningPod();
    lab.cluster.logs.set({ namespace: 'shop', name: 'web-1' }, { current: 'abcdef' });
    expect((await lab.call('GET', `${LOG}?limitBytes=4`)).text).toBe('abcd');
  });

  test('is refused while the container starts, and empty while there is no node', async () => {
    const lab = startedLab({ timings: { startMs: 60_000 } });
    await lab.call('POST', at('pods'), newPod('web-1'));
    expect((await lab.call('GET', LOG)).status).toBe(204);
    await lab.clock.advance(100);
    const { status, refusal } = await lab.call('GET', LOG);
    expect([status, refusal.message]).toEqual([
      400,
      'container "web" in pod "web-1" is waiting to start: ContainerCreating',
    ]);
  });
});

test('a kubelet that starts late takes care of the pods that are there', async () => {
  const lab = createLab();
  await lab.call('POST', at('pods'), newPod('web-1', { spec: { nodeName: 'node-1' } }));
  await lab.clock.advance(5_000);
  expect(facts(lab).phase).toBe('Pending');
  lab.cluster.start();
  await lab.clock.advance(400);
  expect(lab.cluster.api.list(PODS, 'shop')).toHaveLength(1);
  expect(facts(lab).ready).toBe(true);
});
