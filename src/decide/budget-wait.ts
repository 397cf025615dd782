// How long an eviction has waited for a disruption budget, when it is asked for again, and what comes when that is over.
import type { DriftIncident, ResponseSettings } from '../api/incident.ts';
import { recordedDuration } from './duration.ts';
import { stepOf } from './marks.ts';

type EvictionSettings = ResponseSettings['eviction'];
type BudgetWait = NonNullable<NonNullable<NonNullable<DriftIncident['status']>['eviction']>['budget']>;

/** Why a budget keeps a pod: it allows none; nobody keeps it up to date; more than one selects the pod. */
export const BUDGET_REASONS = ['DisruptionBudget', 'BudgetStale', 'MultipleDisruptionBudgets'] as const;
/** See {@link BUDGET_REASONS}. */
export type BudgetReason = (typeof BUDGET_REASONS)[number];

/** Milliseconds between two tries: half of what was waited already, within these, spread by a quarter. */
const SOONEST_MS = 5_000;
const LATEST_MS = 60_000;
const SPREAD = 0.25;
/** A person has to mend two budgets; they show by themselves that they were. */
const SLOW_MS = 300_000;
/** How much later than planned a try may be and still count as waited for the budget. */
const SLACK_MS = 30_000;
/** What a server that asks to be left alone for longer gets: a later time in a record counts as wrong. */
const LONGEST_MS = 600_000;

/** Whether that is a reason of a budget. */
export function isBudgetReason(reason: string): reason is BudgetReason {
  return BUDGET_REASONS.some((one) => one === reason);
}

/**
 * The wait with one more refusal. The time between two counts if nobody but the budget was waited for: a pause, an outage
 * and a clock that jumps count for no more than two tries are apart.
 * @param now milliseconds since the epoch.
 */
export function refusedAgain(before: BudgetWait | undefined, reason: BudgetReason, now: number): BudgetWait {
  const refusedAt = new Date(now).toISOString();
  const waited = waitedMs(before);
  if (before === undefined || waited === undefined) return { since: refusedAt, refusedAt };
  const longest = (reason === 'MultipleDisruptionBudgets' ? SLOW_MS : LATEST_MS * (1 + SPREAD)) + SLACK_MS;
  const counted = Math.min(Math.max(now - Date.parse(before.refusedAt), 0), longest);
  return { since: new Date(now - waited - counted).toISOString(), refusedAt };
}

/**
 * Milliseconds until the eviction is asked for again.
 * @param asked what the API server asks for, in milliseconds.
 */
export function nextTryMs(
  wait: BudgetWait,
  reason: BudgetReason,
  { limitMs, uid, asked = 0 }: { limitMs: number; uid: string; asked?: number | undefined },
): number {
  const waited = waitedMs(wait) ?? 0;
  const backoff =
    reason === 'MultipleDisruptionBudgets'
      ? SLOW_MS
      : Math.min(Math.max(waited / 2, SOONEST_MS), LATEST_MS) * (1 + SPREAD * shareOf(uid));
  // What comes then is not put off by a try that is not due yet.
  const left = limitMs - waited;
  const own = left > 0 ? Math.min(backoff, left) : backoff;
  return Math.round(Math.min(Math.max(own, asked, 1_000), LONGEST_MS));
}

/** Whether the budget was against the eviction for as long as the policies wait. */
export function isBudgetWaitOver(incident: DriftIncident, { waitForBudget }: EvictionSettings): boolean {
  const waited = waitedMs(incident.status?.eviction?.budget);
  return waited !== undefined && waited >= recordedDuration(waitForBudget);
}

/** Whether the pod is to be deleted where a budget is against its eviction once more. */
export function deletesPastBudget(incident: DriftIncident, settings: EvictionSettings): boolean {
  return settings.then === 'Delete' && isBudgetWaitOver(incident, settings);
}

/**
 * What people are told when the wait is over and nothing is done; undefined: it is not over, or the pod is deleted, or
 * (two budgets) the reason itself asks for a person. `asksAgain`: the eviction is still tried.
 */
export function timedOut(
  incident: DriftIncident,
  settings: EvictionSettings,
): { message: string; asksAgain: boolean } | undefined {
  const step = stepOf(incident, 'Evict');
  if (step === undefined || !isBudgetWaitOver(incident, settings)) return undefined;
  const told = `the eviction waited ${settings.waitForBudget} for its disruption budget: ${step.message}`;
  if (step.reason === 'BudgetStale') {
    const message = `${told}; nobody keeps the status of the budget up to date: is the controller manager of the cluster at work? The pod is not deleted past a budget that is not known; ${PERSON}`;
    return { message, asksAgain: true };
  }
  if (step.reason !== 'DisruptionBudget' || settings.then === 'Delete') return undefined;
  return { message: `${told}; it is not asked for again: ${PERSON}`, asksAgain: false };
}

const PERSON = 'make the budget allow it, release the incident, or delete the pod yourself';

function waitedMs(wait: BudgetWait | undefined): number | undefined {
  const waited = Date.parse(wait?.refusedAt ?? '') - Date.parse(wait?.since ?? '');
  return Number.isFinite(waited) && waited >= 0 ? waited : undefined;
}

// The same for each try of an incident, and another for each incident: those of one budget do not ask all at once.
function shareOf(uid: string): number {
  const digits = Number.parseInt(uid.replaceAll(/[^0-9a-f]/gi, '').slice(-4), 16);
  return Number.isNaN(digits) ? 0 : digits / 0x1_0000;
}
