// What is more urgent is told first, and is not held up by what a server does not take.
import { beforeEach, describe, expect, test } from 'vitest';
import type { Severity } from '../../../src/api/severity.ts';
import { sleep } from '../../../src/kube/clock.ts';
import type { Logger } from '../../../src/observe/log.ts';
import { Destination, MAX_TRIES } from '../../../src/observe/notify/destination.ts';
import { noticeWith, type Notice } from '../../../src/observe/notify/notice.ts';
import { PostError, type PostAnswer } from '../../../src/observe/post.ts';
import { T0 } from '../../support/builders.ts';
import { drain, VirtualClock } from '../../support/virtual-clock.ts';

const TAKEN: PostAnswer = { status: 200, retryAfterMs: undefined, text: '' };
const BUSY: PostAnswer = { status: 429, retryAfterMs: 86_400_000, text: '' };
/** As in src/commands/run/notify.ts. */
const TRY_MS = 5_000;

let clock: VirtualClock;
beforeEach(() => {
  clock = new VirtualClock();
});

/** A server, what it was sent and when, and what became of it. */
function stage(answer: (notice: Notice, index: number) => Promise<PostAnswer>, random = 0) {
  const sent: { text: string; at: number }[] = [];
  const ends: [result: string, at: number][] = [];
  const stopping = new AbortController();
  const destination = new Destination({
    name: 'webhook',
    post: (body) => {
      const notice = JSON.parse(body) as Notice;
      sent.push({ text: notice.output, at: clock.elapsed() });
      return answer(notice, sent.length - 1);
    },
    clock,
    random: () => random,
    log: { warn: () => {} } as unknown as Logger,
    count: (result) => ends.push([result, clock.elapsed()]),
    signal: stopping.signal,
  });
  const add = (priority: Severity, text: string) =>
    destination.add(
      noticeWith(
        { reason: 'Any', priority, text, fields: {}, id: [text] },
        { instance: 'responder-0', time: T0 },
      ),
    );
  const texts = () => sent.map(({ text }) => text);
  const timesOf = (wanted: string) => sent.filter(({ text }) => text === wanted).map(({ at }) => at);
  return { destination, add, ends, texts, timesOf, stop: () => stopping.abort() };
}

/** No answer within the time for a try. */
async function noAnswer(): Promise<never> {
  await sleep(clock, TRY_MS);
  throw new PostError('no answer within 5000 ms');
}

/** Leaves out one priority, and takes the others. */
const takesAllBut =
  (priority: Severity, otherwise: () => Promise<PostAnswer>) =>
  (notice: Notice): Promise<PostAnswer> =>
    notice.priority === priority ? otherwise() : Promise.resolve(TAKEN);

/** Answers the first one later, and takes the others. */
function firstLater() {
  const { promise, resolve } = Promise.withResolvers<PostAnswer>();
  return {
    answer: (_: Notice, index: number) => (index === 0 ? promise : Promise.resolve(TAKEN)),
    open: () => resolve(TAKEN),
  };
}

describe('of those that wait', () => {
  test('the most urgent is sent first, equals in their order', async () => {
    const { answer, open } = firstLater();
    const { destination, add, texts } = stage(answer);
    add('Informational', 'first');
    add('Informational', 'a');
    add('Critical', 'b');
    add('Warning', 'c');
    add('Informational', 'd');
    add('Critical', 'e');
    await drain();
    open();
    await destination.flush();
    expect(texts()).toEqual(['first', 'b', 'e', 'c', 'a', 'd']);
  });

  test('the oldest of the least urgent is dropped when they are too many', async () => {
    const { answer, open } = firstLater();
    const { destination, add, texts, ends } = stage(answer);
    const numbered = (count: number, name: string) => Array.from({ length: count }, (_, n) => `${name} ${n}`);
    add('Informational', 'first');
    add('Critical', 'breaker');
    for (const text of numbered(300, 'info')) add('Informational', text);
    for (const text of numbered(210, 'notice')) add('Notice', text);
    expect(ends).toEqual(Array.from({ length: 11 }, () => ['Dropped', 0]));
    open();
    await destination.flush();
    expect(texts()).toEqual([
      'first',
      'breaker',
      ...numbered(210, 'notice'),
      ...numbered(300, 'info').slice(11),
    ]);
  });

  test('none is dropped for one that is less urgent than all', async () => {
    const { answer, open } = firstLater();
    const { destination, add, texts } = stage(answer);
    for (let n = 0; n <= 500; n++) add('Critical', String(n));
    add('Informational', 'late');
    open();
    await destination.flush();
    expect(texts()).toEqual(Array.from({ length: 501 }, (_, n) => String(n)));
  });
});

describe('a notification that is tried again', () => {
  test.each([
    ['during a try waits for its end', 7_000, 11_000],
    ['between two tries is sent at once', 12_000, 12_000],
  ])('is overtaken: what is more urgent and comes %s', async (_, told, sentAt) => {
    const { add, timesOf, ends } = stage(takesAllBut('Informational', noAnswer));
    add('Informational', 'slow');
    await clock.advance(told);
    add('Critical', 'urgent');
    await clock.advance(3_600_000);
    expect(timesOf('urgent')).toEqual([sentAt]);
    expect(timesOf('slow')).toEqual([0, 6_000, 13_000, 22_000, 35_000, 56_000]);
    expect(ends).toEqual([
      ['Sent', sentAt],
      ['Failed', 61_000],
    ]);
    expect(clock.pending).toBe(0);
  });

  test('is overtaken also while the server asks for a pause', async () => {
    const { add, timesOf } = stage(takesAllBut('Informational', () => Promise.resolve(BUSY)));
    add('Informational', 'slow');
    await clock.advance(10_000);
    add('Critical', 'urgent');
    await clock.advance(3_600_000);
    expect(timesOf('urgent')).toEqual([10_000]);
    expect(timesOf('slow').slice(0, 2)).toEqual([0, 60_000]);
  });

  test('is not overtaken by one that is as urgent or less', async () => {
    const { add, texts } = stage((_, index) => Promise.resolve(index < 2 ? BUSY : TAKEN));
    add('Warning', 'a');
    await clock.advance(10_000);
    add('Warning', 'b');
    add('Notice', 'c');
    await clock.advance(3_600_000);
    expect(texts()).toEqual(['a', 'a', 'a', 'b', 'c']);
  });

  test('is tried again after the more urgent ones, before its equals, and no more often', async () => {
    const { add, texts, ends } = stage(noAnswer);
    add('Informational', 'a');
    add('Informational', 'b');
    await clock.advance(1_000);
    add('Critical', 'urgent');
    await clock.advance(3_600_000);
    expect(texts()).toEqual([
      'a',
      ...Array.from({ length: MAX_TRIES }, () => 'urgent'),
      ...Array.from({ length: MAX_TRIES - 1 }, () => 'a'),
      ...Array.from({ length: MAX_TRIES }, () => 'b'),
    ]);
    expect(ends).toHaveLength(3);
  });

  test('is tried once more although the more urgent ones took all its time', async () => {
    const { add, texts, ends } = stage((notice, index) =>
      notice.priority === 'Critical' || index === 0 ? noAnswer() : Promise.resolve(TAKEN),
    );
    add('Informational', 'a');
    for (const text of ['x', 'y', 'z']) add('Critical', text);
    await clock.advance(3_600_000);
    expect(texts().at(-1)).toBe('a');
    expect(ends.map(([result]) => result)).toEqual(['Failed', 'Failed', 'Failed', 'Sent']);
  });
});

test('a stop ends the wait before another try, and what waits behind it', async () => {
  const { destination, add, ends, texts, stop } = stage(() => Promise.resolve(BUSY));
  for (const text of ['a', 'b']) add('Critical', text);
  await clock.advance(10_000);
  stop();
  await drain();
  expect(ends).toEqual([
    ['Failed', 10_000],
    ['Failed', 10_000],
  ]);
  await destination.flush();
  expect(texts()).toEqual(['a']);
  expect(clock.pending).toBe(0);
});

// The numbers of docs/notifications.md.
describe('one notification takes', () => {
  const refused = () => Promise.reject(new PostError('connection refused: no server listens there'));
  const busyLate = () => sleep(clock, TRY_MS - 1).then(() => BUSY);

  test.each<[string, () => Promise<PostAnswer>, number, number]>([
    ['31 to 47 s where nobody listens', refused, 31_000, 46_500],
    ['61 to 77 s where nobody answers', noAnswer, 61_000, 76_500],
    ['2 minutes where the server asks for pauses', () => Promise.resolve(BUSY), 115_000, 115_000],
    ['2 minutes where it does so late', busyLate, 119_999, 119_999],
  ])('%s', async (_, answer, shortest, longest) => {
    for (const [random, expected] of [
      [0, shortest],
      [1, longest],
    ] as const) {
      clock = new VirtualClock();
      const { add, ends } = stage(answer, random);
      add('Critical', 'a');
      await clock.advance(3_600_000);
      expect(ends).toEqual([['Failed', expected]]);
    }
  });
});
