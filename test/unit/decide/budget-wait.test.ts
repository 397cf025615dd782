// How long an eviction waits for a disruption budget: only the time counts in which the budget was asked.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DriftIncident, StepStatus } from '../../../src/api/incident.ts';
import {
  BUDGET_REASONS,
  deletesPastBudget,
  isBudgetWaitOver,
  nextTryMs,
  refusedAgain,
  timedOut,
} from '../../../src/decide/budget-wait.ts';
import { EvictionSchema } from '../../../src/api/policy.ts';
import { anIncident, NOW } from '../../support/builders.ts';
import { MINUTE, step } from './plan-support.ts';

const UID = '00000000-0000-0000-0000-000000000000';
const iso = (at: number) => new Date(at).toISOString();
const waitOf = (ms: number) => ({ since: iso(NOW - ms), refusedAt: iso(NOW) });
const msOf = ({ since, refusedAt }: { since: string; refusedAt: string }) =>
  Date.parse(refusedAt) - Date.parse(since);

function incidentOf(waitedMs: number, reason = 'DisruptionBudget'): DriftIncident {
  const evict: StepStatus = step({ name: 'Evict', state: 'Waiting', reason, message: 'web needs 2' });
  return anIncident({ status: { steps: [evict], eviction: { budget: waitOf(waitedMs) } } });
}

describe('the wait for a budget', () => {
  test('begins with the first refusal, and grows with each', () => {
    const first = refusedAgain(undefined, 'DisruptionBudget', NOW);
    expect(msOf(first)).toBe(0);
    const second = refusedAgain(first, 'DisruptionBudget', NOW + 10_000);
    expect(second).toEqual({ since: iso(NOW), refusedAt: iso(NOW + 10_000) });
  });

  test.each([
    ['an hour in which nobody asked', 'DisruptionBudget', 60 * MINUTE, 105_000],
    ['the same between tries that are 5 minutes apart', 'MultipleDisruptionBudgets', 60 * MINUTE, 330_000],
    ['a clock that was set back', 'DisruptionBudget', -60 * MINUTE, 0],
  ] as const)('counts %s for no more than a try', (_, reason, laterMs, countedMs) => {
    const next = refusedAgain(waitOf(20_000), reason, NOW + laterMs);
    expect(msOf(next)).toBe(20_000 + countedMs);
    expect(next.refusedAt).toBe(iso(NOW + laterMs));
  });

  test.each([
    { since: 'x', refusedAt: iso(NOW) },
    { since: iso(NOW + 1), refusedAt: iso(NOW) },
  ])('begins anew where the record says nothing that can be: %o', (edited) =>
    expect(msOf(refusedAgain(edited, 'BudgetStale', NOW))).toBe(0),
  );

  test('never shrinks, and never grows by more than the time that passed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...BUDGET_REASONS), fc.integer({ min: -1e7, max: 1e7 }))),
        (refusals) => {
          let now = NOW;
          let wait = refusedAgain(undefined, 'DisruptionBudget', now);
          for (const [reason, ms] of refusals) {
            now += ms;
            const next = refusedAgain(wait, reason, now);
            const grown = msOf(next) - msOf(wait);
            expect(grown).toBeGreaterThanOrEqual(0);
            expect(grown).toBeLessThanOrEqual(Math.max(ms, 0));
            wait = next;
          }
        },
      ),
    );
  });
});

describe('the next try', () => {
  const tryAfter = (
    waitedMs: number,
    change: object = {},
    reason: (typeof BUDGET_REASONS)[number] = 'DisruptionBudget',
  ) => nextTryMs(waitOf(waitedMs), reason, { limitMs: 10 * MINUTE, uid: UID, ...change });

  test.each([
    ['first', 0, 5_000],
    ['then later and later', 30_000, 15_000],
    ['at last every minute', 5 * MINUTE, 60_000],
    ['never after the wait is over', 10 * MINUTE - 7_000, 7_000],
    ['and also then no more often', 20 * MINUTE, 60_000],
  ])('comes %s', (_, waitedMs, ms) => expect(tryAfter(waitedMs)).toBe(ms));

  test('comes when the API server says', () => {
    expect(tryAfter(0, { asked: 10_000 }, 'BudgetStale')).toBe(10_000);
    expect(tryAfter(0, { asked: 9e8 }, 'BudgetStale')).toBe(600_000);
  });

  test('of a pod under two budgets comes every 5 minutes, and when the wait is over', () => {
    expect(tryAfter(0, {}, 'MultipleDisruptionBudgets')).toBe(300_000);
    expect(tryAfter(0, { limitMs: 60_000 }, 'MultipleDisruptionBudgets')).toBe(60_000);
  });

  test('is another one for each incident', () => {
    const uids = ['0000', '4000', '8000', 'ffff'].map((end) => UID.slice(0, -4) + end);
    const waits = uids.map((uid) => tryAfter(5 * MINUTE, { uid }));
    expect(new Set(waits).size).toBe(4);
    expect(Math.max(...waits)).toBeLessThanOrEqual(75_000);
  });
});

describe('when the wait is over,', () => {
  const hold = EvictionSchema.parse({ waitForBudget: '1m' });
  const remove = EvictionSchema.parse({ waitForBudget: '1m', then: 'Delete' });

  test.each([
    [MINUTE - 1, false],
    [MINUTE, true],
  ])('which %d ms are: %s', (waitedMs, over) => {
    expect(isBudgetWaitOver(incidentOf(waitedMs), hold)).toBe(over);
    expect(deletesPastBudget(incidentOf(waitedMs), remove)).toBe(over);
  });

  test('the pod is not deleted unless the policies say so, nor without a wait', () => {
    expect(deletesPastBudget(incidentOf(MINUTE), hold)).toBe(false);
    expect(deletesPastBudget(anIncident(), { ...remove, waitForBudget: '0s' })).toBe(false);
  });

  test('a person decides, who is told what can be done', () => {
    const over = timedOut(incidentOf(MINUTE), hold);
    expect(over).toMatchObject({ asksAgain: false });
    expect(over?.message).toMatch(/waited 1m .* web needs 2.*release the incident, or delete the pod/);
  });

  test('a budget that nobody keeps up to date is asked for ever, whatever comes then', () => {
    for (const settings of [hold, remove])
      expect(timedOut(incidentOf(MINUTE, 'BudgetStale'), settings)).toMatchObject({ asksAgain: true });
  });

  test.each([
    ['the pod is to be deleted', incidentOf(MINUTE), remove],
    ['two budgets ask for a person by their name', incidentOf(MINUTE, 'MultipleDisruptionBudgets'), hold],
    ['something else is waited for', incidentOf(MINUTE, 'TooManyRequests'), hold],
    ['it is not over', incidentOf(MINUTE - 1), hold],
  ])('nothing is said where %s', (_, incident, settings) => {
    expect(timedOut(incident, settings)).toBeUndefined();
  });
});
