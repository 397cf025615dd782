// The circuit breaker: what opens it, when it closes, and what an opening says.
import { describe, expect, it } from 'vitest';
import type { Opening } from '../../../src/api/ledger.ts';
import {
  breakerNow,
  nextOpenings,
  openOf,
  readDecision,
  writeDecision,
  type BreakerView,
  type Mark,
  type MarkedPolicy,
} from '../../../src/decide/breaker.ts';
import { usualLimits } from '../../../src/settings/limits.ts';
import { NOW } from '../../support/builders.ts';

const MINUTE = 60_000;
const limits = usualLimits().breaker;

let count = 0;
const aMark = (change: Partial<Mark> = {}): Mark => ({
  at: NOW - MINUTE,
  namespace: `n${++count}`,
  workload: `w${count}`,
  pod: `p${count}`,
  policies: [],
  ...change,
});
const marks = (length: number, change: Partial<Mark> = {}) => Array.from({ length }, () => aMark(change));
const view = (some: readonly Mark[], change: Partial<BreakerView> = {}): BreakerView => ({
  now: NOW,
  marks: some,
  podsIn: () => 1000,
  limits,
  ...change,
});
const reason = (of: BreakerView) => openOf(nextOpenings([], of))?.reason;
const OPEN: Opening = {
  openedAt: new Date(NOW - 5 * MINUTE).toISOString(),
  reason: 'Workloads',
  message: 'm',
};

describe('a circuit breaker that a clock far ahead', () => {
  const FAR = new Date(NOW + 400 * 24 * 60 * MINUTE).toISOString();

  it('closed opens again in a storm', () => {
    const closed: Opening = { ...OPEN, closed: { at: FAR, by: 'ann', reason: 'r' } };
    expect(breakerNow([closed], view(marks(10)))).toBeDefined();
    expect(nextOpenings([closed], view(marks(10)))).toHaveLength(2);
  });

  it('opened closes once it is quiet, and not before', () => {
    const opened: Opening = { ...OPEN, openedAt: FAR };
    expect(openOf(nextOpenings([opened], view([])))).toBeUndefined();
    expect(openOf(nextOpenings([opened], view(marks(1))))).toBeDefined();
  });
});

describe('the circuit breaker opens', () => {
  it('when 10 workloads drift within 10 minutes, and not for 9, nor for 10 pods of one, nor for what is older', () => {
    expect(reason(view(marks(10)))).toBe('Workloads');
    expect(reason(view(marks(9)))).toBeUndefined();
    expect(reason(view(marks(30, { workload: 'one' })))).toBeUndefined();
    expect(reason(view([...marks(9), ...marks(9, { at: NOW - 10 * MINUTE })]))).toBeUndefined();
  });

  it('when half of the pods of a namespace drift that are at least 5', () => {
    const inShop = (length: number) => marks(length, { namespace: 'shop', workload: 'one' });
    const of = (length: number, podsIn: number) => reason(view(inShop(length), { podsIn: () => podsIn }));
    expect(of(5, 10)).toBe('Namespace');
    expect(of(5, 11)).toBeUndefined();
    expect(of(4, 4)).toBeUndefined();
    expect(of(5, 0)).toBe('Namespace');
  });

  it('when a policy that was just changed matches 5 workloads', () => {
    const policy = (age: number | undefined): MarkedPolicy[] => [
      { name: 'DriftPolicy web', key: 'k', changedAt: age === undefined ? undefined : NOW - age },
    ];
    expect(reason(view(marks(5, { policies: policy(10 * MINUTE) })))).toBe('NewPolicy');
    expect(reason(view(marks(4, { policies: policy(10 * MINUTE) })))).toBeUndefined();
    expect(reason(view(marks(5, { policies: policy(15 * MINUTE) })))).toBeUndefined();
    // Nobody knows when it was written: then its first match tells.
    expect(reason(view(marks(5, { policies: policy(undefined) })))).toBe('NewPolicy');
  });
});

describe('an open breaker', () => {
  it('closes when there was no new incident for 30 minutes, and not before', () => {
    const last = aMark({ at: NOW });
    const at = (now: number) => nextOpenings([OPEN], view([last], { now })).at(-1)?.closed;
    expect(at(NOW + 30 * MINUTE - 1)).toBeUndefined();
    expect(at(NOW + 30 * MINUTE)).toMatchObject({ by: 'die-operator' });
  });

  it('is closed by a person who names this opening, and by no other decision', () => {
    const by = (opened: string) =>
      nextOpenings([OPEN], view([]), { by: 'jane', reason: 'why', opened }).at(-1)?.closed;
    expect(by(OPEN.openedAt)).toMatchObject({ by: 'jane', reason: 'why' });
    expect(by(new Date(NOW - 6 * MINUTE).toISOString())).toBeUndefined();
  });

  it('does not open again for the incidents from before, and does for new ones', () => {
    const before = marks(20, { at: NOW - 1 });
    const closed = { ...OPEN, closed: { at: new Date(NOW).toISOString(), by: 'jane', reason: 'why' } };
    const later = (some: Mark[]) => nextOpenings([closed], view(some, { now: NOW + MINUTE }));
    expect(later(before)).toEqual([closed]);
    expect(later([...before, ...marks(9, { at: NOW + 1 })])).toEqual([closed]);
    expect(openOf(later([...before, ...marks(10, { at: NOW + 1 })]))).toMatchObject({ reason: 'Workloads' });
  });

  it('holds already before it was written down, and says what closes it', () => {
    expect(breakerNow([], view(marks(10)))?.message).toMatch(/die-operator breaker close/);
    expect(breakerNow([OPEN], view([]))).toMatchObject({ until: NOW + 25 * MINUTE });
    expect(breakerNow([], view([]))).toBeUndefined();
  });

  it('keeps a bounded history', () => {
    const closed = (index: number): Opening => ({
      ...OPEN,
      message: String(index),
      closed: { at: new Date(NOW - 4 * MINUTE).toISOString(), by: 'x', reason: 'y' },
    });
    const all = Array.from({ length: 16 }, (_, index) => closed(index));
    const next = nextOpenings(all, view(marks(10)));
    expect(next).toHaveLength(16);
    expect(next[0]?.message).toBe('1');
  });
});

describe('the decision to close it', () => {
  const decision = { by: 'jane', reason: 'why', opened: OPEN.openedAt };

  it('is read as it was written, and in no other form', () => {
    expect(readDecision(writeDecision(decision))).toEqual(decision);
    const twoNames = `{"by":"jane","reason":"why","opened":"${OPEN.openedAt}","by":"mallory"}`;
    for (const text of [twoNames, ` ${writeDecision(decision)}`, '{}', 'closed', ''])
      expect(readDecision(text)).toBeUndefined();
  });
});
