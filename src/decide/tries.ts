// When a step is tried again, by the times in the record, which a clock may have written that was wrong.
import type { Phase, StepStatus } from '../api/incident.ts';
import { wait, type Decision } from './decision.ts';

/** Longest time between two tries of a step. */
const LONGEST_WAIT_MS = 600_000;

/** The wait for the next try. Without a time (somebody edited the record) only an event ends it. */
export function waitFor(
  phase: Phase,
  { reason, message, nextAttemptAt }: StepStatus,
): Decision & { kind: 'Wait' } {
  return wait(phase, reason, message, nextAttemptAt === undefined ? undefined : Date.parse(nextAttemptAt));
}

/**
 * Whether the step may be tried now. Nobody plans further ahead than {@link LONGEST_WAIT_MS}: a later time was written by a
 * clock that was wrong.
 */
export function due(step: StepStatus, now: number): boolean {
  if (step.nextAttemptAt === undefined) return true;
  const waitMs = Date.parse(step.nextAttemptAt) - now;
  return waitMs <= 0 || waitMs > LONGEST_WAIT_MS;
}

/** Whether the step has been tried for `limitMs`. */
export function overdue(step: StepStatus, limitMs: number, now: number): boolean {
  return step.startedAt !== undefined && now - Date.parse(step.startedAt) >= limitMs;
}
