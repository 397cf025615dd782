// Listeners and projections may fail, and the cache goes on; namespaces are watched one by one.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { ResourceCache, type CacheChange, type ResourceCacheOptions } from '../../../src/kube/cache.ts';
import { PODS } from '../../../src/kube/resources.ts';
import { drain, type VirtualClock } from '../../support/virtual-clock.ts';
import { ScriptedServer } from './support/api-server.ts';
import { networkFailure, refusal } from './support/fake-transport.ts';
import { clientOf, MemoryLog, steady } from './support/fixtures.ts';

let server: ScriptedServer;
let clock: VirtualClock;
let log: MemoryLog;
let stop: AbortController;
let cache: ResourceCache<string>;
let changes: string[];
let end: string;

beforeEach(() => {
  server = new ScriptedServer();
  log = new MemoryLog();
  stop = new AbortController();
  changes = [];
  end = '';
});
afterEach(() => stop.abort());

const told = ({ type, key, value, previous }: CacheChange<string>) =>
  `${type} ${key} ${previous ?? '-'}>${value}`;

/** The app label is the projection; without one it fails. */
function app({ metadata }: KubeObject): string {
  const value = metadata.labels?.['app'];
  if (value === undefined) throw new Error('no app');
  return value;
}

async function start(rest: Partial<ResourceCacheOptions<string>> = {}): Promise<void> {
  const made = clientOf(server.transport);
  clock = made.clock;
  cache = new ResourceCache({
    client: made.client,
    resource: PODS,
    project: app,
    clock,
    random: steady,
    log,
    ...rest,
  });
  cache.subscribe((change) => changes.push(told(change)));
  void cache.run(stop.signal).then(() => (end = 'stopped'));
  await drain();
}

const labelled = (value: string) => ({ labels: { app: value } });

describe('a listener', () => {
  test('hears of the first list, and of each change with the value before', async () => {
    server.set('a', labelled('1'));
    await start();
    server.set('a', labelled('2'));
    server.delete('a');
    await drain();
    expect(changes).toEqual(['set shop/a ->1', 'set shop/a 1>2', 'delete shop/a ->2']);
  });

  test('that fails is logged, and the others and the watch go on', async () => {
    await start();
    cache.subscribe(() => {
      throw new Error('oops');
    });
    const heard: string[] = [];
    cache.subscribe((change) => heard.push(told(change)));
    server.set('a', labelled('1'));
    server.set('b', labelled('2'));
    await drain();
    expect(heard).toEqual(['set shop/a ->1', 'set shop/b ->2']);
    expect(log.at('error')).toEqual(['a listener of the cache failed', 'a listener of the cache failed']);
    expect(log.lines[0]?.fields).toMatchObject({ resource: 'pods', key: 'shop/a', err: new Error('oops') });
  });

  test('hears nothing after it left, and of nothing that was before it came', async () => {
    server.set('a', labelled('1'));
    await start();
    const heard: string[] = [];
    const cancel = cache.subscribe((change) => heard.push(told(change)));
    server.set('b', labelled('2'));
    await drain();
    cancel();
    cancel();
    server.set('c', labelled('3'));
    await drain();
    expect(heard).toEqual(['set shop/b ->2']);
  });

  test('may leave while it is called', async () => {
    await start();
    let calls = 0;
    const cancel = cache.subscribe(() => {
      calls += 1;
      cancel();
    });
    server.set('a', labelled('1'));
    server.set('b', labelled('2'));
    await drain();
    expect(calls).toBe(1);
  });

  test('does not hear of the deletion of something unknown', async () => {
    await start();
    server.delete('never-seen');
    await drain();
    expect(changes).toEqual([]);
  });
});

describe('an object that cannot be projected', () => {
  test('is passed over and logged, and the watch goes on', async () => {
    server.set('bad');
    server.set('good', labelled('1'));
    await start();
    server.set('worse');
    server.set('fine', labelled('2'));
    await drain();
    expect(cache.isSynced).toBe(true);
    expect(changes).toEqual(['set shop/good ->1', 'set shop/fine ->2']);
    expect(log.lines.map((line) => line.fields['key'])).toEqual(['shop/bad', 'shop/worse']);
  });

  test('keeps what was known of it: nobody must take it for deleted', async () => {
    server.set('a', labelled('1'));
    await start();
    server.set('a');
    await drain();
    expect(cache.get('shop', 'a')).toBe('1');
    server.breakWatches(networkFailure('ECONNRESET'));
    server.set('b', labelled('1'));
    server.compact();
    await clock.advance(10_000);
    expect(server.requests.filter((request) => request.path.includes('limit='))).toHaveLength(2);
    expect(cache.get('shop', 'a')).toBe('1');
    server.set('a', labelled('2'));
    await drain();
    expect(changes).toEqual(['set shop/a ->1', 'set shop/b ->1', 'set shop/a 1>2']);
  });

  test('keeps nothing of another object of that name', async () => {
    server.set('a', { ...labelled('1'), uid: 'first' });
    await start();
    server.breakWatches(networkFailure('ECONNRESET'));
    server.set('a', { uid: 'second' });
    server.compact();
    await clock.advance(10_000);
    expect(changes).toEqual(['set shop/a ->1', 'delete shop/a ->1']);
  });

  test('is one whose index fails', async () => {
    const index = (value: string) => {
      if (value === 'bad') throw new Error('no index');
      return [value];
    };
    server.set('a', labelled('bad'));
    server.set('b', labelled('ok'));
    await start({ indexes: { index } });
    expect(changes).toEqual(['set shop/b ->ok']);
    expect(log.at('error')).toHaveLength(1);
  });
});

describe('namespaces', () => {
  beforeEach(() => {
    for (const namespace of ['shop', 'bank', 'zoo']) server.set('web', { ...labelled(namespace), namespace });
  });

  test('are all watched by one watch without a choice', async () => {
    await start();
    expect(server.watches.map((watch) => watch.namespace)).toEqual([undefined]);
    expect([...cache.values()].toSorted()).toEqual(['bank', 'shop', 'zoo']);
  });

  test('are watched one by one when they are chosen, each once', async () => {
    await start({ namespaces: ['shop', 'bank', 'shop'] });
    expect(server.watches.map((watch) => watch.namespace)).toEqual(['shop', 'bank']);
    expect(cache.get('shop', 'web')).toBe('shop');
    expect(cache.get('zoo', 'web')).toBeUndefined();
  });

  test('do not hold each other up, but the cache is ready with the last one only', async () => {
    server.faults.push(refusal(403, 'Forbidden'));
    await start({ namespaces: ['shop', 'bank'] });
    expect([...cache.values()]).toEqual(['bank']);
    expect(cache.isSynced).toBe(false);
    await clock.advance(5_000);
    expect([...cache.values()].toSorted()).toEqual(['bank', 'shop']);
    expect(cache.isSynced).toBe(true);
  });

  test('keep their content when another one is listed again', async () => {
    await start({ namespaces: ['shop', 'bank'] });
    changes = [];
    server.faults.push(refusal(410, 'Expired'));
    server.watches[0]?.body.fail(networkFailure('ECONNRESET'));
    await clock.advance(10_000);
    expect(changes).toEqual([]);
    expect(cache.size).toBe(2);
  });

  test('may be none, which is ready at once', async () => {
    await start({ namespaces: [] });
    expect(cache.isSynced).toBe(true);
    await cache.synced;
    expect(server.requests).toEqual([]);
  });
});

describe('run', () => {
  test('ends when the signal fires', async () => {
    await start();
    stop.abort();
    await drain();
    expect(end).toBe('stopped');
  });

  test('may be called again, and then reveals what happened meanwhile', async () => {
    server.set('a', labelled('1'));
    server.set('b', labelled('2'));
    await start();
    stop.abort();
    await drain();
    server.delete('a');
    changes = [];
    stop = new AbortController();
    void cache.run(stop.signal);
    await drain();
    expect(changes).toEqual(['delete shop/a ->1']);
  });
});
