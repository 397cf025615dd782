// A text that is slow, silent or breaks off: what came is kept, and silence is not waited for to the end.
import { describe, expect, test } from 'vitest';
import type { TextOptions, TextRead } from '../../../src/kube/client.ts';
import { sleep } from '../../../src/kube/clock.ts';
import { PODS } from '../../../src/kube/resources.ts';
import type { Transport } from '../../../src/kube/transport.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { createKubeClient } from '../../../src/kube/http-client.ts';
import {
  answer,
  broken,
  LiveBody,
  networkFailure,
  recorded,
  refusal,
  scripted,
} from './support/fake-transport.ts';
import { steady } from './support/fixtures.ts';

const LOG = { namespace: 'shop', name: 'web', subresource: 'log' };
const LIMITS: TextOptions = { timeoutMs: 30_000, idleMs: 10_000 };
const RESET = networkFailure('ECONNRESET');

/** Reads a log of up to 100 bytes to its end, of whatever kind, and tells when that was. */
async function read(transport: Transport, options: TextOptions = LIMITS, clock = new VirtualClock()) {
  const client = createKubeClient({ transport, clock, random: steady });
  const start = clock.now();
  let tookMs = 0;
  const reading = client.readText(PODS, LOG, {}, 100, options).then(
    (found: TextRead) => ({ ...found, text: Buffer.from(found.bytes).toString() }),
    (error: unknown) => ({ error }),
  );
  const result = reading.finally(() => (tookMs = clock.now() - start));
  await clock.advance(60_000);
  expect(clock.pending).toBe(0);
  return { result: await result, tookMs };
}

describe('silence', () => {
  test('before the first byte ends the reading, and frees the connection', async () => {
    const { transport, requests } = recorded(() => new Promise(() => {}));
    const { result, tookMs } = await read(transport);
    expect(result).toMatchObject({ error: { status: 0, reason: 'Timeout' } });
    // It is tried again as other errors are, for as long as there is time.
    expect(tookMs).toBe(30_000);
    expect(requests.map(({ signal }) => signal.aborted)).toEqual([true, true, true]);
  });

  test('is not tried again where the limit says so', async () => {
    const { transport, requests } = recorded(() => new Promise(() => {}));
    const { result, tookMs } = await read(transport, { ...LIMITS, retry: { tries: 2, withinMs: 2_000 } });
    expect([requests.length, tookMs]).toEqual([1, 10_000]);
    const message = 'cannot get Pod shop/web log: nothing came for 10000 ms';
    expect(result).toMatchObject({ error: { message } });
  });

  test('after some bytes ends it with those', async () => {
    const body = new LiveBody();
    body.send('half a li');
    const { transport } = recorded(() => answer(200, body));
    const { result, tookMs } = await read(transport, { ...LIMITS, retry: { tries: 2, withinMs: 2_000 } });
    expect(result).toMatchObject({
      text: 'half a li',
      truncated: true,
      failure: { reason: 'Timeout', message: expect.stringContaining('nothing came for 10000 ms') },
    });
    expect(tookMs).toBe(10_000);
  });

  test('after the headers ends it too', async () => {
    const { transport } = recorded(() => answer(200, new LiveBody()));
    const { result } = await read(transport, { ...LIMITS, retry: { tries: 1, withinMs: 0 } });
    expect(result).toMatchObject({ error: { reason: 'Timeout' } });
  });
});

/** A byte each six seconds. */
function dripping(clock: VirtualClock, drops: number): Transport {
  const body = async function* () {
    for (let drop = 0; drop < drops; drop++) {
      await sleep(clock, 6_000);
      yield Buffer.from('x');
    }
  };
  return async () => answer(200, body());
}

describe('a slow text', () => {
  test('that flows is read to its end', async () => {
    const clock = new VirtualClock();
    const { result, tookMs } = await read(dripping(clock, 4), LIMITS, clock);
    expect(result).toEqual({ bytes: Buffer.from('xxxx'), text: 'xxxx', truncated: false });
    expect(tookMs).toBe(24_000);
  });

  test('is cut at the deadline, and what came is kept', async () => {
    const clock = new VirtualClock();
    const body = new LiveBody();
    const { transport } = recorded(() => answer(200, body));
    for (const at of [6_000, 12_000, 18_000, 24_000]) clock.after(at, () => body.send('x'));
    const { result, tookMs } = await read(transport, LIMITS, clock);
    expect(result).toMatchObject({ text: 'xxxx', truncated: true, failure: { reason: 'Timeout' } });
    expect(tookMs).toBe(30_000);
  });
});

describe('a text that breaks off', () => {
  test('is read again from the beginning', async () => {
    const { transport, requests } = scripted(
      () => answer(200, broken(RESET, 'the beg')),
      answer(200, 'the beginning and the end'),
    );
    const { result } = await read(transport);
    expect(result).toMatchObject({ text: 'the beginning and the end', truncated: false });
    expect(result).not.toHaveProperty('failure');
    expect(requests).toHaveLength(2);
  });

  test('again and again is kept as far as it came', async () => {
    const { transport } = scripted(() => answer(200, broken(RESET, 'the beg')));
    const { result } = await read(transport, { ...LIMITS, retry: { tries: 2, withinMs: 2_000 } });
    expect(result).toMatchObject({ text: 'the beg', truncated: true, failure: { reason: 'ECONNRESET' } });
  });

  test('and is refused then is kept as far as it came', async () => {
    const { transport } = scripted(
      () => answer(200, broken(RESET, 'the beg')),
      refusal(500, 'InternalError'),
    );
    const { result } = await read(transport, { ...LIMITS, retry: { tries: 2, withinMs: 2_000 } });
    expect(result).toMatchObject({ text: 'the beg', truncated: true, failure: { status: 500 } });
  });

  test('does so with what came when the reader is told to stop', async () => {
    const stop = new AbortController();
    const clock = new VirtualClock();
    const body = new LiveBody();
    body.send('the beg');
    clock.after(3_000, () => stop.abort(new Error('the time is over')));
    const { transport } = recorded(() => answer(200, body));
    const { result, tookMs } = await read(transport, { ...LIMITS, signal: stop.signal }, clock);
    expect(result).toMatchObject({ text: 'the beg', truncated: true, failure: { reason: 'Aborted' } });
    expect(tookMs).toBe(3_000);
  });
});

test('an error of the kubelet is no text', async () => {
  const { transport } = recorded(() => refusal(400, 'BadRequest', { message: 'container "web" is waiting' }));
  const { result } = await read(transport);
  expect(result).toMatchObject({ error: { status: 400, reason: 'BadRequest' } });
});
