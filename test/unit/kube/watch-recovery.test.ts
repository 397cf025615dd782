// A watch survives everything that a connection and a server can do to it, and misses nothing.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PODS } from '../../../src/kube/resources.ts';
import { watchResource, type WatcherEvent } from '../../../src/kube/watch.ts';
import { drain, type VirtualClock } from '../../support/virtual-clock.ts';
import { ScriptedServer } from './support/api-server.ts';
import { answer, networkFailure, queryOf, refusal } from './support/fake-transport.ts';
import { clientOf, MemoryLog, steady } from './support/fixtures.ts';

let server: ScriptedServer;
let clock: VirtualClock;
let log: MemoryLog;
let stop: AbortController;
let events: string[];
let end: unknown;

beforeEach(() => {
  server = new ScriptedServer();
  log = new MemoryLog();
  stop = new AbortController();
  events = [];
  end = undefined;
});
afterEach(async () => {
  stop.abort();
  await drain();
  if (end !== 'returned') throw new Error('the watch did not return', { cause: end });
});

const told = (event: WatcherEvent) =>
  'object' in event ? `${event.type} ${event.object.metadata.name}` : event.type;

/** Starts a watch that writes what it tells to `events`. */
async function start(selection = {}): Promise<void> {
  const made = clientOf(server.transport);
  clock = made.clock;
  const options = {
    client: made.client,
    resource: PODS,
    selection,
    clock,
    random: steady,
    log,
    signal: stop.signal,
  };
  const follow = async () => {
    for await (const event of watchResource(options)) events.push(told(event));
  };
  void follow().then(
    () => (end = 'returned'),
    (error: unknown) => (end = error),
  );
  await drain();
}

/** What was told since the last call. */
function news(): string[] {
  return events.splice(0);
}

/** A running watch over the pods a and b, with nothing to tell. */
async function settled(): Promise<void> {
  server.set('a');
  server.set('b');
  await start();
  expect(news()).toEqual(['Init', 'InitApply a', 'InitApply b', 'InitDone']);
}

describe('at the start', () => {
  test('it lists, then watches from the version of the list', async () => {
    await settled();
    expect(server.verbs).toEqual(['list', 'watch']);
    expect(queryOf(server.requests[0])).toEqual({ limit: '500' });
    expect(queryOf(server.requests[1])).toMatchObject({
      resourceVersion: '102',
      allowWatchBookmarks: 'true',
    });
  });

  test('it lists in pages', async () => {
    server.pageSize = 2;
    for (const name of ['a', 'b', 'c', 'd', 'e']) server.set(name);
    await start();
    expect(server.verbs).toEqual(['list', 'list', 'list', 'watch']);
    expect(news()).toEqual(['Init', ...['a', 'b', 'c', 'd', 'e'].map((n) => `InitApply ${n}`), 'InitDone']);
  });

  test('it selects what it is told to, in lists and watches', async () => {
    await start({ namespace: 'shop', labelSelector: 'app=web' });
    for (const request of server.requests) {
      expect(request.path).toContain('/namespaces/shop/');
      expect(queryOf(request)['labelSelector']).toBe('app=web');
    }
    expect(server.requests).toHaveLength(2);
  });

  test('it begins anew when the token of a page expired', async () => {
    server.pageSize = 1;
    server.set('a');
    server.set('b');
    server.faults.push(undefined, refusal(410, 'Expired'));
    await start();
    expect(news()).toEqual(['Init', 'InitApply a']);
    await clock.advance(2_000);
    expect(news()).toEqual(['Init', 'InitApply a', 'InitApply b', 'InitDone']);
    expect(queryOf(server.requests[2])['continue']).toBeUndefined();
  });

  test('it begins anew when the server does not know the token', async () => {
    server.pageSize = 1;
    server.set('a');
    server.set('b');
    server.faults.push(undefined, refusal(400, 'BadRequest'));
    await start();
    await clock.advance(2_000);
    expect(news().slice(-4)).toEqual(['Init', 'InitApply a', 'InitApply b', 'InitDone']);
  });

  test('it goes on with the page where an outage stopped it', async () => {
    server.pageSize = 1;
    server.set('a');
    server.set('b');
    server.faults.push(undefined, ...Array.from({ length: 40 }, () => refusal(503, 'ServiceUnavailable')));
    await start();
    await clock.until(() => events.includes('InitDone'), 600_000, 'the list is done');
    expect(news()).toEqual(['Init', 'InitApply a', 'InitApply b', 'InitDone']);
  });
});

describe('it goes on without a new list, and tells what it missed, after', () => {
  /** What is told of changes while something harms the watch, and the lists that it took. */
  const missedAfter = async (wait: number, harm: () => void) => {
    await settled();
    server.set('a');
    await clock.advance(5_000);
    expect(news()).toEqual(['Apply a']);
    harm();
    server.delete('b');
    server.set('c');
    await clock.advance(wait);
    return { told: news(), lists: server.verbs.filter((verb) => verb === 'list').length };
  };
  const missed = { told: ['Delete b', 'Apply c'], lists: 1 };

  test('the server ended the watch, at once', async () => {
    expect(await missedAfter(0, () => server.endWatches())).toEqual(missed);
    expect(log.lines).toEqual([]);
  });

  test('the server ended the watch at once after an event', async () => {
    await settled();
    server.set('a');
    server.endWatches();
    await drain();
    server.delete('b');
    await drain();
    expect(news()).toEqual(['Apply a', 'Delete b']);
    expect(log.lines).toEqual([]);
  });

  test.each([
    ['a reset connection', () => server.breakWatches(networkFailure('ECONNRESET'))],
    [
      'an error within the stream',
      () => server.watch.event('ERROR', { kind: 'Status', code: 500, metadata: {} }),
    ],
    ['a line that is no event', () => server.watch.send('{"type":"ADDED"\n')],
    [
      'a server that refused the new watch (500)',
      () => {
        server.faults.push(refusal(500, 'InternalError'));
        server.endWatches();
      },
    ],
    [
      'a server that was away',
      () => {
        server.faults.push(networkFailure('ECONNREFUSED'));
        server.breakWatches(networkFailure('ECONNRESET'));
      },
    ],
  ])('%s', async (_, harm) => {
    const harmed = () => {
      harm();
      server.silence();
    };
    expect(await missedAfter(5_000, harmed)).toEqual(missed);
  });

  test('a connection that fell silent', async () => {
    expect(await missedAfter(135_000, () => server.silence())).toEqual(missed);
  });
});

describe('bookmarks', () => {
  test('move the version from which it goes on', async () => {
    server.set('a');
    await start({ namespace: 'shop' });
    server.set('elsewhere', { namespace: 'other' });
    server.bookmark();
    await clock.advance(5_000);
    server.compact();
    server.endWatches();
    await drain();
    expect(news()).toEqual(['Init', 'InitApply a', 'InitDone']);
    expect(server.verbs).toEqual(['list', 'watch', 'watch']);
    expect(queryOf(server.requests[2])['resourceVersion']).toBe('102');
  });

  test('keep a quiet watch alive, and are not told', async () => {
    await settled();
    for (let minute = 0; minute < 30; minute++) {
      await clock.advance(60_000);
      server.bookmark();
    }
    await drain();
    expect(server.verbs).toEqual(['list', 'watch']);
    expect(news()).toEqual([]);
  });
});

describe('it lists again, which shows what is gone, when the version is too old', () => {
  const relisted = ['Init', 'InitApply b', 'InitApply c', 'InitDone'];

  test('at the start of a watch', async () => {
    await settled();
    server.breakWatches(networkFailure('ECONNRESET'));
    server.delete('a');
    server.set('c');
    server.compact();
    await clock.advance(5_000);
    expect(news()).toEqual(relisted);
    server.set('d');
    await drain();
    expect(news()).toEqual(['Apply d']);
  });

  test('within a watch, where it comes as an event', async () => {
    await settled();
    const { watch } = server;
    server.silence();
    server.delete('a');
    server.set('c');
    watch.event('ERROR', { kind: 'Status', metadata: {}, code: 410, reason: 'Expired' });
    await clock.advance(5_000);
    expect(news()).toEqual(relisted);
    expect(watch.left).toBe(true);
  });
});

describe('it does not hammer a server', () => {
  test('that closes each watch as soon as it is open', async () => {
    await settled();
    const from = server.requests.length;
    server.faults.push(...Array.from({ length: 1_000 }, () => answer(200, '')));
    server.endWatches();
    await clock.advance(60_000);
    expect(server.requests.length - from).toBeLessThan(10);
  });

  test('that answers each watch with 410', async () => {
    server.faults.push(
      ...Array.from({ length: 1_000 }, (_, n) => (n % 2 ? refusal(410, 'Expired') : undefined)),
    );
    await start();
    await clock.advance(60_000);
    expect(server.requests.length).toBeLessThan(20);
  });

  test('that is away: it asks after 0.8 s to 30 s', async () => {
    server.faults.push(...Array.from({ length: 1_000 }, () => refusal(403, 'Forbidden')));
    await start();
    await clock.advance(300_000);
    const waits = log.lines.map((line) => Number(line.fields['retryInMs']));
    expect(waits.slice(0, 7)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 25_000, 25_000]);
  });

  test('with a server time-out between nine tenths and all of 290 s', async () => {
    await start();
    expect(Number(queryOf(server.requests[1])['timeoutSeconds'])).toBe(276);
  });
});
