// How urgent each thing is that people are told, by its reason; the table of docs/notifications.md.
import type { Severity } from '../../api/severity.ts';
import type { EventInput } from '../../kube/events.ts';

/** Reason of the summary of alerts whose pod could not be told. */
export const UNIDENTIFIED = 'AlertsUnidentified';

/** Priorities of reasons that are no plain step or wait. */
export const URGENCIES: Readonly<Record<string, Severity>> = {
  // Somebody has to look now: die-operator does not get further, or time runs out.
  BreakerOpened: 'Critical',
  LedgerLost: 'Critical',
  DriftFailed: 'Critical',
  DriftEvidenceLost: 'Critical',
  ApprovalEnding: 'Critical',
  // A person is asked, or was.
  AwaitingApproval: 'Error',
  PlanChanged: 'Error',
  ApprovalExpired: 'Error',
  // Steps that change what runs, and ends.
  BreakerClosed: 'Notice',
  DriftIsolated: 'Notice',
  DriftCutOff: 'Notice',
  DriftContained: 'Notice',
  DriftEvicting: 'Notice',
  DriftRestarted: 'Notice',
  DriftReleased: 'Notice',
  DriftResolved: 'Notice',
  DriftTargetGone: 'Notice',
};

const FAILED_STEP = /^Drift[A-Za-z]+Failed$/;

/**
 * The priority of what is told: of a reason that {@link URGENCIES} does not name, a step that failed is an Error, and the
 * others are as urgent as their Event: Warning, or Informational.
 */
export function urgencyOf({ reason, type }: Pick<EventInput, 'reason' | 'type'>): Severity {
  const known = Object.hasOwn(URGENCIES, reason) ? URGENCIES[reason] : undefined;
  if (known !== undefined) return known;
  if (FAILED_STEP.test(reason)) return 'Error';
  return type === 'Warning' ? 'Warning' : 'Informational';
}
