// A cache that is asked to be as new as now: what it missed is there, and nothing that was read before counts.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ResourceCache } from '../../../src/kube/cache.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { PODS } from '../../../src/kube/resources.ts';
import { drain } from '../../support/virtual-clock.ts';
import { ScriptedServer } from './support/api-server.ts';
import { clientOf, MemoryLog, steady } from './support/fixtures.ts';

let stop: AbortController;
beforeEach(() => void (stop = new AbortController()));
afterEach(() => stop.abort());

function cacheOver(server: ScriptedServer, wrap: (client: KubeClient) => KubeClient = (client) => client) {
  const { client, clock } = clientOf(server.transport);
  const cache = new ResourceCache<string>({
    client: wrap(client),
    resource: PODS,
    project: ({ metadata }) => metadata.name,
    clock,
    random: steady,
    log: new MemoryLog(),
  });
  void cache.run(stop.signal);
  return { cache, clock };
}

async function settled(promise: Promise<void>): Promise<boolean> {
  let done = false;
  void promise.then(() => (done = true));
  await drain();
  return done;
}

test('a refresh ends when everything was listed anew', async () => {
  const server = new ScriptedServer();
  const { cache } = cacheOver(server);
  await drain();
  const before = server.requests.length;
  expect(await settled(cache.refresh())).toBe(true);
  const lists = server.requests.slice(before).filter(({ path }) => !path.includes('watch=1'));
  expect(lists).toHaveLength(1);
  expect(lists[0]?.path).not.toContain('resourceVersion=');
});

test('a watch goes on after a refresh', async () => {
  const server = new ScriptedServer();
  const { cache } = cacheOver(server);
  await drain();
  await cache.refresh();
  server.set('late');
  await drain();
  expect(cache.values()).toEqual(['late']);
});

test('a list that had begun before does not count', async () => {
  const server = new ScriptedServer();
  const gates: PromiseWithResolvers<undefined>[] = [];
  const slow = (client: KubeClient): KubeClient => {
    const list: KubeClient['list'] = async (...args) => {
      const answer = await client.list<never>(...args);
      const gate = Promise.withResolvers<undefined>();
      gates.push(gate);
      await gate.promise;
      return answer;
    };
    return { ...client, list, watch: client.watch.bind(client) };
  };
  const { cache } = cacheOver(server, slow);
  await drain();
  server.set('meanwhile');
  const refreshed = cache.refresh();
  gates[0]?.resolve(undefined);
  expect(await settled(refreshed)).toBe(false);
  gates[1]?.resolve(undefined);
  expect(await settled(refreshed)).toBe(true);
  expect(cache.values()).toEqual(['meanwhile']);
});
