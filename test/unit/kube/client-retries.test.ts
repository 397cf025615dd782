// What is tried again, when, how often, and what never is.
import { describe, expect, test } from 'vitest';
import type { CallOptions, KubeClient, RetryLimit } from '../../../src/kube/client.ts';
import { sleep } from '../../../src/kube/clock.ts';
import { PODS } from '../../../src/kube/resources.ts';
import { retryWaitMs } from '../../../src/kube/retry.ts';
import { drain } from '../../support/virtual-clock.ts';
import {
  answer,
  failing,
  json,
  networkFailure,
  recorded,
  refusal,
  scripted,
  type Scripted,
} from './support/fake-transport.ts';
import { clientOf, during, pod, rejection } from './support/fixtures.ts';

const WEB = { namespace: 'shop', name: 'web' };
const OK = json(pod('web', '1'));
const BUDGET = refusal(429, 'TooManyRequests', { details: { causes: [{ reason: 'DisruptionBudget' }] } });
const BUSY = refusal(429, 'TooManyRequests');

type Work = (client: KubeClient, options?: CallOptions) => Promise<unknown>;
const read: Work = (client, options) => client.get(PODS, WEB, options);
const WRITES: [string, Work][] = [
  ['create', (client, options) => client.create(PODS, WEB, {}, options)],
  ['patch', (client, options) => client.jsonPatch(PODS, WEB, [], options)],
  ['delete', (client, options) => client.delete(PODS, WEB, 'uid', options)],
];

/** Requests sent for `work` within 60 s of virtual time, with how it ended. */
async function run(work: Work, ...script: readonly Scripted[]) {
  const { transport, requests } = scripted(...script);
  const { client, clock } = clientOf(transport);
  const start = clock.now();
  let endedAt = 0;
  const ending = work(client).then(
    () => 'ok',
    (error: unknown) => error,
  );
  const result = await during(
    clock,
    60_000,
    ending.finally(() => (endedAt = clock.now() - start)),
  );
  return { requests, result, tookMs: endedAt };
}

describe('a read is tried again after', () => {
  test.each<[string, Scripted]>([
    ['429', BUSY],
    ['500', refusal(500, 'InternalError')],
    ['502 of a proxy', answer(502, 'Bad Gateway')],
    ['503', refusal(503, 'ServiceUnavailable')],
    ['504', refusal(504, 'Timeout')],
    ['a reset', failing(networkFailure('ECONNRESET'))],
    ['a refused connection', failing(networkFailure('ECONNREFUSED'))],
    ['an answer that was cut off', answer(200, '{"metadata":')],
  ])('%s', async (_, first) => {
    const { requests, result } = await run(read, first, OK);
    expect(result).toBe('ok');
    expect(requests).toHaveLength(2);
  });
});

describe('a read is not tried again after', () => {
  test.each([
    ['400', refusal(400, 'BadRequest')],
    ['401', refusal(401, 'Unauthorized')],
    ['403', refusal(403, 'Forbidden')],
    ['404', refusal(404, 'NotFound')],
    ['409', refusal(409, 'Conflict')],
    ['410', refusal(410, 'Expired')],
    ['422', refusal(422, 'Invalid')],
    ['302', answer(302, '')],
  ])('%s', async (_, first) => {
    const { requests, result } = await run(read, first, OK);
    expect(result).toMatchObject({ name: 'KubeError', status: first.status });
    expect(requests).toHaveLength(1);
  });
});

describe.each(WRITES)('a %s', (_, write) => {
  test.each<[string, Scripted]>([
    ['429 of a busy server', BUSY],
    ['a refused connection', failing(networkFailure('ECONNREFUSED'))],
    ['an unknown host', failing(networkFailure('ENOTFOUND'))],
  ])('is tried again after %s', async (__, first) => {
    const { requests, result } = await run(write, first, OK);
    expect(result).toBe('ok');
    expect(requests).toHaveLength(2);
  });

  test.each<[string, Scripted]>([
    ['429 of a disruption budget', BUDGET],
    ['500, as it may have been done', refusal(500, 'InternalError')],
    ['503', refusal(503, 'ServiceUnavailable')],
    ['504', refusal(504, 'Timeout')],
    ['a reset', failing(networkFailure('ECONNRESET'))],
    ['a cut-off answer', answer(200, '{')],
    ['409', refusal(409, 'Conflict')],
    ['422', refusal(422, 'Invalid')],
  ])('is sent once when the answer is %s', async (__, first) => {
    const { requests, result } = await run(write, first, OK);
    expect(result).toHaveProperty('name', 'KubeError');
    expect(requests).toHaveLength(1);
  });
});

describe('the wait', () => {
  test('doubles from try to try, up to 5 s', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 50].map((tries) =>
      retryWaitMs(tries, { retryAfterMs: undefined }, () => 1),
    );
    expect(waits).toEqual([200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]);
  });

  test('is half random', () => {
    const wait = (random: number) => retryWaitMs(1, { retryAfterMs: undefined }, () => random);
    expect([wait(0), wait(0.5), wait(1)]).toEqual([100, 150, 200]);
  });

  test('is never shorter than the server asked for, and even then jittered', () => {
    const wait = (random: number) => retryWaitMs(1, { retryAfterMs: 3_000 }, () => random);
    expect([wait(0), wait(1)]).toEqual([3_100, 3_200]);
  });

  test('obeys Retry-After', async () => {
    const busy = refusal(429, 'TooManyRequests', { headers: { 'retry-after': '4' } });
    const { requests, result, tookMs } = await run(read, busy, OK);
    expect(result).toBe('ok');
    expect(requests).toHaveLength(2);
    expect(tookMs).toBeGreaterThanOrEqual(4_000);
    expect(tookMs).toBeLessThan(5_000);
  });
});

describe('the deadline', () => {
  test('ends the tries with the last error, 10 s by default', async () => {
    const { requests, result, tookMs } = await run(read, refusal(503, 'ServiceUnavailable'));
    expect(result).toMatchObject({ status: 503 });
    expect(requests.length).toBeGreaterThan(4);
    expect(tookMs).toBeLessThan(10_000);
  });

  test('is not waited for when the server asks for more time than there is', async () => {
    const busy = refusal(429, 'TooManyRequests', { headers: { 'retry-after': '60' } });
    const { requests, result, tookMs } = await run(read, busy, OK);
    expect(result).toMatchObject({ status: 429, retryAfterMs: 60_000 });
    expect(requests).toHaveLength(1);
    expect(tookMs).toBe(0);
  });

  test('holds for the waits between tries too', async () => {
    const { transport, requests } = scripted(refusal(503, 'ServiceUnavailable'));
    const { client, clock } = clientOf(transport);
    await rejection(clock, 60_000, client.get(PODS, WEB, { timeoutMs: 500 }));
    expect(requests).toHaveLength(3);
  });
});

describe('a limit of tries', () => {
  const sent = async (limit: RetryLimit, first: Scripted) => {
    const { requests, result, tookMs } = await run(
      (client) => client.get(PODS, WEB, { timeoutMs: 30_000, retry: limit }),
      first,
    );
    expect(result).toHaveProperty('name', 'KubeError');
    return { tries: requests.length, tookMs };
  };

  test.each([1, 2, 3])('of %i sends no more requests', async (tries) => {
    const limit = { tries, withinMs: 30_000 };
    expect(await sent(limit, refusal(503, 'ServiceUnavailable'))).toMatchObject({ tries });
  });

  test('in time sends none later, whatever the server asks for', async () => {
    const limit = { tries: 5, withinMs: 2_000 };
    const busy = refusal(429, 'TooManyRequests', { headers: { 'retry-after': '3' } });
    expect(await sent(limit, busy)).toEqual({ tries: 1, tookMs: 0 });
    const soon = refusal(429, 'TooManyRequests', { headers: { 'retry-after': '1' } });
    expect(await sent(limit, soon)).toMatchObject({ tries: 2 });
  });

  test('is no deadline: an answer that takes longer is waited for', async () => {
    const { transport } = recorded(async () => OK);
    const { client, clock } = clientOf(async (request) => {
      await sleep(clock, 5_000);
      return transport(request);
    });
    const call = client.get(PODS, WEB, { retry: { tries: 1, withinMs: 100 } });
    expect(await during(clock, 10_000, call)).toEqual(pod('web', '1'));
  });

  test('holds for writes too', async () => {
    const { requests } = await run(
      (client) => client.create(PODS, WEB, {}, { retry: { tries: 2, withinMs: 60_000 } }),
      failing(networkFailure('ECONNREFUSED')),
    );
    expect(requests).toHaveLength(2);
  });
});

describe('a signal that fires', () => {
  test('ends the waiting with the error that was waited for', async () => {
    const stop = new AbortController();
    const { transport, requests } = scripted(refusal(503, 'ServiceUnavailable'), OK);
    const { client, clock } = clientOf(transport);
    const failure = rejection(clock, 0, client.get(PODS, WEB, { signal: stop.signal }));
    await drain();
    stop.abort();
    expect(await failure).toMatchObject({ status: 503 });
    expect(requests).toHaveLength(1);
  });

  test('before the call sends nothing', async () => {
    const { transport, requests } = scripted(OK);
    const { client, clock } = clientOf(transport);
    const signal = AbortSignal.abort(new Error('stopping'));
    for (const [, write] of WRITES) {
      expect(await rejection(clock, 0, write(client, { signal }))).toMatchObject({
        status: 0,
        reason: 'Aborted',
      });
    }
    expect(requests).toEqual([]);
  });
});

test('leaves no timer behind', async () => {
  const { transport } = scripted(refusal(503, 'ServiceUnavailable'), OK);
  const { client, clock } = clientOf(transport);
  await during(clock, 1_000, client.get(PODS, WEB));
  expect(clock.pending).toBe(0);
});
