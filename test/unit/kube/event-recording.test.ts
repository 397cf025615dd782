// Events are sent one by one, within their limits, without ever holding up or failing anyone.
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { EventRecorder, type EventInput } from '../../../src/kube/events.ts';
import type { HttpResponse } from '../../../src/kube/transport.ts';
import { drain, VirtualClock } from '../../support/virtual-clock.ts';
import { createKubeClient } from '../../../src/kube/http-client.ts';
import { bodyOf, json, networkFailure, recorded, refusal } from './support/fake-transport.ts';
import { MemoryLog, steady } from './support/fixtures.ts';

type Sent = EventInput & Record<string, unknown> & { metadata: { name: string; namespace: string } };

const REGARDING = { apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name: 'web-1', uid: 'u1' };
const input = (rest: Partial<EventInput> = {}): EventInput => ({
  regarding: REGARDING,
  type: 'Warning',
  reason: 'Isolated',
  action: 'Isolate',
  note: 'the pod is cut off',
  ...rest,
});

let clock: VirtualClock;
let log: MemoryLog;
beforeEach(() => {
  clock = new VirtualClock();
  log = new MemoryLog();
});

const created = () => json({ metadata: {} }, 201);

function recorder(respond: (index: number) => HttpResponse | Promise<HttpResponse> = () => created()) {
  const { transport, requests } = recorded((_, index) => respond(index));
  const client = createKubeClient({ transport, clock, random: steady });
  let seed = 0;
  const random = () => (seed = (seed + 0.618) % 1);
  const events = new EventRecorder({ client, clock, random, log, reportingInstance: 'die-operator-0' });
  return { events, requests, sent: () => requests.map((request) => bodyOf(request) as Sent) };
}

/** The one Event that is sent for `given`. */
async function sentFor(given: EventInput): Promise<Sent> {
  const { events, sent } = recorder();
  events.record(given);
  await events.flush();
  const [event] = sent();
  if (event === undefined) throw new Error('nothing was sent');
  return event;
}

describe('an Event', () => {
  test('has all that events.k8s.io demands', async () => {
    const related = {
      apiVersion: 'die-operator.dev/v1alpha1',
      kind: 'DriftIncident',
      namespace: 'shop',
      name: 'i',
    };
    const event = await sentFor(input({ related }));
    expect(event).toEqual({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: expect.stringMatching(/^web-1\.[0-9a-f]{23}$/), namespace: 'shop' },
      eventTime: '2026-11-22T00:00:00.000000Z',
      reportingController: 'die-operator',
      reportingInstance: 'die-operator-0',
      ...input({ related }),
    });
  });

  test('is created in the namespace of its object, strictly checked', async () => {
    const { events, requests } = recorder();
    events.record(input());
    await events.flush();
    expect(requests[0]).toMatchObject({
      method: 'POST',
      path: '/apis/events.k8s.io/v1/namespaces/shop/events?fieldValidation=Strict',
    });
  });

  test('of a cluster-scoped object is in the namespace default', async () => {
    const event = await sentFor(input({ regarding: { apiVersion: 'v1', kind: 'Node', name: 'node-1' } }));
    expect(event.metadata.namespace).toBe('default');
  });

  test.each([
    ['cut to 1024 bytes at a character', '😀'.repeat(500), `${'😀'.repeat(255)}…`],
    ['freed of control characters', 'ran \u001b[2Jsh\n-c x', 'ran  [2Jsh -c x'],
  ])('has its note %s', async (_, note, expected) => {
    expect((await sentFor(input({ note }))).note).toBe(expected);
  });

  test('has a valid name and words within the limits, whatever it is about', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ minLength: 1, maxLength: 300 }),
        fc.string({ maxLength: 300 }),
        async (name, text) => {
          const regarding = { ...REGARDING, name };
          const event = await sentFor(input({ regarding, reason: text, action: text, note: text.repeat(9) }));
          expect(event.metadata.name.length).toBeLessThanOrEqual(253);
          expect(event.metadata.name).toMatch(/^[a-z0-9][a-z0-9.-]*[a-z0-9]$/);
          expect(event.metadata.name).not.toContain('-.'.repeat(2));
          for (const word of [event.reason, event.action])
            expect(Buffer.byteLength(word)).toBeLessThanOrEqual(128);
          expect(Buffer.byteLength(event.note)).toBeLessThanOrEqual(1024);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('has a name of its own, even within a millisecond', async () => {
    const { events, sent } = recorder();
    for (let n = 0; n < 200; n++) events.record(input({ note: String(n) }));
    await events.flush();
    expect(new Set(sent().map((event) => event.metadata.name)).size).toBe(200);
  });
});

describe('the same Event', () => {
  test('is sent once within ten minutes', async () => {
    const { events, requests } = recorder();
    for (let n = 0; n < 5; n++) {
      events.record(input());
      await clock.advance(110_000);
    }
    expect(requests).toHaveLength(1);
    await clock.advance(60_000);
    events.record(input());
    await events.flush();
    expect(requests).toHaveLength(2);
  });

  test.each<[string, Partial<EventInput>]>([
    ['another object', { regarding: { ...REGARDING, uid: 'u2' } }],
    ['another type', { type: 'Normal' }],
    ['another reason', { reason: 'Evicted' }],
    ['another action', { action: 'Evict' }],
    ['another note', { note: 'something else' }],
  ])('is it not with %s', async (_, rest) => {
    const { events, requests } = recorder();
    events.record(input());
    events.record(input(rest));
    await events.flush();
    expect(requests).toHaveLength(2);
  });

  test('may be sent again when it could not be sent', async () => {
    const { events, requests } = recorder((index) => (index === 0 ? refusal(403, 'Forbidden') : created()));
    events.record(input());
    await events.flush();
    events.record(input());
    await events.flush();
    expect(requests).toHaveLength(2);
  });

  test('is forgotten beyond a thousand others, so that memory is bounded', async () => {
    const { events, requests } = recorder();
    events.record(input());
    for (let n = 0; n < 1_000; n++) {
      events.record(input({ note: String(n) }));
      if (n % 100 === 0) await events.flush();
    }
    events.record(input());
    await events.flush();
    expect(requests).toHaveLength(1_002);
  });
});

describe('a failure', () => {
  test.each<[string, (index: number) => HttpResponse]>([
    ['503', () => refusal(503, 'ServiceUnavailable')],
    [
      'a broken connection',
      () => {
        throw networkFailure('ECONNRESET');
      },
    ],
  ])('of the kind %s is tried twice more, then logged', async (_, respond) => {
    const { events, requests } = recorder(respond);
    events.record(input());
    await clock.until(() => log.lines.length > 0, 60_000, 'the failure is logged');
    await events.flush();
    expect(requests).toHaveLength(3);
    expect(new Set(requests.map((request) => request.body)).size).toBe(1);
    expect(log.at('warn')).toEqual(['an Event could not be written']);
  });

  test.each([403, 404, 422])('that will not pass (%i) is logged at once', async (status) => {
    const { events, requests } = recorder(() => refusal(status, 'X'));
    events.record(input());
    await events.flush();
    expect(requests).toHaveLength(1);
    expect(log.lines).toMatchObject([{ level: 'warn', fields: { reason: 'Isolated', err: { status } } }]);
  });

  test('after which the Event is there was a lost answer', async () => {
    const answers = [refusal(504, 'Timeout'), refusal(409, 'AlreadyExists')];
    const { events } = recorder((index) => answers[index] ?? created());
    events.record(input());
    await clock.advance(10_000);
    await events.flush();
    expect(log.lines).toEqual([]);
  });

  test('does not keep the next ones from being sent', async () => {
    const { events, sent } = recorder((index) => (index === 0 ? refusal(403, 'Forbidden') : created()));
    events.record(input({ note: 'first' }));
    events.record(input({ note: 'second' }));
    await events.flush();
    expect(sent().map((event) => event.note)).toEqual(['first', 'second']);
  });
});

describe('the queue', () => {
  test('sends one at a time, in order', async () => {
    const open: ((response: HttpResponse) => void)[] = [];
    const { events, requests } = recorder(() => new Promise((resolve) => open.push(resolve)));
    for (const note of ['a', 'b', 'c']) events.record(input({ note }));
    for (const note of ['a', 'b', 'c']) {
      await drain();
      expect(bodyOf(requests.at(-1))).toMatchObject({ note });
      expect(open).toHaveLength(1);
      open.pop()?.(created());
    }
    await events.flush();
    expect(requests).toHaveLength(3);
  });

  test('drops its oldest beyond 500, counts them and says so now and then', async () => {
    let answerFirst: (response: HttpResponse) => void = () => {};
    const { events, sent } = recorder((index) =>
      index > 0 ? created() : new Promise((resolve) => (answerFirst = resolve)),
    );
    for (let n = 0; n < 650; n++) events.record(input({ note: String(n) }));
    expect(events.dropped).toBe(149);
    expect(log.at('warn')).toEqual(
      Array.from({ length: 2 }, () => 'too many Events wait; the oldest are dropped'),
    );
    await drain();
    answerFirst(created());
    await events.flush();
    expect(sent().map((event) => Number(event.note))).toEqual([
      0,
      ...Array.from({ length: 500 }, (_, n) => n + 150),
    ]);
  });

  test('lets a dropped Event be recorded again', async () => {
    let answerFirst: (response: HttpResponse) => void = () => {};
    const { events, sent } = recorder((index) =>
      index > 0 ? created() : new Promise((resolve) => (answerFirst = resolve)),
    );
    for (let n = 0; n < 502; n++) events.record(input({ note: String(n) }));
    await drain();
    answerFirst(created());
    await events.flush();
    events.record(input({ note: '1' }));
    await events.flush();
    expect(sent()).toHaveLength(502);
    expect(sent().at(-1)?.note).toBe('1');
  });

  test('is flushed at once when it is empty', async () => {
    await recorder().events.flush();
    expect(clock.pending).toBe(0);
  });

  test('goes on after it was empty', async () => {
    const { events, requests } = recorder();
    for (const note of ['a', 'b']) {
      events.record(input({ note }));
      await events.flush();
    }
    expect(requests).toHaveLength(2);
  });
});
