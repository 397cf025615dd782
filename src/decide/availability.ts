// What a workload can spare: whether one more of its pods may go, by its share, its disruption budgets and its quota.
import type { Limits } from '../api/policy.ts';
import { brokenBudget, type BudgetCount } from './disruption-budget.ts';
import { wait, type Decision } from './decision.ts';
import type { Situation } from './form.ts';
import { describeShortage, type QuotaRoom } from './quota.ts';

/** What was counted around one pod. */
export interface Availability {
  /**
   * Pods that the top-level workload should have, this one included; of the others those that are missing, by what
   * die-operator did or since they are not Ready; and those in gentle quarantine, which count as missing to whoever takes
   * another pod out, but go themselves.
   */
  share: { size: number; missing: number; gentle: number };
  /** Disruption budgets that are about the pod. */
  budgets: readonly BudgetCount[];
  /** What quotas have no room for. */
  quota: QuotaRoom;
  /** What could not be read, in words: `disruption budgets`. */
  unread: readonly string[];
}

const GENTLY = 'it is isolated gently: a label is added, nothing is taken away';

/** Why the pod is not made an orphan, which takes it out of its workload at once; undefined: nothing is against it. */
export function unspared({ facts, pod, response }: Situation): string | undefined {
  if (!facts.availability) return undefined;
  const met = scarce(facts.availability, pod.ready, response.settings.limits);
  return met === undefined ? undefined : `${sentence(met)}: ${GENTLY}.`;
}

/** What one more pod out of the workload would be too much for, in words; undefined: for nothing. */
export function scarce(
  { share: { size, missing, gentle }, budgets, quota }: Availability,
  ready: boolean,
  { perWorkload }: Limits,
): string | undefined {
  const known = overShare(size, missing + gentle, perWorkload) ?? brokenBudget(budgets, ready);
  if (known !== undefined || !quota.beside) return known;
  return `the replacement could not be started while the pod goes on using its part of the quota, as ${describeShortage(quota.beside)}`;
}

/** A gate of the eviction: the workload has no pod to spare now. */
export function maxUnavailable(now: Situation): Decision | undefined {
  const { availability } = now.facts;
  if (!availability || isOut(now)) return undefined;
  const { size, missing } = availability.share;
  const over = overShare(size, missing, now.response.settings.limits.perWorkload);
  if (over === undefined) return undefined;
  const message = `${over}: waiting until others are Ready, or for a person to delete the pod`;
  return wait('Quarantined', 'MaxUnavailable', message);
}

/** Why a disruption budget is against the eviction, whatever its status says; undefined: none is. */
export function budgetAgainst(now: Situation): string | undefined {
  const { availability } = now.facts;
  // Under two budgets the API server evicts nothing, and says so itself.
  if (!availability || availability.budgets.length > 1 || isOut(now)) return undefined;
  const broken = brokenBudget(availability.budgets, now.pod.ready);
  return broken === undefined ? undefined : `${broken}: the API server was not asked`;
}

/** What a plan says of what is foreseen, for people; empty: nothing is. */
export function foreseen(availability: Availability | undefined, evicts: boolean): string[] {
  if (!availability) return [];
  const { unread, quota } = availability;
  const blind = unread.map((what) => `What ${what} say is not looked at, as they cannot be read.`);
  return evicts && quota.after
    ? [...blind, `A replacement could not be started: ${describeShortage(quota.after)}.`]
    : blind;
}

// What left its workload when it was isolated takes nothing more away.
function isOut({ incident }: Situation): boolean {
  return incident.status?.isolation?.form === 'Orphan';
}

function overShare(size: number, missing: number, limit: { maxUnavailable: string }): string | undefined {
  const most = Math.max(1, Math.floor((size * Number.parseInt(limit.maxUnavailable)) / 100));
  if (missing + 1 <= most) return undefined;
  return `of the ${size} pods of the workload ${missing} besides this one are missing or not Ready, and limits.perWorkload.maxUnavailable of ${limit.maxUnavailable} lets ${most} be`;
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}
