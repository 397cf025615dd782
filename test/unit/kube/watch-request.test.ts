// One watch request: its events, its end, and every way in which it can fail.
import { afterEach, describe, expect, test } from 'vitest';
import type { WatchEvent } from '../../../src/kube/client.ts';
import { DRIFT_INCIDENTS, PODS } from '../../../src/kube/resources.ts';
import { drain } from '../../support/virtual-clock.ts';
import {
  answer,
  failing,
  LiveBody,
  networkFailure,
  queryOf,
  refusal,
  scripted,
  type Scripted,
} from './support/fake-transport.ts';
import { clientOf, pod } from './support/fixtures.ts';

const IDLE_MS = 100_000;
let stop = new AbortController();
afterEach(() => {
  stop.abort();
  stop = new AbortController();
});

/** A watch that is read in the background. */
function watching(first: Scripted, selection = {}) {
  const { transport, requests } = scripted(first);
  const { client, clock } = clientOf(transport);
  const from = { resourceVersion: '7', timeoutSeconds: 290, ...selection };
  const stream = client.watch(PODS, from, { signal: stop.signal, idleMs: IDLE_MS });
  const result: { events: WatchEvent[]; end?: unknown } = { events: [] };
  const read = async () => {
    for await (const event of stream) result.events.push(event);
  };
  void read().then(
    () => (result.end = 'ended'),
    (error: unknown) => (result.end = error),
  );
  return { requests, clock, result };
}

const live = () => {
  const body = new LiveBody();
  return { body, ...watching(answer(200, body)) };
};

test('asks for bookmarks, from a version, for a time', async () => {
  const selection = { namespace: 'shop', labelSelector: 'app=web', fieldSelector: 'spec.nodeName=n' };
  const { requests } = watching(answer(200, ''), selection);
  await drain();
  expect(requests[0]).toMatchObject({ method: 'GET', streaming: true });
  expect(requests[0]?.path).toMatch(/^\/api\/v1\/namespaces\/shop\/pods\?/);
  expect(queryOf(requests[0])).toEqual({
    watch: '1',
    allowWatchBookmarks: 'true',
    resourceVersion: '7',
    timeoutSeconds: '290',
    labelSelector: 'app=web',
    fieldSelector: 'spec.nodeName=n',
  });
});

test('sends nothing before it is read', async () => {
  const { transport, requests } = scripted(answer(200, ''));
  const { client } = clientOf(transport);
  const options = { signal: stop.signal, idleMs: IDLE_MS };
  client.watch(DRIFT_INCIDENTS, { resourceVersion: '7', timeoutSeconds: 290 }, options);
  await drain();
  expect(requests).toEqual([]);
});

describe('events', () => {
  test('come as they are sent', async () => {
    const { body, result } = live();
    body.event('ADDED', pod('a', '8'));
    await drain();
    expect(result.events).toEqual([{ type: 'ADDED', object: pod('a', '8') }]);
    body.event('DELETED', pod('a', '9'));
    body.event('BOOKMARK', { metadata: { resourceVersion: '10' } });
    await drain();
    expect(result.events.map((event) => event.type)).toEqual(['ADDED', 'DELETED', 'BOOKMARK']);
    expect(result.end).toBeUndefined();
  });

  test('may be cut anywhere', async () => {
    const { body, result } = live();
    const text = `${JSON.stringify({ type: 'ADDED', object: pod('a', '8') })}\n`;
    for (const character of text) body.send(character);
    await drain();
    expect(result.events).toEqual([{ type: 'ADDED', object: pod('a', '8') }]);
  });

  test('include the error of the server, which is for the reader to judge', async () => {
    const { body, result } = live();
    body.event('ERROR', { kind: 'Status', code: 410, reason: 'Expired' });
    await drain();
    expect(result.events[0]).toMatchObject({ type: 'ERROR', object: { code: 410 } });
  });
});

describe('the watch ends', () => {
  test('when the server ends it', async () => {
    const { body, result, clock } = live();
    body.event('ADDED', pod('a', '8'));
    body.end();
    await drain();
    expect(result).toMatchObject({ events: [{ type: 'ADDED' }], end: 'ended' });
    expect(clock.pending).toBe(0);
  });

  test('with a KubeError when the signal fires, and lets the connection go', async () => {
    const { body, result, requests, clock } = live();
    await drain();
    stop.abort(new Error('stopping'));
    await drain();
    expect(result.end).toMatchObject({ name: 'KubeError', reason: 'Aborted' });
    expect(requests[0]?.signal.aborted).toBe(true);
    body.end();
    await drain();
    expect(body.left).toBe(true);
    expect(clock.pending).toBe(0);
  });

  test('for good when its reader leaves', async () => {
    const body = new LiveBody();
    const { transport, requests } = scripted(answer(200, body));
    const { client } = clientOf(transport);
    body.event('ADDED', pod('a', '8'));
    const from = { resourceVersion: '7', timeoutSeconds: 290 };
    for await (const event of client.watch(PODS, from, { signal: stop.signal, idleMs: IDLE_MS })) {
      expect(event.type).toBe('ADDED');
      break;
    }
    expect(requests[0]?.signal.aborted).toBe(true);
    await drain();
    expect(body.left).toBe(true);
  });
});

// Without a version the next watch would begin anywhere; without a UID nobody knows what it is about.
const NAMELESS = [
  {},
  { name: 'a', uid: 'u' },
  { name: 'a', resourceVersion: '8' },
  { uid: 'u', resourceVersion: '8' },
  { name: 'a', uid: '', resourceVersion: '8' },
  { name: 'a', uid: 'u', resourceVersion: 8 },
  { name: { toString: 0 }, uid: 'u', resourceVersion: '8' },
  { name: 'a', namespace: { toString: 0 }, uid: 'u', resourceVersion: '8' },
];

describe('the watch fails', () => {
  test.each<[string, Scripted, object]>([
    ['with 410 at its start', refusal(410, 'Expired'), { status: 410 }],
    ['with 500 at its start', refusal(500, 'InternalError'), { status: 500 }],
    ['with 403 at its start', refusal(403, 'Forbidden'), { status: 403 }],
    ['when nobody listens', failing(networkFailure('ECONNREFUSED')), { status: 0, reason: 'ECONNREFUSED' }],
    ['on a line that is no JSON', answer(200, 'oops\n'), { status: 0, reason: 'BrokenAnswer' }],
    ['on a line that was cut off', answer(200, '{"type":"ADDED","obj'), { reason: 'BrokenAnswer' }],
    [
      'on an unknown type',
      answer(200, '{"type":"SYNC","object":{"metadata":{}}}'),
      { reason: 'BrokenAnswer' },
    ],
    ['on an event without object', answer(200, '{"type":"ADDED"}'), { reason: 'BrokenAnswer' }],
    [
      'on an event of null',
      answer(200, '{"type":"ADDED","object":{"metadata":null}}'),
      { reason: 'BrokenAnswer' },
    ],
    ['on an event without metadata', answer(200, '{"type":"ADDED","object":{}}'), { reason: 'BrokenAnswer' }],
    ...NAMELESS.map((metadata): [string, Scripted, object] => [
      `on an event about ${JSON.stringify(metadata)}, which names no object`,
      answer(200, JSON.stringify({ type: 'ADDED', object: { metadata } })),
      { reason: 'BrokenAnswer' },
    ]),
    [
      'on a bookmark that is none',
      answer(200, '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":9}}}'),
      { reason: 'BrokenAnswer' },
    ],
  ])('%s', async (_, first, expected) => {
    const { result } = watching(first);
    await drain();
    expect(result.end).toMatchObject({ name: 'KubeError', ...expected });
    expect((result.end as Error).message).toMatch(/^cannot watch Pod in all namespaces: /);
  });

  test('when the connection is reset, after the events that came', async () => {
    const { body, result } = live();
    body.event('ADDED', pod('a', '8'));
    body.fail(networkFailure('ECONNRESET'));
    await drain();
    expect(result).toMatchObject({ events: [{ type: 'ADDED' }], end: { reason: 'ECONNRESET' } });
  });

  test('on a line of more than 8 MiB', async () => {
    const { body, result } = live();
    for (let n = 0; n < 9; n++) body.send('x'.repeat(1024 * 1024));
    await drain();
    expect(result.end).toMatchObject({
      name: 'KubeError',
      message: expect.stringContaining('8388608 bytes'),
    });
  });
});

describe('silence', () => {
  test('at the start ends the watch', async () => {
    const { result, clock, requests } = watching(() => new Promise(() => {}));
    await clock.advance(IDLE_MS - 1);
    expect(result.end).toBeUndefined();
    await clock.advance(1);
    expect(result.end).toMatchObject({ name: 'KubeError', reason: 'Timeout' });
    expect(requests[0]?.signal.aborted).toBe(true);
  });

  test('within a refusal ends the watch, and what was said of it is told', async () => {
    const { result, clock } = watching(answer(410, new LiveBody()));
    await clock.advance(9_999);
    expect(result.end).toBeUndefined();
    await clock.advance(1);
    expect(result.end).toMatchObject({ name: 'KubeError', status: 410 });
    expect(clock.pending).toBe(0);
  });

  test('of a connection that is dead but open ends the watch', async () => {
    const { body, result, clock } = live();
    body.event('ADDED', pod('a', '8'));
    await clock.advance(IDLE_MS - 1);
    expect(result.end).toBeUndefined();
    await clock.advance(1);
    expect(result.end).toMatchObject({ reason: 'Timeout' });
  });

  test('is broken by a bookmark', async () => {
    const { body, result, clock } = live();
    for (let n = 0; n < 5; n++) {
      await clock.advance(IDLE_MS - 1);
      body.event('BOOKMARK', { metadata: { resourceVersion: String(n) } });
    }
    await clock.advance(IDLE_MS - 1);
    expect(result.end).toBeUndefined();
    expect(result.events).toHaveLength(5);
  });

  test('is not the time that the reader takes', async () => {
    const body = new LiveBody();
    const { transport } = scripted(answer(200, body));
    const { client, clock } = clientOf(transport);
    const from = { resourceVersion: '7', timeoutSeconds: 290 };
    const stream = client.watch(PODS, from, { signal: stop.signal, idleMs: IDLE_MS })[Symbol.asyncIterator]();
    body.event('ADDED', pod('a', '8'));
    await stream.next();
    await clock.advance(10 * IDLE_MS);
    body.event('MODIFIED', pod('a', '9'));
    expect((await stream.next()).value).toMatchObject({ type: 'MODIFIED' });
  });
});
