// Notifications are sent in order and tried again within limits, without ever holding up or failing who tells them.
import { beforeEach, describe, expect, test } from 'vitest';
import type { Logger } from '../../../src/observe/log.ts';
import {
  MAX_TRIES,
  type DestinationName,
  type NotifyResult,
} from '../../../src/observe/notify/destination.ts';
import { alsoTelling, Notifier, type NotifySettings } from '../../../src/observe/notify/notifier.ts';
import { PostError, type PostAnswer } from '../../../src/observe/post.ts';
import type { Notice, Told } from '../../../src/observe/notify/notice.ts';
import { anIncident } from '../../support/builders.ts';
import { drain, VirtualClock } from '../../support/virtual-clock.ts';

type Respond = (notice: Notice, index: number) => Partial<PostAnswer> | Promise<PostAnswer>;

const told = (note: string, change: Partial<Told> = {}): Told => ({
  regarding: { apiVersion: 'v1', kind: 'DriftIncident', namespace: 'shop', name: 'i', uid: 'u' },
  news: anIncident(),
  type: 'Warning',
  reason: 'LastReadyCopy',
  action: 'Wait',
  note,
  ...change,
});

const never = new Promise<PostAnswer>(() => {});
const refused = () => Promise.reject(new PostError('connection refused: no server listens there'));

let clock: VirtualClock;
let lines: { fields: Record<string, unknown>; message: string }[];
beforeEach(() => {
  clock = new VirtualClock();
  lines = [];
});

/** A notifier of one server for each of `responds`, with what each was sent and when. */
function stage(
  responds: Partial<Record<DestinationName, Respond>> = { falcosidekick: () => ({}) },
  settings: Partial<NotifySettings> = {},
) {
  const sent: Record<DestinationName, { note: string; at: number }[]> = { falcosidekick: [], webhook: [] };
  const counts: Record<string, number> = {};
  const targets = Object.entries(responds).map(([key, respond]) => {
    const name = key as DestinationName;
    const post = async (body: string) => {
      const notice = JSON.parse(body) as Notice;
      const index = sent[name].length;
      sent[name].push({ note: notice.output.replace(/^Pod .*: /, ''), at: clock.elapsed() });
      return { status: 200, retryAfterMs: undefined, text: '', ...(await respond(notice, index)) };
    };
    return { name, post };
  });
  const note = (fields: object, message: string) => void lines.push({ fields: { ...fields }, message });
  const notifier = new Notifier({
    targets,
    minimumPriority: 'Debug',
    clock,
    random: () => 0,
    log: { warn: note, error: note } as unknown as Logger,
    instance: 'responder-0',
    count: (name: DestinationName, result: NotifyResult) =>
      void (counts[`${name} ${result}`] = (counts[`${name} ${result}`] ?? 0) + 1),
    ...settings,
  });
  return { notifier, sent, counts, notes: () => sent.falcosidekick.map(({ note: text }) => text) };
}

describe('a notification', () => {
  test('is sent once, in its turn', async () => {
    const { notifier, notes, counts } = stage();
    for (const note of ['a', 'b', 'a', 'c']) notifier.tell(told(note));
    await notifier.flush();
    expect(notes()).toEqual(['a', 'b', 'c']);
    expect(counts).toEqual({ 'falcosidekick Sent': 3 });
  });

  test('is sent again when ten minutes are over', async () => {
    const { notifier, notes } = stage();
    notifier.tell(told('a'));
    await clock.advance(599_999);
    notifier.tell(told('a'));
    await clock.advance(1);
    notifier.tell(told('a'));
    await notifier.flush();
    expect(notes()).toEqual(['a', 'a']);
  });

  test.each([429, 500, 503, 408])('that is answered with %i is tried again', async (status) => {
    const { notifier, notes, counts } = stage({ falcosidekick: (_, n) => (n < 2 ? { status } : {}) });
    notifier.tell(told('a'));
    await clock.advance(3_000);
    expect(notes()).toEqual(['a', 'a', 'a']);
    expect(counts).toEqual({ 'falcosidekick Sent': 1 });
    expect(clock.pending).toBe(0);
  });

  test('is tried again after waits that double, and given up at last', async () => {
    const { notifier, sent, counts } = stage({ falcosidekick: refused });
    notifier.tell(told('a'));
    await clock.advance(3_600_000);
    expect(sent.falcosidekick.map(({ at }) => at)).toEqual([0, 1_000, 3_000, 7_000, 15_000, 31_000]);
    expect(sent.falcosidekick).toHaveLength(MAX_TRIES);
    expect(counts).toEqual({ 'falcosidekick Failed': 1 });
    expect(lines).toEqual([
      {
        fields: { destination: 'falcosidekick', why: 'connection refused: no server listens there' },
        message: 'falcosidekick was not told; what else it is not told is counted',
      },
    ]);
  });

  test('that was given up may be told again', async () => {
    const { notifier, notes } = stage({ falcosidekick: (_, n) => (n < MAX_TRIES ? refused() : {}) });
    notifier.tell(told('a'));
    await clock.advance(31_000);
    notifier.tell(told('a'));
    await notifier.flush();
    expect(notes()).toHaveLength(MAX_TRIES + 1);
  });

  test.each([
    [5_000, 5_000],
    [100, 1_000],
    [86_400_000, 60_000],
  ])('waits for a Retry-After of %i ms: %i ms', async (retryAfterMs, waited) => {
    const { notifier, sent } = stage({
      falcosidekick: (_, n) => (n === 0 ? { status: 503, retryAfterMs } : {}),
    });
    notifier.tell(told('a'));
    await clock.advance(70_000);
    expect(sent.falcosidekick.map(({ at }) => at)).toEqual([0, waited]);
  });

  test.each([400, 401, 404, 302])('that is answered with %i is not tried again', async (status) => {
    const { notifier, notes, counts } = stage({ falcosidekick: () => ({ status, text: 'secret' }) });
    notifier.tell(told('a'));
    notifier.tell(told('b'));
    await notifier.flush();
    expect(notes()).toEqual(['a', 'b']);
    expect(counts).toEqual({ 'falcosidekick Refused': 2 });
    expect(lines).toHaveLength(1);
    expect(JSON.stringify(lines)).toContain(`it answers ${status}`);
    expect(JSON.stringify(lines)).not.toContain('secret');
  });

  test('is not told when it is less urgent than asked for', async () => {
    const { notifier, notes } = stage(undefined, { minimumPriority: 'Warning' });
    notifier.tell(told('below', { type: 'Normal', reason: 'DriftIsolated' }));
    notifier.tell(told('warning'));
    notifier.tell(told('above', { reason: 'AwaitingApproval' }));
    await notifier.flush();
    expect(notes()).toEqual(['warning', 'above']);
  });
});

describe('a server that does not answer', () => {
  test('holds up neither who tells nor the other server', async () => {
    const { notifier, sent, counts } = stage({ falcosidekick: () => never, webhook: () => ({}) });
    for (const note of ['a', 'b']) notifier.tell(told(note));
    await drain();
    expect(sent.falcosidekick.map(({ note }) => note)).toEqual(['a']);
    expect(sent.webhook.map(({ note }) => note)).toEqual(['a', 'b']);
    expect(counts).toEqual({ 'webhook Sent': 2 });
  });

  test('leaves 500 waiting: the oldest are dropped, counted, and told once in the log', async () => {
    const { promise: first, resolve: answer } = Promise.withResolvers<PostAnswer>();
    const { notifier, notes, counts } = stage({ falcosidekick: (_, n) => (n === 0 ? first : {}) });
    for (let n = 0; n <= 700; n++) notifier.tell(told(String(n)));
    await drain();
    expect(counts).toEqual({ 'falcosidekick Dropped': 200 });
    expect(lines.map(({ message }) => message)).toEqual([
      'falcosidekick was not told; what else it is not told is counted',
    ]);
    answer({ status: 200, retryAfterMs: undefined, text: '' });
    await notifier.flush();
    expect([notes().length, notes()[1], notes().at(-1)]).toEqual([501, '201', '700']);
  });

  test('holds up a stop for three seconds only', async () => {
    const { notifier, counts } = stage({ falcosidekick: () => never });
    for (const note of ['a', 'b']) notifier.tell(told(note));
    let stopped = false;
    void notifier.stop().then(() => (stopped = true));
    await clock.advance(2_999);
    expect(stopped).toBe(false);
    await clock.advance(1);
    expect(stopped).toBe(true);
    expect(counts).toEqual({ 'falcosidekick Failed': 2 });
  });
});

describe('a stop', () => {
  test('waits until what was told is sent, also what was counted only', async () => {
    const { notifier, notes } = stage({ falcosidekick: (_, n) => (n === 0 ? { status: 500 } : {}) });
    notifier.tell(told('a'));
    for (let n = 0; n < 3; n++) notifier.unidentified();
    const stopped = notifier.stop();
    await clock.advance(1_500);
    await stopped;
    expect(notes()).toHaveLength(4);
    expect(clock.pending).toBe(1);
  });
});

describe('alerts that could not be identified', () => {
  const countsIn = (notes: string[]) => notes.map((note) => note.match(/^\d+/)?.[0]);

  test('are told at once, and then as a number once a minute', async () => {
    const { notifier, notes, sent } = stage();
    notifier.unidentified();
    for (let second = 0; second < 150; second++) {
      for (let n = 0; n < 100; n++) notifier.unidentified();
      await clock.advance(1_000);
    }
    await clock.advance(3_600_000);
    expect(countsIn(notes())).toEqual(['1', '6000', '6000', '3000']);
    expect(sent.falcosidekick.map(({ at }) => at)).toEqual([0, 60_000, 120_000, 180_000]);
    expect(clock.pending).toBe(0);
  });

  test('are told at once again after a quiet time', async () => {
    const { notifier, sent } = stage();
    notifier.unidentified();
    await clock.advance(61_000);
    notifier.unidentified();
    await notifier.flush();
    expect(sent.falcosidekick.map(({ at }) => at)).toEqual([0, 61_000]);
  });
});

describe('who records Events', () => {
  test('also tells, and does so although a notification cannot be made', async () => {
    const { notifier, notes } = stage();
    const recorded: string[] = [];
    const events = alsoTelling({ record: ({ note }) => void recorded.push(note) }, notifier);
    events.record(told('a', { news: { metadata: {} } as never }));
    events.record(told('b'));
    await notifier.flush();
    expect(recorded).toEqual(['a', 'b']);
    expect(notes()).toEqual(['b']);
    expect(lines.map(({ message }) => message)).toEqual(['a notification could not be made']);
  });
});
