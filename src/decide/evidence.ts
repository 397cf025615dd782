// Whether the evidence of an incident is to be captured, or once more, and whether its eviction has to wait for it.
import type { DriftIncident, StepStatus } from '../api/incident.ts';
import { COLLECTORS, type CollectorName } from '../api/policy.ts';
import { recordedDuration } from './duration.ts';
import { stepOf } from './marks.ts';
import { responseOf, type EffectiveActions } from './merge.ts';

/** The reason of a capture that is tried again slowly, and of an eviction that waits for it. */
export const EVIDENCE_MISSING = 'EvidenceMissing';
/** The reason of a capture that is done once more since what was kept is gone. */
export const EVIDENCE_LOST = 'EvidenceLost';

/** Bundles of one incident: each can be as large as its policies allow, and the next one holds no more than the last. */
export const MAX_ROUNDS = 12;

/** How long a capture may take, in milliseconds, whatever is recorded: what a policy can ask for. */
const MIN_DEADLINE_MS = 10_000;
const MAX_DEADLINE_MS = 540_000;
/** What is missing is tried again this often, in milliseconds; after {@link SOON_FOR_MS} less often. */
const SOON_MS = 300_000;
const LATER_MS = 3_600_000;
const SOON_FOR_MS = 3_600_000;

/** How long the capture of the incident may take, in milliseconds. */
export function captureDeadline(incident: DriftIncident): number {
  const { deadline } = responseOf(incident).settings.evidence;
  return Math.min(Math.max(recordedDuration(deadline), MIN_DEADLINE_MS), MAX_DEADLINE_MS);
}

/** Whether evidence is asked for, none was ever kept, and it is not given up. */
export function lacksEvidence(incident: DriftIncident, { enforce }: EffectiveActions): boolean {
  if (!enforce.includes('Capture') || incident.status?.evidence) return false;
  const state = stepOf(incident, 'Capture')?.state;
  return state !== 'Failed' && state !== 'Succeeded';
}

/** Whether evidence is to be captured before anything else is done: what is tried again slowly holds nothing up. */
export function wantsCapture(incident: DriftIncident, { enforce }: EffectiveActions): boolean {
  if (!enforce.includes('Capture')) return false;
  const { evidence } = incident.status ?? {};
  const step = stepOf(incident, 'Capture');
  if (!step) return evidence === undefined;
  switch (step.state) {
    case 'Failed':
    case 'Skipped':
      return false;
    case 'Succeeded':
      return evidence !== undefined && addedSince(incident).length > 0;
    default:
      return !isSlow(step);
  }
}

/** Whether the step is tried again slowly. */
export function isSlow({ state, reason }: StepStatus): boolean {
  return state === 'Waiting' && reason === EVIDENCE_MISSING;
}

/**
 * Why an eviction has to wait for evidence, in words; undefined: it need not. Lost evidence holds it whatever the policies
 * say: it was promised to be there.
 */
export function evidenceOwed(incident: DriftIncident, { enforce }: EffectiveActions): string | undefined {
  if (!enforce.includes('Capture')) return undefined;
  const { evidence } = incident.status ?? {};
  if (evidence?.lostAt !== undefined) return `what was kept at ${evidence.location} is not there any more`;
  if (!responseOf(incident).settings.evidence.required) return undefined;
  if (evidence) {
    const missing = [...new Set([...(evidence.missing ?? []), ...addedSince(incident)])];
    return missing.length > 0 ? `nothing was captured of: ${missing.join(', ')}` : undefined;
  }
  const step = stepOf(incident, 'Capture');
  return step?.state === 'Succeeded' ? undefined : 'nothing could be stored';
}

/**
 * When evidence that an eviction waits for is captured once more, in milliseconds since the epoch; undefined: not by
 * itself. A time that nobody plans was written by a clock that was wrong.
 */
export function captureAgainAt(
  incident: DriftIncident,
  actions: EffectiveActions,
  now: number,
): number | undefined {
  if (evidenceOwed(incident, actions) === undefined) return undefined;
  if ((incident.status?.evidence?.round ?? 1) >= MAX_ROUNDS) return undefined;
  const at = Date.parse(stepOf(incident, 'Capture')?.nextAttemptAt ?? '');
  return at - now <= LATER_MS ? at : now;
}

/** When a capture that gave too little is tried again, in milliseconds since the epoch. */
export function nextCapture({ startedAt }: Pick<StepStatus, 'startedAt'>, now: number): number {
  const since = now - Date.parse(startedAt ?? '');
  return now + (since > SOON_FOR_MS ? LATER_MS : SOON_MS);
}

/** Which bundle of the incident a capture makes: 1, then 2 and so on, as a finished one is never written again. */
export function captureRound({ status }: DriftIncident): number {
  return status?.evidence ? (status.evidence.round ?? 1) + 1 : 1;
}

// An alert that came later may ask for more than was asked for when the evidence was captured.
function addedSince(incident: DriftIncident): CollectorName[] {
  const { collectors } = responseOf(incident).settings.evidence;
  const asked = incident.status?.evidence?.collectors ?? [];
  return COLLECTORS.filter((name) => collectors.includes(name) && !asked.includes(name));
}
