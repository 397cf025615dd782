// How much all conditions together may cost for one detection: it is matched in one turn of the event loop, and any tenant
// can write conditions.
import type { Condition, Verdict } from './condition.ts';
import type { ConditionInput } from './input.ts';

/** Nanoseconds, as estimated, that the conditions of one policy may cost together. */
export const MAX_POLICY_COST = 30_000_000;
/** The same for all policies of a namespace, and for all of the cluster, for one detection. */
export const MAX_DETECTION_COST = 60_000_000;

/** Asks a condition about the detection at hand. */
export type Ask = (condition: Condition) => Verdict;

/** Asks without a limit, for a single policy. */
export function asking(input: () => ConditionInput): Ask {
  return (condition) => condition.evaluate(input());
}

/** Asks until the budget is used up; what comes then is an error, and so no match. */
export function askingWithin(budget: number, input: () => ConditionInput): Ask {
  let left = budget;
  return (condition) => {
    left -= condition.cost;
    return left < 0 ? 'Error' : condition.evaluate(input());
  };
}
