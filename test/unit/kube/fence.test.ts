// What is sent, kept back and given up by a client whose leadership ends, and how the caller can tell.
import { describe, expect, test } from 'vitest';
import type { KubeClient } from '../../../src/kube/client.ts';
import { isNotLeading, isUnavailable, KubeError } from '../../../src/kube/errors.ts';
import { fencedClient, fencedTransport, type Leadership } from '../../../src/kube/fence.ts';
import { PODS } from '../../../src/kube/resources.ts';
import type { HttpResponse, Transport } from '../../../src/kube/transport.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { answer, json, LiveBody, recorded, refusal, scripted } from './support/fake-transport.ts';
import { during, list, pod, rejection, steady } from './support/fixtures.ts';

const WEB = { namespace: 'shop', name: 'web' };
const OK = json(pod('web', '1'));
const BUSY = refusal(429, 'TooManyRequests');

/** A leadership that lasts for as long as the test says. */
class Lasting implements Leadership {
  readonly #clock: VirtualClock;
  until: number;

  constructor(clock: VirtualClock, ms: number) {
    this.#clock = clock;
    this.until = clock.now() + ms;
  }

  remainingMs(): number {
    return Math.max(0, this.until - this.#clock.now());
  }
}

/** A fenced client whose leadership lasts for `ms`. */
function stage(transport: Transport, ms: number) {
  const clock = new VirtualClock();
  const leadership = new Lasting(clock, ms);
  const client = fencedClient({ transport, clock, random: steady }, leadership);
  return { clock, leadership, client };
}

const never = (): Promise<HttpResponse> => new Promise(() => {});

type Work = (client: KubeClient) => Promise<unknown>;
const CALLS: [string, Work][] = [
  ['get', (client) => client.get(PODS, WEB)],
  ['list', (client) => client.list(PODS)],
  ['create', (client) => client.create(PODS, WEB, {})],
  ['a dry run', (client) => client.create(PODS, WEB, {}, { dryRun: true })],
  ['patch', (client) => client.jsonPatch(PODS, WEB, [])],
  ['delete', (client) => client.delete(PODS, WEB, 'uid')],
  ['log', (client) => client.readText(PODS, { ...WEB, subresource: 'log' }, {}, 100)],
  ['watch', (client) => firstOf(client)],
];

async function firstOf(client: KubeClient): Promise<unknown> {
  const signal = new AbortController().signal;
  const watch = client.watch(PODS, { resourceVersion: '1', timeoutSeconds: 60 }, { signal, idleMs: 130_000 });
  return watch[Symbol.asyncIterator]().next();
}

describe('while it leads, a replica', () => {
  test.each(CALLS.filter(([name]) => name !== 'list'))('sends: %s', async (name, work) => {
    const { transport, requests } = recorded(() => (name === 'watch' ? answer(200, '') : OK));
    const { client, clock } = stage(transport, 5_000);
    await during(clock, 10, work(client));
    expect(requests).toHaveLength(1);
  });

  test('gets the whole answer, and leaves no timer behind', async () => {
    const { transport } = scripted(json(list([pod('a', '1'), pod('b', '2')], '2')));
    const { client, clock } = stage(transport, 5_000);
    const { items } = await during(clock, 10, client.list(PODS));
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
    expect(clock.pending).toBe(0);
  });

  test('leaves no timer behind for a call that failed or was given up by its caller', async () => {
    const { client, clock } = stage(scripted(refusal(404, 'NotFound'), never).transport, 50_000);
    await rejection(clock, 10, client.get(PODS, WEB));
    expect(clock.pending).toBe(0);
    await rejection(clock, 1_100, client.get(PODS, WEB, { timeoutMs: 1_000 }));
    expect(clock.pending).toBe(0);
  });
});

describe('when it no longer leads, a replica', () => {
  test.each(CALLS)('does not send: %s', async (_, work) => {
    const { transport, requests } = recorded(() => OK);
    const { client, clock } = stage(transport, 1_000);
    await clock.advance(1_000);
    const error = await rejection(clock, 60_000, work(client));
    expect(isNotLeading(error)).toBe(true);
    expect(requests).toEqual([]);
  });

  test('says so with the call that was not made, and does not try it again', async () => {
    const { client, clock } = stage(recorded(() => OK).transport, 0);
    const before = clock.pending;
    const error = await rejection(clock, 0, client.jsonPatch(PODS, WEB, []));
    expect(error).toBeInstanceOf(KubeError);
    expect((error as KubeError).message).toBe(
      'cannot patch Pod shop/web: this replica does not lead (any more), so it sends nothing',
    );
    expect(isUnavailable(error)).toBe(false);
    expect(clock.pending).toBe(before);
  });

  test('does not send again what the server had asked to send later', async () => {
    const { transport, requests } = scripted(BUSY, BUSY, OK);
    const { client, clock } = stage(transport, 400);
    const error = await rejection(clock, 60_000, client.jsonPatch(PODS, WEB, []));
    expect(isNotLeading(error)).toBe(true);
    expect(requests).toHaveLength(2);
  });

  test('notices though no timer told it, as after it stood still', async () => {
    const { transport, requests } = recorded(() => OK);
    const { client, clock, leadership } = stage(transport, 60_000);
    leadership.until = clock.now() - 1;
    expect(isNotLeading(await rejection(clock, 0, client.get(PODS, WEB)))).toBe(true);
    expect(requests).toEqual([]);
  });
});

test('a request that the transport lets wait is looked at again right before it leaves', async () => {
  let leave = () => {};
  const waiting: Transport = async ({ beforeSend }) => {
    await new Promise<void>((resolve) => (leave = resolve));
    beforeSend?.();
    return OK;
  };
  const { client, clock, leadership } = stage(waiting, 5_000);
  const call = client.jsonPatch(PODS, WEB, []);
  await clock.advance(1_000);
  // No timer fires: the process stood still.
  leadership.until = clock.now();
  leave();
  expect(isNotLeading(await rejection(clock, 0, call))).toBe(true);
});

describe('a request under way when the leadership ends', () => {
  test('is given up at that moment, before its own limit, and may have been carried out', async () => {
    const { transport, requests } = recorded(never);
    const { client, clock } = stage(transport, 3_000);
    const call = client.jsonPatch(PODS, WEB, []).catch((error: unknown) => error);
    let ended = false;
    void call.then(() => (ended = true));
    await clock.advance(2_999);
    expect(ended).toBe(false);
    await clock.advance(1);
    expect(ended).toBe(true);
    const error = await call;
    expect(error).toMatchObject({ status: 0, reason: 'LeadershipEnded' });
    expect(isUnavailable(error)).toBe(true);
    expect(requests[0]?.signal.aborted).toBe(true);
  });

  test('goes on if the leadership was renewed meanwhile', async () => {
    const body = new LiveBody();
    const { client, clock, leadership } = stage(recorded(() => answer(200, body)).transport, 3_000);
    const call = client.get(PODS, WEB);
    await clock.advance(2_000);
    leadership.until += 3_000;
    await clock.advance(2_000);
    body.send(JSON.stringify(pod('web', '7')));
    body.end();
    expect(await during(clock, 10, call)).toMatchObject({ metadata: { resourceVersion: '7' } });
    expect(clock.pending).toBe(0);
  });

  test('is given up also if its answer had begun', async () => {
    const body = new LiveBody();
    const { client, clock } = stage(recorded(() => answer(200, body)).transport, 3_000);
    const call = client.get(PODS, WEB, { timeoutMs: 9_000, retry: { tries: 1, withinMs: 9_000 } });
    body.send('{"metadata":');
    expect(await rejection(clock, 3_001, call)).toMatchObject({ reason: 'LeadershipEnded' });
  });

  test('is given up if it is a watch', async () => {
    const { client, clock } = stage(recorded(() => answer(200, new LiveBody())).transport, 3_000);
    const error = await rejection(clock, 3_001, firstOf(client));
    expect(error).toMatchObject({ reason: 'LeadershipEnded' });
  });
});

test('a leadership without an end is no reason to look all the time', async () => {
  const clock = new VirtualClock();
  let looks = 0;
  const leadership = { remainingMs: () => (looks++, Infinity) };
  const transport = fencedTransport(never, leadership, clock);
  const gone = new AbortController();
  const request = { method: 'GET', path: '/api', headers: {}, streaming: true } as const;
  const ended = transport({ ...request, signal: gone.signal }).catch((error: unknown) => error);
  await clock.advance(600_000);
  expect(looks).toBeLessThan(30);
  gone.abort(new Error('enough'));
  expect(await ended).toMatchObject({ message: 'enough' });
  expect(clock.pending).toBe(0);
});
