// The client against a real API server: its connections, deadlines, and what it sends and keeps of objects.
// Each test names the point of client-node that it answers; see the table in docs/decisions/0001.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { ResourceCache } from '../../src/kube/cache.ts';
import { systemClock } from '../../src/kube/clock.ts';
import { CONFIG_MAPS, NETWORK_POLICIES } from '../../src/kube/resources.ts';
import { configMaps, countOf, fireTest as test, LIST } from '../support/fire-test.ts';
import { eventually } from '../support/real-api-test.ts';

const COLLECTIONS = 5;

/** A full collection of garbage. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let round = 0; round < COLLECTIONS; round++) {
    // What a WeakRef was asked for lives on until the end of the task.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
}

describe('connections', () => {
  // Point 1: each request makes a connection of its own.
  test('are shared: one after another needs one, forty at once need sixteen', async ({ fire, namespace }) => {
    for (let n = 0; n < 200; n++) await fire.client.list(CONFIG_MAPS, { namespace, limit: 1 });
    expect(fire.proxy.accepted).toBe(1);
    await Promise.all(Array.from({ length: 40 }, () => fire.client.list(CONFIG_MAPS, { namespace })));
    expect(fire.proxy.accepted).toBeLessThanOrEqual(16);
  });

  test('that broke are replaced: a read under way comes through', async ({ fire, namespace }) => {
    await fire.client.list(CONFIG_MAPS, { namespace });
    fire.proxy.refuse();
    const list = fire.client.list(CONFIG_MAPS, { namespace });
    setTimeout(() => fire.proxy.restore(), 300);
    expect((await list).metadata.resourceVersion).toMatch(/^\d+$/);
  });
});

describe('a deadline', () => {
  // Point 2, for calls: nothing limits them.
  test('ends a call over a slow network, and says so', async ({ fire, namespace }) => {
    fire.proxy.delay(5_000);
    const started = performance.now();
    const call = fire.client.list(CONFIG_MAPS, { namespace }, { timeoutMs: 500 });
    await expect(call).rejects.toMatchObject({ status: 0, reason: 'Timeout' });
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe('objects', () => {
  // Point 5: a list gives dates as Date and a watch as string; unknown fields are dropped without an error.
  test('are alike in lists and watches', async ({ fire, client, namespace }) => {
    const maps = configMaps(client, namespace);
    await maps.create('listed');
    const { items } = await fire.client.list(CONFIG_MAPS, { namespace });
    const { metadata } = await fire.client.list(CONFIG_MAPS, { namespace, limit: 1 });
    await maps.create('watched');
    const stop = new AbortController();
    const from = { namespace, resourceVersion: metadata.resourceVersion, timeoutSeconds: 10 };
    const limits = { signal: stop.signal, idleMs: 10_000 };
    for await (const { object } of fire.client.watch(CONFIG_MAPS, from, limits)) {
      if (object.metadata.name !== 'watched') continue;
      expect(object.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      break;
    }
    stop.abort();
    const listed = items.find((item) => item.metadata.name === 'listed');
    expect(listed?.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  // Point 6: `from` of a NetworkPolicy is dropped, which allows everything.
  test('arrive as they were written: a policy keeps its peers, and a misspelt field is refused', async ({
    fire,
    namespace,
  }) => {
    const peers = [{ podSelector: { matchLabels: { app: 'collector' } } }];
    const policy = (rule: object) => ({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'quarantine' },
      spec: { podSelector: {}, policyTypes: ['Ingress'], ingress: [rule] },
    });
    await expect(
      fire.client.create(NETWORK_POLICIES, { namespace }, policy({ _from: peers })),
    ).rejects.toThrow('unknown field "spec.ingress[0]._from"');
    await fire.client.create(NETWORK_POLICIES, { namespace }, policy({ from: peers }));
    const stored = await fire.client.get(NETWORK_POLICIES, { namespace, name: 'quarantine' });
    expect(stored).toMatchObject({ spec: { ingress: [{ from: peers }] } });
  });
});

describe('two thousand objects', () => {
  // Point 7, and row "no paging": an informer takes everything at once and keeps all of each object.
  test('are read in pages of 500, and nothing of them is kept but their projections', async ({
    fire,
    client,
    namespace,
  }) => {
    const names = Array.from({ length: 2_000 }, (_, n) => `map-${n}`);
    const { create } = configMaps(client, namespace);
    for (let n = 0; n < names.length; n += 100)
      await Promise.all(names.slice(n, n + 100).map((name) => create(name, 'x'.repeat(1_000))));
    const seen: WeakRef<KubeObject>[] = [];
    const project = (object: KubeObject) => {
      seen.push(new WeakRef(object));
      return object.metadata.name;
    };
    const stop = new AbortController();
    const { client: underFire, log } = fire;
    const cache = new ResourceCache({
      client: underFire,
      resource: CONFIG_MAPS,
      namespaces: [namespace],
      project,
      clock: systemClock,
      random: () => 0,
      log: { debug: () => {}, warn: (_, message) => log.push({ level: 'warn', message }), error: () => {} },
    });
    const running = cache.run(stop.signal);
    await cache.synced;
    expect(names.filter((name) => cache.get(namespace, name) !== name)).toEqual([]);
    const lists = fire.requests.filter((request) => LIST.test(request));
    expect(lists.length).toBeGreaterThanOrEqual(4);
    expect(lists.every((request) => request.includes('limit=500'))).toBe(true);
    expect(countOf(lists, /&continue=/)).toBe(lists.length - 1);
    const alive = async () => {
      await collectGarbage();
      return seen.filter((ref) => ref.deref() !== undefined).length;
    };
    expect(seen.length).toBeGreaterThanOrEqual(names.length);
    await eventually('no object is kept', alive, (count) => count === 0);
    stop.abort();
    await running;
  });
});
