// Asking for messages: never more than there is room for, and no more when the receiver stops.
import type { Consumer } from '@nats-io/jetstream';
import { expect, it } from 'vitest';
import type { MessageResult } from '../../../../src/detect/stream/results.ts';
import type { Message } from '../../../../src/detect/stream/delivery.ts';
import { InHand } from '../../../../src/detect/stream/in-hand.ts';
import { Pace } from '../../../../src/detect/stream/pace.ts';
import { keepAlive, readMessages } from '../../../../src/detect/stream/reader.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';
import { RecordingIntake, RecordingLog } from '../support.ts';
import { message, type FakeMessage } from './fakes.ts';

/** A reader whose server answers each request with the next batch, and then stops it. */
class Bench {
  readonly clock = new VirtualClock();
  readonly stop = new AbortController();
  readonly pace = new Pace(this.clock);
  readonly intake = new RecordingIntake();
  readonly inHand = new InHand<Message>(3);
  readonly asked: number[] = [];
  readonly results: MessageResult[] = [];
  answers = 0;

  run(batches: FakeMessage[][]): Promise<void> {
    const fetch = async ({ max_messages: count = 0 } = {}) => {
      this.asked.push(count);
      const batch = batches.shift();
      if (batches.length === 0) this.stop.abort();
      return (async function* () {
        yield* batch ?? [];
      })();
    };
    return readMessages({
      consumer: { fetch } as unknown as Pick<Consumer, 'fetch'>,
      inHand: this.inHand,
      message: (result) => this.results.push(result),
      onAnswer: () => this.answers++,
      context: {
        intake: this.intake,
        clock: this.clock,
        random: () => 0,
        log: new RecordingLog(),
        pace: this.pace,
        lastDelivery: 5,
        stopping: this.stop.signal,
        detection: () => {},
        setAside: async () => {},
      },
    });
  }

  accept(durable: Promise<unknown>): void {
    const outcome = Promise.resolve({ outcome: 'Opened' as const, message: 'opened' });
    this.intake.answer = () => ({ accepted: true, outcome, durable: durable.then(() => {}) });
  }
}

it('asks for as many as there is room for', async () => {
  const bench = new Bench();
  const safe = Promise.withResolvers<undefined>();
  bench.accept(safe.promise);
  await bench.run([[message(), message()], []]);
  expect(bench.asked).toEqual([3, 1]);
  safe.resolve(undefined);
  await bench.clock.advance(0);
  expect(bench.results).toEqual(['Acknowledged', 'Acknowledged']);
});

it('asks for nothing while it has its hands full', async () => {
  const bench = new Bench();
  const safe = Promise.withResolvers<undefined>();
  bench.accept(safe.promise);
  const run = bench.run([[message(), message(), message()], []]);
  await bench.clock.advance(60_000);
  expect(bench.asked).toEqual([3]);
  safe.resolve(undefined);
  await run;
  expect(bench.asked).toHaveLength(2);
});

it('pauses after a refusal, then asks for one', async () => {
  const bench = new Bench();
  bench.intake.answer = () => ({ accepted: false, reason: 'full' });
  const run = bench.run([[message(), message()], [message()], []]);
  await bench.clock.advance(999);
  expect(bench.asked).toEqual([3]);
  await bench.clock.advance(1);
  expect(bench.asked).toEqual([3, 1]);
  await bench.clock.advance(2_000);
  await run;
  expect(bench.asked).toEqual([3, 1, 1]);
  // The last came when the receiver stopped, or before: none of them was lost.
  expect(bench.results.filter((result) => result === 'NoRoom')).toHaveLength(3);
});

it('tells that the server answers, with a message or without', async () => {
  const bench = new Bench();
  await bench.run([[], [message()], []]);
  expect(bench.answers).toBe(4);
});

it('stops while it pauses or has its hands full', async () => {
  const pausing = new Bench();
  pausing.pace.refused();
  const first = pausing.run([[]]);
  pausing.stop.abort();
  await first;
  const full = new Bench();
  for (let count = 0; count < 3; count++) full.inHand.add(message());
  const second = full.run([[]]);
  full.stop.abort();
  await second;
  expect([pausing.asked, full.asked]).toEqual([[], []]);
});

it('keeps what is refused when it stops, to give it back with the rest', async () => {
  const bench = new Bench();
  bench.intake.answer = () => ({ accepted: false, reason: 'this receiver stops' });
  const one = message();
  await bench.run([[one]]);
  await bench.clock.advance(0);
  expect(one.answers).toEqual([]);
  expect(bench.inHand.size).toBe(1);
  expect(bench.results).toEqual([]);
});

it('does not count what was given back meanwhile', async () => {
  const bench = new Bench();
  const safe = Promise.withResolvers<undefined>();
  bench.accept(safe.promise);
  await bench.run([[message()]]);
  bench.inHand.giveBack();
  safe.resolve(undefined);
  await bench.clock.advance(0);
  expect(bench.results).toEqual([]);
});

it('fails when the server does not answer', async () => {
  const bench = new Bench();
  const consumer = { fetch: () => Promise.reject(new Error('heartbeats missed')) };
  const context = { pace: bench.pace, clock: bench.clock, stopping: bench.stop.signal } as never;
  const options = { inHand: bench.inHand as never, message: () => {}, onAnswer: () => {} };
  await expect(readMessages({ consumer, context, ...options })).rejects.toThrow('heartbeats missed');
});

it('tells the server in time what is still worked on, until the end', async () => {
  const { clock, inHand } = new Bench();
  const ended = new AbortController();
  const one = message();
  inHand.add(one);
  const telling = keepAlive(inHand, 3_000, clock, ended.signal);
  await clock.advance(9_000);
  expect(one.answers).toEqual(['working', 'working', 'working', 'working']);
  ended.abort();
  await telling;
  expect(clock.pending).toBe(0);
});
