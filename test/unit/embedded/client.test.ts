// The operator's own client against the embedded API: the two sides of the transport fit together.
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import type { KubeClient, WatchEvent } from '../../../src/kube/client.ts';
import { isConflict, isNotFound, isTestFailure } from '../../../src/kube/errors.ts';
import { createKubeClient } from '../../../src/kube/http-client.ts';
import { CONFIG_MAPS, PODS } from '../../../src/kube/resources.ts';
import { createLab, newPod, seededRandom, settled, type Lab } from './harness.ts';

function setUp(): { lab: Lab; client: KubeClient } {
  const lab = createLab();
  const client = createKubeClient({
    transport: lab.cluster.transport,
    clock: lab.clock,
    random: seededRandom(3),
  });
  return { lab, client };
}

const shop = { namespace: 'shop' };
const web = { ...shop, name: 'web-1' };

describe('the client', () => {
  test('creates, reads, patches by test and deletes by uid', async () => {
    const { client } = setUp();
    const made = await client.create<KubeObject>(PODS, shop, newPod('web-1'));
    expect(await client.get(PODS, web)).toEqual(made);
    const patched = await client.jsonPatch<KubeObject>(PODS, web, [
      { op: 'test', path: '/metadata/uid', value: made.metadata.uid },
      { op: 'add', path: '/metadata/labels', value: { 'die-operator.dev/quarantine': 'true' } },
    ]);
    expect(patched.metadata.labels).toEqual({ 'die-operator.dev/quarantine': 'true' });
    await client.delete(PODS, web, made.metadata.uid);
    await expect(client.get(PODS, web)).rejects.toSatisfy(isNotFound);
  });

  test('tells a failed test from other refusals', async () => {
    const { client } = setUp();
    await client.create(PODS, shop, newPod('web-1'));
    const failing = [{ op: 'test' as const, path: '/metadata/uid', value: 'x' }];
    await expect(client.jsonPatch(PODS, web, failing)).rejects.toSatisfy(isTestFailure);
    const invalid = [{ op: 'add' as const, path: '/metadata/labels', value: { a: '-' } }];
    await expect(client.jsonPatch(PODS, web, invalid)).rejects.not.toSatisfy(isTestFailure);
  });

  test('deletes nothing under another uid, and nothing in a dry run', async () => {
    const { lab, client } = setUp();
    const { metadata } = await client.create<KubeObject>(PODS, shop, newPod('web-1'));
    await expect(client.delete(PODS, web, 'another')).rejects.toSatisfy(isConflict);
    await client.delete(PODS, web, metadata.uid, { dryRun: true, gracePeriodSeconds: 1 });
    expect(lab.pod('web-1')?.metadata.deletionTimestamp).toBeUndefined();
  });

  test('lists in pages', async () => {
    const { client } = setUp();
    for (const name of ['a', 'b', 'c']) await client.create(CONFIG_MAPS, shop, { metadata: { name } });
    const first = await client.list<KubeObject>(CONFIG_MAPS, { ...shop, limit: 2 });
    const token = first.metadata.continue ?? '';
    const second = await client.list<KubeObject>(CONFIG_MAPS, { ...shop, limit: 2, continue: token });
    expect([...first.items, ...second.items].map(({ metadata }) => metadata.name)).toEqual(['a', 'b', 'c']);
  });

  test('reads a log up to its limit', async () => {
    const { lab, client } = setUp();
    await client.create(PODS, shop, newPod('web-1', { spec: { nodeName: 'node-1' } }));
    lab.cluster.start();
    await lab.clock.advance(400);
    lab.cluster.logs.set(web, { current: '0123456789' });
    const read = await client.readText(PODS, { ...web, subresource: 'log' }, {}, 4);
    expect([Buffer.from(read.bytes).toString(), read.truncated]).toEqual(['0123', true]);
  });

  test('watches until it stops', async () => {
    const { client } = setUp();
    const { metadata } = await client.list(CONFIG_MAPS, shop);
    const stop = new AbortController();
    const events: WatchEvent[] = [];
    const watching = (async () => {
      const selection = { ...shop, resourceVersion: metadata.resourceVersion, timeoutSeconds: 300 };
      const watch = client.watch(CONFIG_MAPS, selection, { signal: stop.signal, idleMs: 120_000 });
      for await (const event of watch) {
        events.push(event);
        if (events.length === 2) stop.abort();
      }
    })().catch(() => undefined);
    await settled();
    for (const name of ['a', 'b', 'c']) await client.create(CONFIG_MAPS, shop, { metadata: { name } });
    await watching;
    expect(events.map(({ type, object }) => `${type} ${object.metadata.name}`)).toEqual([
      'ADDED a',
      'ADDED b',
    ]);
  });
});
