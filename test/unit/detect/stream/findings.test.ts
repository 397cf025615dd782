// What is wrong with a stream or consumer that somebody made.
import type { ConsumerConfig, StreamConfig } from '@nats-io/jetstream';
import { describe, expect, it } from 'vitest';
import {
  ackWaitMs,
  judgeConsumer,
  judgeDeadLetters,
  judgeStream,
} from '../../../../src/detect/stream/findings.ts';
import {
  nanos,
  wantedConsumer,
  wantedDeadLetters,
  wantedStream,
} from '../../../../src/detect/stream/wanted.ts';
import { NAMES } from '../../../support/nats-names.ts';

/** What the server fills in. */
const FILLED = { sealed: false, allow_rollup_hdrs: false, max_msgs_per_subject: -1, max_msg_size: -1 };
const GOOD = { unusable: [], risky: [] };

const stream = (change: Partial<StreamConfig> = {}) =>
  judgeStream({ ...wantedStream(NAMES), ...FILLED, ...change } as StreamConfig, NAMES);
const letters = (change: Partial<StreamConfig> = {}) =>
  judgeDeadLetters({ ...wantedDeadLetters(NAMES), ...FILLED, ...change } as StreamConfig, NAMES);
const consumer = (change: Partial<ConsumerConfig> = {}, paused?: boolean) => {
  const config = { ...wantedConsumer(NAMES), ...change } as ConsumerConfig;
  return judgeConsumer({ config, ...(paused !== undefined && { paused }) }, NAMES);
};

it('finds nothing in what die-operator makes itself', () => {
  expect(stream()).toEqual(GOOD);
  expect(letters()).toEqual(GOOD);
  expect(consumer()).toEqual(GOOD);
});

describe('a stream cannot be used if it', () => {
  it.each<[string, Partial<StreamConfig>, RegExp]>([
    [
      'captures something else',
      { subjects: ['other.>'] },
      /^stream FALCO does not capture `falco\.>`, but `other\.>`/,
    ],
    ['captures only a part', { subjects: ['falco.error.>', 'falco.*'] }, /does not capture/],
    ['captures nothing', { subjects: [] }, /but nothing;/],
    ['is sealed', { sealed: true }, /is sealed/],
  ])('%s', (_what, change, message) => {
    expect(stream(change)).toEqual({ unusable: [expect.stringMatching(message)], risky: [] });
  });

  it('is a mirror, which has no subjects', () => {
    const { subjects: _none, ...mirror } = { ...wantedStream(NAMES), ...FILLED };
    expect(judgeStream(mirror as StreamConfig, NAMES).unusable).toHaveLength(1);
  });

  it('names a few of many subjects only', () => {
    const subjects = Array.from({ length: 100 }, (_, index) => `other.${index}`);
    expect(stream({ subjects }).unusable[0]).toMatch(/`other\.4` \.\.\.; add/);
  });
});

describe('a stream is risky if it', () => {
  it.each<[string, Partial<StreamConfig>, RegExp]>([
    ['is in memory', { storage: 'memory' }, /kept in memory/],
    ['refuses when full', { discard: 'new' }, /refuses new alerts/],
    ['wants interest', { retention: 'interest' }, /only while a consumer exists/],
    ['keeps what is done', { retention: 'limits' }, /keeps alerts that are done/],
    ['forgets soon', { max_age: nanos(60_000) }, /drops alerts after 60 s/],
    ['can be purged by a publisher', { allow_rollup_hdrs: true }, /purge/],
    ['keeps few of a subject', { max_msgs_per_subject: 1 }, /keeps only 1 alerts of each subject/],
  ])('%s', (_what, change, message) => {
    expect(stream(change)).toEqual({ unusable: [], risky: [expect.stringMatching(message)] });
  });
});

it.each<[string, Partial<StreamConfig>]>([
  ['captures more', { subjects: ['falco.>', 'other.>'] }],
  ['captures all', { subjects: ['>'] }],
  ['keeps alerts for ever', { max_age: 0 }],
  ['keeps them for an hour', { max_age: nanos(3_600_000) }],
  ['has three replicas', { num_replicas: 3 }],
  ['has no limit', { max_bytes: -1 }],
])('a stream is good if it %s', (_what, change) => {
  expect(stream(change)).toEqual(GOOD);
});

describe('dead letters cannot be kept in a stream that', () => {
  it.each<[string, Partial<StreamConfig>, RegExp]>([
    ['captures something else', { subjects: ['x'] }, /^stream FALCO_DEAD_LETTERS does not capture/],
    [
      'captures only those of another stream',
      { subjects: ['die-operator.dead-letters.OTHER'] },
      /does not capture/,
    ],
    ['is sealed', { sealed: true }, /is sealed/],
    ['does not confirm', { no_ack: true }, /does not confirm/],
  ])('%s', (_what, change, message) => {
    expect(letters(change).unusable).toEqual([expect.stringMatching(message)]);
  });
});

describe('a consumer cannot be used if it', () => {
  it.each<[string, Partial<ConsumerConfig>, RegExp]>([
    ['pushes', { deliver_subject: 'x' }, /^consumer die-operator is a push consumer/],
    ['needs no ack', { ack_policy: 'none' }, /ack policy none, which loses alerts/],
    ['acks all before', { ack_policy: 'all' }, /ack policy all/],
    ['has no bodies', { headers_only: true }, /headers only/],
    ['delivers once', { max_deliver: 1 }, /delivers each alert once only/],
    ['has priorities', { priority_policy: 'overflow' }, /priority policy/],
  ])('%s', (_what, change, message) => {
    expect(consumer(change)).toEqual({ unusable: [expect.stringMatching(message)], risky: [] });
  });
});

describe('a consumer is risky if it', () => {
  it.each<[string, Partial<ConsumerConfig>, RegExp]>([
    ['reads a part', { filter_subject: 'falco.error.>' }, /does not read all/],
    ['gives up soon', { max_deliver: 5 }, /gives up after 5 deliveries/],
    ['is impatient', { ack_wait: nanos(1_000) }, /again after 1000 ms/],
    ['is impatient at first', { backoff: [nanos(500), nanos(60_000)] }, /again after 500 ms/],
    ['began late', { deliver_policy: 'new' }, /began with `new`/],
    ['goes away', { inactive_threshold: nanos(300_000) }, /deleted by the server after 300 s/],
    ['forgets', { mem_storage: true }, /state in memory/],
  ])('%s', (_what, change, message) => {
    expect(consumer(change)).toEqual({ unusable: [], risky: [expect.stringMatching(message)] });
  });

  it('is paused', () => {
    expect(consumer({}, true).risky).toEqual([
      'consumer die-operator is paused by its administrator: no alert arrives',
    ]);
    expect(consumer({}, false)).toEqual(GOOD);
  });
});

it.each<[string, Partial<ConsumerConfig>]>([
  ['has no filter', { filter_subject: '' }],
  ['has a wider filter', { filter_subject: '>' }],
  ['has many deliveries', { max_deliver: 10 }],
  ['waits for a minute', { ack_wait: nanos(60_000) }],
])('a consumer is good if it %s', (_what, change) => {
  expect(consumer(change)).toEqual(GOOD);
});

it('understands several filters', () => {
  const { filter_subject: _none, ...others } = wantedConsumer(NAMES);
  const judged = (filters: string[]) =>
    judgeConsumer({ config: { ...others, filter_subjects: filters } as ConsumerConfig }, NAMES);
  expect(judged(['a', 'falco.>'])).toEqual(GOOD);
  expect(judged(['falco.a', 'falco.b']).risky).toHaveLength(1);
});

it.each([
  [{ ack_wait: nanos(10_000) }, 10_000],
  [{}, 30_000],
  [{ ack_wait: nanos(10_000), backoff: [nanos(2_500)] }, 2_500],
])('reads how long a message may be in hand from %j: %i ms', (config, ms) => {
  expect(ackWaitMs(config)).toBe(ms);
});
