// The waits of the outbox; what is sent first, repeated or dropped is in test/unit/observe/notify-order.test.ts.
import { expect, test } from 'vitest';
import { Outbox } from '../../../src/kube/outbox.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

/** Shows fractions of a millisecond, as `performance.now()` does, and keeps what is waited for. */
class FineClock extends VirtualClock {
  readonly waits: number[] = [];

  override elapsed() {
    return super.elapsed() + 0.7;
  }

  override after(ms: number, fn: () => void) {
    this.waits.push(ms);
    return super.after(ms, fn);
  }
}

test('waits once before another try, and never for a part of a millisecond', async () => {
  const clock = new FineClock();
  const tries: number[] = [];
  const outbox = new Outbox<string>({
    clock,
    send: (_, { tries: count }) => {
      tries.push(clock.elapsed());
      return Promise.resolve(count < 3 ? { againInMs: 1_000 / 3 } : 'Sent');
    },
    onDrop: () => {},
  });
  outbox.add('one', 0, () => 'one');
  await clock.advance(5_000);
  expect(tries).toHaveLength(3);
  expect(clock.waits).toHaveLength(2);
  expect(clock.waits.filter((ms) => !Number.isInteger(ms))).toEqual([]);
});

test('does not wait for what is left of a wait that a timer ended early', async () => {
  const clock = new FineClock();
  // Node ends a timer up to a millisecond before performance.now() says so.
  clock.after = (ms, fn) => {
    clock.waits.push(ms);
    return VirtualClock.prototype.after.call(clock, ms - 0.4, fn);
  };
  const outbox = new Outbox<string>({
    clock,
    send: (_, { tries }) => Promise.resolve(tries === 1 ? { againInMs: 10 } : 'Sent'),
    onDrop: () => {},
  });
  outbox.add('one', 0, () => 'one');
  await clock.advance(1_000);
  expect(clock.waits.filter((ms) => ms < 1)).toEqual([]);
});
