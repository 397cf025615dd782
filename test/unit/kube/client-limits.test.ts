// Answers that never come, never end, break or are too large end in one kind of error, in time.
import { describe, expect, test } from 'vitest';
import { drain } from '../../support/virtual-clock.ts';
import { PODS } from '../../../src/kube/resources.ts';
import type { HttpResponse } from '../../../src/kube/transport.ts';
import { answer, broken, bytes, json, LiveBody, recorded, refusal } from './support/fake-transport.ts';
import { clientOf, during, pod, rejection } from './support/fixtures.ts';

const WEB = { namespace: 'shop', name: 'web' };
const MIB = 1024 * 1024;

/** A body of `size` bytes in pieces of one MiB, counting those that were read. */
function large(size: number) {
  const state = { read: 0, closed: false };
  async function* body(): AsyncGenerator<Uint8Array> {
    try {
      for (let left = size; left > 0; left -= MIB) {
        state.read += 1;
        yield Buffer.alloc(Math.min(left, MIB), ' ');
      }
    } finally {
      state.closed = true;
    }
  }
  return { state, body: body() };
}

const never = <T>() => new Promise<T>(() => {});

describe('within the deadline', () => {
  test('a transport that never answers, and ignores its signal, is given up', async () => {
    const { transport, requests } = recorded(() => never<HttpResponse>());
    const { client, clock } = clientOf(transport);
    const error = await rejection(clock, 10_000, client.get(PODS, WEB));
    expect(error).toMatchObject({
      status: 0,
      reason: 'Timeout',
      message: 'cannot get Pod shop/web: no answer within 10000 ms',
    });
    expect(requests[0]?.signal.aborted).toBe(true);
  });

  test('a body that never ends is given up, and let go', async () => {
    const body = new LiveBody();
    const { transport } = recorded(() => answer(200, body));
    const { client, clock } = clientOf(transport);
    body.send('{');
    const error = await rejection(clock, 3_000, client.get(PODS, WEB, { timeoutMs: 2_000 }));
    expect(error).toMatchObject({ status: 0, reason: 'Timeout' });
    body.end();
    await drain();
    expect(body.left).toBe(true);
  });

  test('an error body that never ends leaves the status', async () => {
    const { transport } = recorded(() => answer(403, new LiveBody()));
    const { client, clock } = clientOf(transport);
    expect(await rejection(clock, 10_000, client.get(PODS, WEB))).toMatchObject({ status: 403 });
  });

  test('a write whose answer does not come is not sent again', async () => {
    const { transport, requests } = recorded(() => never<HttpResponse>());
    const { client, clock } = clientOf(transport);
    await rejection(clock, 60_000, client.create(PODS, WEB, {}));
    expect(requests).toHaveLength(1);
  });

  test('an abort ends the call at once', async () => {
    const stop = new AbortController();
    const { transport } = recorded(() => never<HttpResponse>());
    const { client, clock } = clientOf(transport);
    const error = rejection(clock, 0, client.get(PODS, WEB, { signal: stop.signal }));
    stop.abort(new Error('stopping'));
    expect(await error).toMatchObject({ reason: 'Aborted', message: 'cannot get Pod shop/web: stopping' });
  });
});

describe('an answer that breaks', () => {
  const failureOf = async (response: () => HttpResponse) => {
    const { transport, requests } = recorded(response);
    const { client, clock } = clientOf(transport);
    const error = await rejection(clock, 60_000, client.create(PODS, WEB, {}));
    expect(requests).toHaveLength(1);
    return error;
  };

  test.each<[string, () => HttpResponse]>([
    ['is cut off', () => answer(200, '{"metadata":{"name":')],
    ['is empty', () => answer(200, '')],
    ['is no object', () => answer(200, '7')],
    ['is null', () => answer(200, 'null')],
    ['is HTML', () => answer(200, '<html>login</html>')],
  ])('because it %s', async (_, response) => {
    expect(await failureOf(response)).toMatchObject({ status: 0, reason: 'BrokenAnswer' });
  });

  test('because the connection broke has its code', async () => {
    const reset = Object.assign(new Error('terminated'), { code: 'UND_ERR_SOCKET' });
    expect(await failureOf(() => answer(200, broken(reset, '{"a":')))).toMatchObject({
      status: 0,
      reason: 'UND_ERR_SOCKET',
      message: 'cannot create Pod shop/web: terminated',
    });
  });

  test('while it tells an error leaves the status', async () => {
    const response = () => answer(409, broken(new Error('reset'), '{"kind":"Status",'));
    expect(await failureOf(response)).toMatchObject({ status: 409, reason: 'Unknown' });
  });
});

describe('an answer that is too large', () => {
  test('is not read to its end, nor asked for again', async () => {
    const { state, body } = large(200 * MIB);
    const { transport, requests } = recorded(() => answer(200, body));
    const { client, clock } = clientOf(transport);
    const error = await rejection(clock, 20_000, client.get(PODS, WEB));
    expect(error).toMatchObject({ reason: 'TooLarge', message: expect.stringContaining('67108864 bytes') });
    expect(state).toEqual({ read: 65, closed: true });
    expect(requests).toHaveLength(1);
  });

  test('is accepted up to 64 MiB', async () => {
    const padding = Array.from({ length: 63 }, () => Buffer.alloc(MIB, ' '));
    const { transport } = recorded(() => answer(200, bytes(...padding, JSON.stringify(pod('web', '1')))));
    const { client, clock } = clientOf(transport);
    expect(await during(clock, 0, client.get(PODS, WEB))).toEqual(pod('web', '1'));
  });

  test('and tells an error leaves the status, after 64 KiB', async () => {
    const { state, body } = large(10 * MIB);
    const { transport } = recorded(() => answer(403, body));
    const { client, clock } = clientOf(transport);
    const error = await rejection(clock, 0, client.get(PODS, WEB));
    expect(error).toMatchObject({ status: 403, reason: 'Unknown' });
    expect(state).toEqual({ read: 1, closed: true });
  });
});

test('a refusal of the server is told with all that it says', async () => {
  const cause = {
    reason: 'FieldValueInvalid',
    message: 'must be no more than 63 characters',
    field: 'metadata.labels',
  };
  const details = { name: 'web', kind: 'Pod', causes: [cause] };
  const { transport } = recorded(() => refusal(422, 'Invalid', { message: 'Pod "web" is invalid', details }));
  const { client, clock } = clientOf(transport);
  expect(await rejection(clock, 0, client.jsonPatch(PODS, WEB, []))).toMatchObject({
    message: 'cannot patch Pod shop/web: 422 Invalid: Pod "web" is invalid',
    causes: [cause],
    hasDetails: true,
  });
});

test('characters cut between chunks are whole', async () => {
  const data = Buffer.from(JSON.stringify({ ...pod('web', '1'), note: '😀' }));
  async function* body(): AsyncGenerator<Uint8Array> {
    for (const byte of data) yield Uint8Array.of(byte);
  }
  const { transport } = recorded(() => answer(200, body()));
  const { client, clock } = clientOf(transport);
  expect(await during(clock, 0, client.get(PODS, WEB))).toHaveProperty('note', '😀');
});

test('an answer of 201 or 202 is a success', async () => {
  for (const status of [201, 202]) {
    const { transport } = recorded(() => json(pod('web', '1'), status));
    const { client, clock } = clientOf(transport);
    expect(await during(clock, 0, client.create(PODS, WEB, {}))).toEqual(pod('web', '1'));
  }
});
