// Condition types and reasons of our resources, and pure functions that set them.
import type { Condition } from './policy.ts';

/** Condition types of a DriftPolicy. */
export const POLICY_CONDITIONS = {
  /** True: the policy is valid and contributes. False: it contributes nothing; the message names field and cure. */
  Accepted: 'Accepted',
  /** True: what the policy asks for can be done. False: something is missing, named in the message. */
  Ready: 'Ready',
  /** Present where there are exceptions. False: some have ended, named in the message. */
  ExceptionsCurrent: 'ExceptionsCurrent',
  /** Present where pods are verified. True: all run what was approved. False: one does not, named in the message. */
  Verified: 'Verified',
} as const;

/** Condition types of a DriftIncident. */
export const INCIDENT_CONDITIONS = {
  /** Summary: True once the response ended well; False while it runs or after it failed. */
  Ready: 'Ready',
  /** Present and True only while the responder works on the incident. */
  Reconciling: 'Reconciling',
  /** Present and True only when a person is needed. */
  Stalled: 'Stalled',
  /** True says only what was proven; label and policy in place without a proof are Unknown. */
  Isolated: 'Isolated',
  /** True: everything that was asked for was captured. False: the message says what is missing. */
  EvidenceComplete: 'EvidenceComplete',
  /** Present and True where the pod shares its node, by its spec: then the node has to be looked at, too. */
  NodeSuspect: 'NodeSuspect',
  /** Present where a person has to approve. True: somebody did, and the plan is still that one. */
  Approved: 'Approved',
  /** True: every container of the pod is reported terminated. */
  Contained: 'Contained',
  /** True: the replacement is Ready and runs proven images. */
  ReplacementVerified: 'ReplacementVerified',
} as const;

/** What {@link setCondition} needs; the time is taken from `now` when the status changes. */
export type NewCondition = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

const MAX_MESSAGE = 1024;
// Order for readers, as Flux has it: what needs a person first.
const FIRST = ['Stalled', 'Reconciling', 'Ready', 'Accepted'];

/**
 * Returns the list with the condition set. Keeps `lastTransitionTime` unless the status changed, cuts long messages,
 * sorts the summary conditions first. The input is not changed.
 */
export function setCondition(
  conditions: readonly Condition[],
  next: NewCondition,
  generation: number | undefined,
  now: string,
): Condition[] {
  const before = conditions.find((condition) => condition.type === next.type);
  const condition: Condition = {
    ...next,
    message: next.message.slice(0, MAX_MESSAGE),
    lastTransitionTime: before?.status === next.status ? before.lastTransitionTime : now,
    ...(generation !== undefined && { observedGeneration: generation }),
  };
  return [...conditions.filter((other) => other.type !== next.type), condition].toSorted(byImportance);
}

/** Returns the list without conditions of that type. */
export function removeCondition(conditions: readonly Condition[], type: string): Condition[] {
  return conditions.filter((condition) => condition.type !== type);
}

/** The condition of that type, if set. */
export function findCondition(
  conditions: readonly Condition[] | undefined,
  type: string,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

function byImportance(a: Condition, b: Condition): number {
  const rank = (type: string) => (FIRST.includes(type) ? FIRST.indexOf(type) : FIRST.length);
  return rank(a.type) - rank(b.type) || a.type.localeCompare(b.type);
}
