// What the record says of the pod that took the place, while it is watched and at the end.
import { INCIDENT_CONDITIONS } from '../api/conditions.ts';
import { MAX_RECORDED_CONTAINERS, type DriftIncident, type DriftIncidentStatus } from '../api/incident.ts';
import type { Decision, Facts, Replacement } from '../decide/decision.ts';
import { quietOf } from '../decide/quiet.ts';
import { withCondition, withStatus, withStep, type StepChange } from './status.ts';

/** Characters of it that a record has room for. */
const MAX_IMAGE_ID = 512;

/** The incident, whose pod is gone, with what is known of its replacement. @param now RFC 3339. */
export function noteRecovery(
  incident: DriftIncident,
  decision: Decision,
  facts: Facts,
  now: string,
): DriftIncident {
  if (decision.kind === 'Wait' && decision.phase === 'Verifying')
    return watched(incident, decision, facts, now);
  if (decision.kind === 'Done' && (decision.phase === 'Resolved' || decision.phase === 'Failed'))
    return judged(incident, decision, facts, now);
  return incident;
}

// From the first sight on it is this incident's, and what is told of its drift is, too.
function watched(
  incident: DriftIncident,
  { reason, message }: Decision & { kind: 'Wait' },
  { replacement, now: nowMs }: Facts,
  now: string,
): DriftIncident {
  const next = withReplacement(incident, replacement, nowMs);
  const state = reason === 'Quiet' ? 'Waiting' : undefined;
  return state ? verifying(next, { state, reason, message, status: 'Unknown', tried: false }, now) : next;
}

function judged(
  incident: DriftIncident,
  { phase, reason, message }: Decision & { kind: 'Done' },
  { replacement, now: nowMs }: Facts,
  now: string,
): DriftIncident {
  const next = withReplacement(incident, replacement, nowMs);
  if (phase === 'Failed')
    return verifying(next, { state: 'Failed', reason, message, status: 'False', tried: true }, now);
  const verdict = replacement?.proof.verdict;
  if (verdict === undefined)
    return verifying(next, { state: 'Skipped', reason, message, status: 'Unknown', tried: true }, now);
  const status = verdict === 'Unpinned' ? 'Unknown' : 'True';
  return verifying(next, { state: 'Succeeded', reason: verdict, message, status, tried: true }, now);
}

function verifying(
  incident: DriftIncident,
  { status, ...change }: Omit<StepChange, 'name'> & { status: 'True' | 'False' | 'Unknown' },
  now: string,
): DriftIncident {
  const { reason, message } = change;
  const type = INCIDENT_CONDITIONS.ReplacementVerified;
  const next = withStep(incident, { ...change, name: 'Verify' }, now);
  return withCondition(next, { type, status, reason, message }, now);
}

function withReplacement(
  incident: DriftIncident,
  replacement: Replacement | undefined,
  nowMs: number,
): DriftIncident {
  return replacement
    ? withStatus(incident, { replacement: recorded(incident, replacement, nowMs) })
    : incident;
}

function recorded(
  incident: DriftIncident,
  { pod, proof, otherRevision }: Replacement,
  nowMs: number,
): DriftIncidentStatus['replacement'] {
  const { name, uid, nodeName, ready, readyAt, restarts = 0 } = pod;
  const known = { name, uid, ...(otherRevision && { otherRevision }) };
  if (!ready) return { ...known, images: [] };
  const quiet = quietOf(incident, pod, nowMs);
  return {
    ...known,
    ...(nodeName !== undefined && { nodeName }),
    images: proof.containers
      .slice(0, MAX_RECORDED_CONTAINERS)
      .map((one) => ({ ...one, imageID: one.imageID.slice(0, MAX_IMAGE_ID) })),
    readyAt: new Date(quiet.from).toISOString(),
    ...(readyAt !== undefined && { readySince: readyAt }),
    restarts,
    quietUntil: new Date(quiet.until).toISOString(),
  };
}
