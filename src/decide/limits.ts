// How many pods may be taken out of their workloads at a time; beyond that the gentle form must do.
import type { Limits } from '../api/policy.ts';
import type { FormReason, PodForm } from './owners.ts';

/** What is counted; the pod itself never is. */
export interface LimitInput {
  /** The form that the owner allows. */
  form: PodForm;
  /** Why it does. */
  reason: FormReason;
  settings: Limits;
  /** Other pods of the same controller; absent for a pod without one. */
  workload?: { quarantinedOthers: number; readyOthers: number } | undefined;
  /** Other pods of the namespace. */
  namespace: { quarantinedOthers: number };
}

/** Which limit was met. */
export type LimitReason = 'PerWorkload' | 'PerNamespace' | 'LastReadyCopy';

/** The form within the limits; if one was met, which, and a sentence for people. */
export interface LimitedForm {
  form: PodForm;
  limitedBy?: LimitReason;
  message?: string;
}

const GENTLY = 'it is isolated gently: a label is added, nothing is taken away';

/**
 * Turns Orphan into Gentle where a limit is met: this pod would be one more than a limit allows, or no other Ready copy
 * of its workload would be left to serve. Gentle takes no capacity away and is never limited.
 */
export function limitForm(input: LimitInput): LimitedForm {
  const limit = input.form === 'Orphan' ? metLimit(input) : undefined;
  return limit ? { form: 'Gentle', ...limit } : { form: input.form };
}

function metLimit({
  reason,
  settings,
  workload,
  namespace,
}: LimitInput): Omit<LimitedForm, 'form'> | undefined {
  const { perWorkload, perNamespace } = settings;
  if (workload && workload.quarantinedOthers >= perWorkload.quarantined) {
    return {
      limitedBy: 'PerWorkload',
      message: `${workload.quarantinedOthers} other pods of the workload are in quarantine and limits.perWorkload.quarantined is ${perWorkload.quarantined}: ${GENTLY}.`,
    };
  }
  if (namespace.quarantinedOthers >= perNamespace.quarantined) {
    return {
      limitedBy: 'PerNamespace',
      message: `${namespace.quarantinedOthers} other pods of the namespace are in quarantine and limits.perNamespace.quarantined is ${perNamespace.quarantined}: ${GENTLY}.`,
    };
  }
  // The pods of a Job serve nobody, and one that was let go works on beside the one that follows it.
  if (workload?.readyOthers === 0 && reason !== 'Job') {
    return {
      limitedBy: 'LastReadyCopy',
      message: `No other copy of the workload is Ready: ${GENTLY}.`,
    };
  }
  return undefined;
}
