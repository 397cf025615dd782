// A cache holds what the server holds, also after it could not watch for a while.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { ResourceCache, type CacheChange, type ResourceCacheOptions } from '../../../src/kube/cache.ts';
import { NODES, PODS } from '../../../src/kube/resources.ts';
import { drain, type VirtualClock } from '../../support/virtual-clock.ts';
import { ScriptedServer } from './support/api-server.ts';
import { json, networkFailure, refusal, scripted } from './support/fake-transport.ts';
import { clientOf, list, MemoryLog, pod, steady } from './support/fixtures.ts';

interface Seen {
  name: string;
  app: string;
}

let server: ScriptedServer;
let clock: VirtualClock;
let stop: AbortController;
beforeEach(() => {
  server = new ScriptedServer();
  stop = new AbortController();
});
afterEach(() => stop.abort());

const project = ({ metadata }: KubeObject): Seen => ({
  name: metadata.name,
  app: metadata.labels?.['app'] ?? '',
});
const indexes = { app: (seen: Seen) => [seen.app], letter: (seen: Seen) => [...new Set(seen.name)] };

function create(rest: Partial<ResourceCacheOptions<Seen>> = {}, transport = server.transport) {
  const made = clientOf(transport);
  clock = made.clock;
  const log = new MemoryLog();
  const { client } = made;
  return new ResourceCache<Seen>({
    client,
    resource: PODS,
    project,
    indexes,
    clock,
    random: steady,
    log,
    ...rest,
  });
}

/** A running cache and the changes that it told since. */
async function running(rest: Partial<ResourceCacheOptions<Seen>> = {}) {
  const cache = create(rest);
  void cache.run(stop.signal);
  await drain();
  const changes: CacheChange<Seen>[] = [];
  cache.subscribe((change) => changes.push(change));
  return { cache, changes };
}

const brief = (changes: readonly CacheChange<Seen>[]) => changes.map(({ type, key }) => `${type} ${key}`);
const names = (found: readonly Seen[]) => found.map((seen) => seen.name).toSorted();

/** The connection breaks, things happen, and what is needed to go on is forgotten. */
async function relistAfter(happening: () => void): Promise<void> {
  server.breakWatches(networkFailure('ECONNRESET'));
  happening();
  server.compact();
  await clock.advance(10_000);
}

describe('before it is synced', () => {
  test('it is empty, and not ready', async () => {
    const cache = create();
    let isReady = false;
    void cache.synced.then(() => (isReady = true));
    await drain();
    expect([cache.isSynced, isReady, cache.size]).toEqual([false, false, 0]);
    expect(server.requests).toEqual([]);
  });

  test('it forgets a list that it had to begin anew', async () => {
    server.pageSize = 1;
    server.set('a');
    server.set('b');
    server.faults.push(undefined, refusal(410, 'Expired'));
    const { cache } = await running();
    server.delete('a');
    await clock.advance(10_000);
    expect(names(cache.values())).toEqual(['b']);
  });

  const known = { name: 'x', uid: 'u', resourceVersion: '1' };
  test.each([
    {},
    { name: 'x' },
    { name: 'x', uid: 'u' },
    { ...known, name: { toString: 0 } },
    { ...known, namespace: { toString: 0 } },
    { ...known, uid: '' },
  ])('it passes over what has only %j', async (metadata) => {
    const answers = json(list([{ metadata }, pod('a', '1')], '7'));
    const { transport } = scripted(answers, () => new Promise<never>(() => {}));
    const cache = create({}, transport);
    void cache.run(stop.signal);
    await drain();
    expect(names(cache.values())).toEqual(['a']);
  });

  test('it shows nothing of a list that is not finished', async () => {
    server.pageSize = 1;
    server.set('a');
    server.set('b');
    server.faults.push(undefined, networkFailure('ECONNREFUSED'));
    const { cache } = await running();
    expect([cache.isSynced, cache.size]).toEqual([false, 0]);
    await clock.advance(10_000);
    expect([cache.isSynced, cache.size]).toEqual([true, 2]);
    await cache.synced;
  });
});

describe('it finds', () => {
  beforeEach(() => {
    server.set('ab', { labels: { app: 'web' } });
    server.set('bc', { labels: { app: 'web' } });
    server.set('cd', { labels: { app: 'api' } });
  });

  test('by name', async () => {
    const { cache } = await running();
    expect(cache.get('shop', 'ab')).toEqual({ name: 'ab', app: 'web' });
    expect(cache.get('other', 'ab')).toBeUndefined();
    expect(cache.get('shop', 'x')).toBeUndefined();
  });

  test('by index', async () => {
    const { cache } = await running();
    expect(names(cache.byIndex('app', 'web'))).toEqual(['ab', 'bc']);
    expect(names(cache.byIndex('letter', 'c'))).toEqual(['bc', 'cd']);
    expect(cache.byIndex('app', 'none')).toEqual([]);
  });

  test('by index what changed, and no more where it was', async () => {
    const { cache } = await running();
    server.set('ab', { labels: { app: 'api' } });
    server.delete('bc');
    await drain();
    expect(names(cache.byIndex('app', 'api'))).toEqual(['ab', 'cd']);
    expect(cache.byIndex('app', 'web')).toEqual([]);
  });

  test('no index that does not exist', async () => {
    const { cache } = await running();
    expect(() => cache.byIndex('ip', '1')).toThrow('there is no index ip');
  });

  test('all', async () => {
    const { cache } = await running();
    expect(names(cache.values())).toEqual(['ab', 'bc', 'cd']);
    expect(cache.size).toBe(3);
  });
});

test('cluster-scoped objects are found without a namespace', async () => {
  const { metadata } = pod('node-1', '1');
  const node = { metadata: { ...metadata, namespace: undefined } };
  const { transport } = scripted(json(list([node], '1')), () => new Promise(() => {}));
  const cache = create({ resource: NODES }, transport);
  void cache.run(stop.signal);
  await cache.synced;
  expect(cache.get(undefined, 'node-1')).toMatchObject({ name: 'node-1' });
});

describe('a new list after a gap', () => {
  test('reveals what was deleted, created and changed meanwhile, and nothing else', async () => {
    for (const name of ['gone', 'kept', 'changed']) server.set(name);
    const { cache, changes } = await running();
    await relistAfter(() => {
      server.delete('gone');
      server.set('changed', { labels: { app: 'new' } });
      server.set('fresh');
    });
    expect(brief(changes)).toEqual(['delete shop/gone', 'set shop/changed', 'set shop/fresh']);
    expect(changes[1]).toMatchObject({ value: { app: 'new' }, previous: { app: '' } });
    expect(changes[2]).not.toHaveProperty('previous');
    expect(names(cache.values())).toEqual(['changed', 'fresh', 'kept']);
  });

  test('is there as a whole when the first change is told', async () => {
    for (const name of ['a', 'b', 'c']) server.set(name);
    const { cache } = await running();
    const seen: string[][] = [];
    cache.subscribe(() => seen.push(names(cache.values())));
    await relistAfter(() => {
      server.delete('a');
      server.delete('b');
      server.set('d');
    });
    expect(seen).toEqual([
      ['c', 'd'],
      ['c', 'd'],
      ['c', 'd'],
    ]);
  });

  test('tells another object of the same name as a deletion and a new one', async () => {
    server.set('web-0', { uid: 'first' });
    const { changes } = await running();
    await relistAfter(() => server.set('web-0', { uid: 'second' }));
    expect(brief(changes)).toEqual(['delete shop/web-0', 'set shop/web-0']);
    expect(changes[1]).not.toHaveProperty('previous');
  });

  test('keeps the old content until it is finished', async () => {
    server.pageSize = 1;
    server.set('a');
    server.set('b');
    const { cache, changes } = await running();
    const outage = Array.from({ length: 10 }, () => networkFailure('ECONNREFUSED'));
    await relistAfter(() => {
      server.delete('a');
      server.set('c');
      server.faults.push(undefined, undefined, ...outage);
    });
    expect(server.requests.at(-1)?.path).toContain('continue=');
    expect([cache.isSynced, names(cache.values()), changes]).toEqual([true, ['a', 'b'], []]);
    await clock.advance(60_000);
    expect(brief(changes)).toEqual(['delete shop/a', 'set shop/c']);
  });
});

type Action =
  | { act: 'set'; name: string; app: string }
  | { act: 'delete'; name: string }
  | { act: 'break' | 'end' | 'compact' | 'wait' };

/** Does it to the server, and keeps in `truth` the app label of each pod. */
async function act(action: Action, truth: Map<string, string>): Promise<void> {
  switch (action.act) {
    case 'set':
      truth.set(action.name, action.app);
      return server.set(action.name, { labels: { app: action.app } });
    case 'delete':
      if (truth.delete(action.name)) server.delete(action.name);
      return;
    case 'break':
      return server.breakWatches(networkFailure('ECONNRESET'));
    case 'end':
      return server.endWatches();
    case 'compact':
      return server.compact();
    case 'wait':
      return clock.advance(1_000);
  }
}

test('it equals the server after any history of changes, breaks and forgotten versions', async () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd');
  const anyAction = fc.oneof(
    fc.record({ act: fc.constant('set' as const), name, app: fc.constantFrom('web', 'api') }),
    fc.record({ act: fc.constant('delete' as const), name }),
    fc.record({
      act: fc.constantFrom('break' as const, 'end' as const, 'compact' as const, 'wait' as const),
    }),
  );
  const run = async (history: readonly Action[]) => {
    server = new ScriptedServer();
    stop = new AbortController();
    const { cache, changes } = await running();
    const truth = new Map<string, string>();
    for (const action of history) await act(action, truth);
    await clock.advance(60_000);
    expect(Object.fromEntries(cache.values().map((seen) => [seen.name, seen.app]))).toEqual(
      Object.fromEntries(truth),
    );
    for (const app of ['web', 'api'])
      expect(names(cache.byIndex('app', app))).toEqual(
        [...truth.keys()].filter((n) => truth.get(n) === app).toSorted(),
      );
    const replayed = new Set<string>();
    for (const { type, key } of changes) {
      if (type === 'set') replayed.add(key);
      else replayed.delete(key);
    }
    expect([...replayed].toSorted()).toEqual([...truth.keys()].map((n) => `shop/${n}`).toSorted());
    stop.abort();
  };
  const actions = fc.array(anyAction, { maxLength: 25 });
  await fc.assert(fc.asyncProperty(actions, run), { numRuns: 60 });
});
