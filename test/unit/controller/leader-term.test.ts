// How long a leader may send: what clocks, pauses and late answers do to it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { momentOf, Term } from '../../../src/controller/leader-term.ts';
import type { Clock } from '../../../src/kube/clock.ts';

const DEADLINE_MS = 7_000;
const HOUR_MS = 3_600_000;

/** A clock whose two times the test sets. */
class TwoTimes implements Clock {
  wall = Date.UTC(2026, 10, 22);
  passed = 500;

  now(): number {
    return this.wall;
  }

  elapsed(): number {
    return this.passed;
  }

  after(): () => void {
    throw new Error('a term needs no timers');
  }

  pass(ms: number): void {
    this.wall += ms;
    this.passed += ms;
  }
}

function begun(): { clock: TwoTimes; term: Term } {
  const clock = new TwoTimes();
  return { clock, term: new Term(clock, DEADLINE_MS, momentOf(clock)) };
}

describe('what remains of a term', () => {
  test.each<[string, (clock: TwoTimes) => void, number]>([
    ['is all at the beginning', () => {}, 7_000],
    ['gets less with time', (clock) => clock.pass(3_000), 4_000],
    ['is nothing at the deadline', (clock) => clock.pass(7_000), 0],
    ['is nothing after it', (clock) => clock.pass(60_000), 0],
    [
      'is nothing after a sleep of the machine, which only the time of day shows',
      (clock) => (clock.wall += 8_000),
      0,
    ],
    [
      'is not more when the machine is set back',
      (clock) => (clock.pass(3_000), (clock.wall -= HOUR_MS)),
      4_000,
    ],
    [
      'is nothing when the machine is set forward, which may have been a sleep',
      (clock) => (clock.wall += HOUR_MS),
      0,
    ],
  ])('%s', (_, happens, remains) => {
    const { clock, term } = begun();
    happens(clock);
    expect(term.remainingMs()).toBe(remains);
  });

  test('is counted from before the renewal was sent, not from its answer', () => {
    const { clock, term } = begun();
    clock.pass(2_000);
    const sent = momentOf(clock);
    clock.pass(4_000);
    term.renew(sent);
    expect(term.remainingMs()).toBe(3_000);
    expect(term.ageMs).toBe(4_000);
  });

  test('is nothing for ever once it was ended', () => {
    const { clock, term } = begun();
    term.end();
    term.renew(momentOf(clock));
    expect(term.remainingMs()).toBe(0);
    expect(term.signal.aborted).toBe(true);
  });

  test('is never more than either clock allows', () => {
    const change = fc.record({ wall: fc.integer({ min: -HOUR_MS, max: HOUR_MS }), passed: fc.nat(20_000) });
    fc.assert(
      fc.property(change, ({ wall, passed }) => {
        const { clock, term } = begun();
        clock.wall += wall;
        clock.passed += passed;
        const left = term.remainingMs();
        expect(left).toBeLessThanOrEqual(Math.max(0, DEADLINE_MS - passed));
        expect(left).toBeLessThanOrEqual(Math.max(0, DEADLINE_MS - wall));
        expect(left).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
