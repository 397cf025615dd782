// A handler gets the latest state of each object: one object at a time, all objects side by side, failures again.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TerminalError } from '../../../src/controller/outcome.ts';
import type { ResourceEvent } from '../../../src/controller/resource-event.ts';
import { watchObjects, type ObjectWatch } from '../../../src/controller/watch-objects.ts';
import { drain, VirtualClock } from '../../support/virtual-clock.ts';
import { FakeApi, WIDGETS } from './fake-api.ts';

let api: FakeApi;
let clock: VirtualClock;
let stop: AbortController;
let seen: string[];
let warnings: string[];
let handler: (event: ResourceEvent) => Promise<void>;

const label = ({ type, meta, object }: ResourceEvent) =>
  `${type} ${meta.name} ${object.metadata.labels?.['v'] ?? '-'}`;

/** Starts the watch and waits until it is quiet. */
async function start(selection: object = {}): Promise<ObjectWatch> {
  const log = {
    debug: () => {},
    error: () => {},
    warn: (_: object, message: string) => warnings.push(message),
  };
  const onEvent = (event: ResourceEvent) => {
    seen.push(label(event));
    return handler(event);
  };
  const options = {
    client: api,
    clock,
    random: () => 0,
    log,
    signal: stop.signal,
    resource: WIDGETS,
    selection,
    onEvent,
  };
  const watch = watchObjects(options);
  await drain();
  return watch;
}

/** What the handler was told since the last call. */
async function news(): Promise<string[]> {
  await drain();
  return seen.splice(0);
}

/** A handler that waits for the test at objects of that name. */
function holdAt(name: string): () => void {
  const gate = Promise.withResolvers<undefined>();
  handler = ({ meta }) => (meta.name === name ? gate.promise : Promise.resolve());
  return () => gate.resolve(undefined);
}

function failTimes(times: number, error: Error = new Error('handler broke')): void {
  let left = times;
  handler = () => (left-- > 0 ? Promise.reject(error) : Promise.resolve());
}

beforeEach(() => {
  api = new FakeApi();
  clock = new VirtualClock();
  stop = new AbortController();
  seen = [];
  warnings = [];
  handler = () => Promise.resolve();
});
afterEach(() => stop.abort());

describe('what happens to an object', () => {
  test('is told: there from the start, new, changed, gone', async () => {
    api.put('a', { labels: { v: '1' } });
    await (
      await start()
    ).synced;
    expect(await news()).toEqual(['ADDED a 1']);
    api.put('b', { labels: { v: '1' } });
    expect(await news()).toEqual(['ADDED b 1']);
    api.put('b', { labels: { v: '2' } });
    expect(await news()).toEqual(['MODIFIED b 2']);
    api.remove('a');
    expect(await news()).toEqual(['DELETED a 1']);
  });

  test('comes with what the verbs need', async () => {
    api.put('a');
    let got: ResourceEvent | undefined;
    handler = async (event) => {
      got = event;
    };
    await start();
    expect(got?.meta).toEqual({
      id: 'widgets.example.dev/v1',
      name: 'a',
      namespace: 'shop',
      uid: 'uid-a',
      resourceVersion: '1',
      apiVersion: 'example.dev/v1',
      kind: 'Widget',
    });
  });

  test('is asked of the server with the selectors', async () => {
    await start({ namespace: 'shop', labelSelector: 'app=web' });
    expect(api.calls.map((call) => call.at)).toEqual([
      expect.objectContaining({ namespace: 'shop', labelSelector: 'app=web' }),
      expect.objectContaining({ namespace: 'shop', labelSelector: 'app=web', resourceVersion: '0' }),
    ]);
  });

  test('a deletion and a new object of the name are two things', async () => {
    api.put('a', { uid: 'one' });
    await start();
    await news();
    const release = holdAt('a');
    api.remove('a');
    api.put('a', { uid: 'two' });
    release();
    expect(await news()).toEqual(['DELETED a -', 'ADDED a -']);
  });
});

describe('after the watch broke', () => {
  test('nothing is replayed, and what happened meanwhile is told, deletions too', async () => {
    for (const name of ['same', 'changed', 'gone']) api.put(name);
    await start();
    await news();
    api.breakWatches();
    api.put('changed', { labels: { v: '2' } });
    api.remove('gone');
    api.put('new');
    await clock.until(() => api.watching, 60_000, 'the watch is back');
    expect((await news()).toSorted()).toEqual(['ADDED new -', 'DELETED gone -', 'MODIFIED changed 2']);
  });
});

describe('a handler', () => {
  test('that throws is called again with the latest state, and is told of', async () => {
    failTimes(2);
    api.put('a', { labels: { v: '1' } });
    await start();
    expect(await news()).toEqual(['ADDED a 1']);
    await clock.advance(500);
    expect(await news()).toEqual(['ADDED a 1']);
    api.put('a', { labels: { v: '2' } });
    expect(await news()).toEqual(['ADDED a 2']);
    await clock.advance(600_000);
    expect(await news()).toEqual([]);
    expect(warnings).toEqual(Array(2).fill('the handler of a ADDED event failed: handler broke'));
  });

  test('that failed for a deletion is called again for it', async () => {
    api.put('a');
    await start();
    await news();
    failTimes(1);
    api.remove('a');
    expect(await news()).toEqual(['DELETED a -']);
    await clock.advance(500);
    expect(await news()).toEqual(['DELETED a -']);
  });

  test('that throws a TerminalError is called again only when the object changes', async () => {
    failTimes(1, new TerminalError('BadSpec', 'a person must mend it'));
    api.put('a');
    await start();
    await news();
    await clock.advance(3_600_000);
    expect(await news()).toEqual([]);
    api.put('a', { labels: { v: '2' } });
    expect(await news()).toEqual(['ADDED a 2']);
  });

  test('that is slow at one object blocks no other', async () => {
    const release = holdAt('slow');
    api.put('slow');
    await start();
    api.put('a');
    api.put('b');
    expect(await news()).toEqual(['ADDED slow -', 'ADDED a -', 'ADDED b -']);
    release();
  });

  test('never works twice on one object at a time, and gets only the latest of the states it missed', async () => {
    const release = holdAt('slow');
    api.put('slow', { labels: { v: '1' } });
    await start();
    api.put('slow', { labels: { v: '2' } });
    api.put('slow', { labels: { v: '3' } });
    expect(await news()).toEqual(['ADDED slow 1']);
    release();
    expect(await news()).toEqual(['MODIFIED slow 3']);
  });
});

describe('the stop', () => {
  test('waits for the running handler, and then nothing is told any more', async () => {
    const release = holdAt('slow');
    api.put('slow');
    const { ended } = await start();
    let over = false;
    void ended.then(() => (over = true));
    stop.abort();
    await drain();
    expect(over).toBe(false);
    release();
    await ended;
    api.put('a');
    await clock.advance(60_000);
    expect(await news()).toEqual(['ADDED slow -']);
    expect(api.watching).toBe(false);
  });
});
