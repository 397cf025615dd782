// Watches: resuming, selections, bookmarks, ends, and readers that are too slow.
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { CONFIG_MAPS } from '../../../src/kube/resources.ts';
import { at, createLab, MERGE_PATCH, newPod, settled, type Lab } from './harness.ts';

const MAPS = at('configmaps');
const revisionOf = (object: unknown) => (object as KubeObject).metadata.resourceVersion;
const createMap = (lab: Lab, name: string, labels: object = {}) =>
  lab.call('POST', MAPS, { metadata: { name, labels } });
const relabel = (lab: Lab, name: string, labels: object) =>
  lab.call('PATCH', `${MAPS}/${name}`, { metadata: { labels } }, MERGE_PATCH);

describe('from where', () => {
  test('begins with what is there when it has no resourceVersion, and goes on', async () => {
    const lab = createLab();
    await createMap(lab, 'a');
    const watch = await lab.watch(`${MAPS}?watch=true`);
    await createMap(lab, 'b');
    await lab.call('DELETE', `${MAPS}/a`);
    await settled();
    expect(watch.summary()).toEqual(['ADDED a', 'ADDED b', 'DELETED a']);
    watch.abort();
    await watch.ended;
  });

  test('does not repeat as a change what it sent as being there', async () => {
    const lab = createLab();
    await createMap(lab, 'a');
    const opened = lab.watch(`${MAPS}?watch=true`);
    await createMap(lab, 'b');
    const watch = await opened;
    await settled();
    expect(watch.summary()).toEqual(['ADDED a', 'ADDED b']);
  });

  test('resumes after the resourceVersion of a list without a gap and without a repetition', async () => {
    const lab = createLab();
    await createMap(lab, 'a');
    const list = await lab.call('GET', MAPS);
    await createMap(lab, 'b');
    const watch = await lab.watch(`${MAPS}?watch=true&resourceVersion=${revisionOf(list.object)}`);
    await createMap(lab, 'c');
    await settled();
    expect(watch.summary()).toEqual(['ADDED b', 'ADDED c']);
  });

  test('sends the state of the moment of each change, not the latest', async () => {
    const lab = createLab();
    const made = await createMap(lab, 'a');
    for (const step of ['1', '2']) await relabel(lab, 'a', { step });
    const watch = await lab.watch(`${MAPS}?watch=true&resourceVersion=${revisionOf(made.object)}`);
    await settled();
    expect(watch.lines.map(({ object }) => (object as KubeObject).metadata.labels)).toEqual([
      { step: '1' },
      { step: '2' },
    ]);
  });

  test('says 410 in the stream when the past is forgotten, and ends', async () => {
    const lab = createLab({ historyLimit: 3 });
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) await createMap(lab, name);
    const watch = await lab.watch(`${MAPS}?watch=true&resourceVersion=2`);
    await watch.ended;
    expect(watch.lines).toEqual([
      {
        type: 'ERROR',
        object: {
          kind: 'Status',
          apiVersion: 'v1',
          metadata: {},
          status: 'Failure',
          message: expect.stringMatching(/^too old resource version: 2 \(\d+\)$/) as string,
          reason: 'Expired',
          code: 410,
        },
      },
    ]);
  });

  test('remembers each kind by itself: a busy one does not make a quiet one forget', async () => {
    const lab = createLab({ historyLimit: 3 });
    await lab.call('POST', at('services'), { metadata: { name: 'quiet' } });
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) await createMap(lab, name);
    const watch = await lab.watch(`${at('services')}?watch=true&resourceVersion=2`);
    await settled();
    expect(watch.summary()).toEqual(['ADDED quiet']);
  });

  test.each([
    ['resourceVersion', `${MAPS}?watch=true&resourceVersion=abc`],
    ['timeout', `${MAPS}?watch=true&timeoutSeconds=x`],
    ['label selector', `${MAPS}?watch=true&labelSelector=a%20b`],
    ['field selector', `${MAPS}?watch=true&fieldSelector=spec.x%3D1`],
  ])('refuses a wrong %s before the stream starts', async (_what, path) => {
    const { status, refusal } = await createLab().call('GET', path);
    expect([status, refusal.reason]).toEqual([400, 'BadRequest']);
  });
});

describe('a selection', () => {
  const selected = `${MAPS}?watch=true&labelSelector=${encodeURIComponent('app in (web,api)')}`;

  test('is entered as ADDED and left as DELETED', async () => {
    const lab = createLab();
    await createMap(lab, 'a');
    const watch = await lab.watch(selected);
    await relabel(lab, 'a', { app: 'web' });
    await relabel(lab, 'a', { app: 'api' });
    await relabel(lab, 'a', { app: 'other' });
    await relabel(lab, 'a', { app: 'another' });
    await settled();
    expect(watch.summary()).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
  });

  test('is left with the last state inside it, under the resourceVersion of the change', async () => {
    const lab = createLab();
    await createMap(lab, 'a', { app: 'web' });
    const watch = await lab.watch(selected);
    const left = await relabel(lab, 'a', { app: 'other' });
    await settled();
    const last = watch.lines.at(-1)?.object as KubeObject;
    expect(last.metadata.labels).toEqual({ app: 'web' });
    expect(last.metadata.resourceVersion).toBe(revisionOf(left.object));
  });

  test('does not hear of the end of what it did not select', async () => {
    const lab = createLab();
    await createMap(lab, 'a', { app: 'other' });
    const watch = await lab.watch(selected);
    await lab.call('DELETE', `${MAPS}/a`);
    await settled();
    expect(watch.lines).toEqual([]);
  });

  test('by field follows a pod to its node', async () => {
    const lab = createLab();
    const watch = await lab.watch('/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3Dnode-1');
    await lab.call('POST', at('pods'), newPod('bound', { spec: { nodeName: 'node-1' } }));
    await lab.call('POST', at('pods'), newPod('free'));
    await settled();
    expect(watch.summary()).toEqual(['ADDED bound']);
  });

  test('of a namespace hears nothing of another', async () => {
    const lab = createLab();
    const watch = await lab.watch(`${MAPS}?watch=true`);
    await lab.call('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'other' } });
    await createMap(lab, 'mine');
    await settled();
    expect(watch.summary()).toEqual(['ADDED mine']);
  });

  test('of all namespaces hears of each', async () => {
    const lab = createLab();
    const watch = await lab.watch('/api/v1/configmaps?watch=true');
    await lab.call('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'other' } });
    await createMap(lab, 'mine');
    await settled();
    expect(watch.summary()).toEqual(['ADDED other', 'ADDED mine']);
  });
});

describe('bookmarks', () => {
  test('come once a minute with the revision of the whole cluster, when they are asked for', async () => {
    const lab = createLab();
    const { object } = await lab.call('GET', MAPS);
    const watch = await lab.watch(
      `${MAPS}?watch=true&allowWatchBookmarks=true&resourceVersion=${revisionOf(object)}`,
    );
    const other = await lab.call('POST', at('services'), { metadata: { name: 'elsewhere' } });
    await lab.clock.advance(125_000);
    expect(watch.lines).toEqual(
      [1, 2].map(() => ({
        type: 'BOOKMARK',
        object: {
          kind: 'ConfigMap',
          apiVersion: 'v1',
          metadata: { resourceVersion: revisionOf(other.object) },
        },
      })),
    );
  });

  test('let a quiet watch resume where a busy cluster would have forgotten its start', async () => {
    const lab = createLab({ historyLimit: 3 });
    const watch = await lab.watch(`${MAPS}?watch=true&allowWatchBookmarks=true&labelSelector=app%3Dnone`);
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) await createMap(lab, name);
    await lab.clock.advance(60_000);
    const bookmark = revisionOf(watch.lines.at(-1)?.object);
    const resumed = await lab.watch(`${MAPS}?watch=true&resourceVersion=${bookmark}`);
    await createMap(lab, 'g');
    await settled();
    expect(resumed.summary()).toEqual(['ADDED g']);
  });

  test('do not come when nobody asked', async () => {
    const lab = createLab();
    const watch = await lab.watch(`${MAPS}?watch=true&resourceVersion=2`);
    await lab.clock.advance(300_000);
    expect(watch.lines).toEqual([]);
  });
});

describe('the end', () => {
  test('comes after timeoutSeconds', async () => {
    const lab = createLab();
    const watch = await lab.watch(`${MAPS}?watch=true&timeoutSeconds=30`);
    let over = false;
    void watch.ended.then(() => (over = true));
    await lab.clock.advance(29_999);
    expect(over).toBe(false);
    await lab.clock.advance(1);
    expect(over).toBe(true);
  });

  test('comes between half an hour and an hour when no time was given', async () => {
    const lab = createLab();
    const watch = await lab.watch(`${MAPS}?watch=true`);
    let over = false;
    void watch.ended.then(() => (over = true));
    await lab.clock.advance(1_800_000 - 1);
    expect(over).toBe(false);
    await lab.clock.advance(1_800_001);
    expect(over).toBe(true);
  });

  test('comes when the reader goes away, and leaves no timer behind', async () => {
    const lab = createLab();
    const before = lab.clock.pending;
    const watch = await lab.watch(`${MAPS}?watch=true&allowWatchBookmarks=true`);
    await settled();
    expect(lab.clock.pending).toBe(before + 2);
    watch.abort();
    await watch.ended;
    expect(lab.clock.pending).toBe(before);
    await createMap(lab, 'late');
    expect(watch.summary()).toEqual(['BOOKMARK']);
  });

  test('comes when the reader stops in the middle', async () => {
    const lab = createLab();
    const before = lab.clock.pending;
    await createMap(lab, 'a');
    const { body } = await lab.cluster.transport({
      method: 'GET',
      path: `${MAPS}?watch=true`,
      headers: {},
      streaming: true,
      signal: new AbortController().signal,
    });
    const lines = body[Symbol.asyncIterator]();
    await lines.next();
    await lines.return?.();
    expect(lab.clock.pending).toBe(before);
  });
});

test('many watches get the same changes in the same order', async () => {
  const lab = createLab();
  const watches = await Promise.all(Array.from({ length: 20 }, () => lab.watch(`${MAPS}?watch=true`)));
  for (const name of ['a', 'b', 'c']) await createMap(lab, name);
  lab.cluster.api.delete(CONFIG_MAPS, { namespace: 'shop', name: 'b' });
  await settled();
  for (const watch of watches) {
    expect(watch.summary()).toEqual(['ADDED a', 'ADDED b', 'ADDED c', 'DELETED b']);
  }
});
