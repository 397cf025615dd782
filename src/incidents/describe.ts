// Everything that a decision says to people, noted in the record before it is carried out.
import { INCIDENT_CONDITIONS } from '../api/conditions.ts';
import type { DriftIncident } from '../api/incident.ts';
import type { Decision, Facts } from '../decide/decision.ts';
import { outline } from '../decide/form.ts';
import { wasAccepted, wasAttempted } from '../decide/marks.ts';
import { noteIsolationEnded } from './notes.ts';
import { withCondition, withDecision, withStatus, withStep } from './status.ts';

/** The incident with the decision noted. @param now RFC 3339. */
export function describe(
  incident: DriftIncident,
  decision: Decision,
  facts: Facts,
  now: string,
): DriftIncident {
  if (decision.kind === 'Forget') return incident;
  let next = interrupted(withDecision(incident, decision, now), decision, now);
  if (facts.pod) next = withStatus(next, { plan: outline(incident, facts) });
  if (!facts.pod && next.status?.eviction?.goneAt === undefined) next = gone(next, now);
  if (decision.kind !== 'Done') return next;
  const ended = facts.pod ? next : verified(next, decision, facts, now);
  return noteIsolationEnded(ended, decision.phase === 'Released' ? 'Released' : 'PodGone', now);
}

// A step that was written ahead and is held now (its process died, its policy was changed) does not run any more.
function interrupted(incident: DriftIncident, decision: Decision, now: string): DriftIncident {
  if (decision.kind !== 'Wait' || !AT_REST.has(decision.phase)) return incident;
  const { reason, message } = decision;
  const running = incident.status?.steps?.filter(({ state }) => state === 'Running') ?? [];
  return running.reduce(
    (next, { name }) => withStep(next, { name, state: 'Waiting', reason, message, tried: false }, now),
    incident,
  );
}

const AT_REST: ReadonlySet<string> = new Set(['Observed', 'Quarantined']);

// After an eviction that was accepted the grace was ours: the kubelet has confirmed that the containers ended. A pod
// that somebody else deleted may have been forced away, and nothing is known about its containers.
function gone(incident: DriftIncident, now: string): DriftIncident {
  const next = withStatus(incident, { eviction: { ...incident.status?.eviction, goneAt: now } });
  if (!wasAttempted(incident)) return next;
  const accepted = wasAccepted(incident);
  const message = accepted
    ? 'the pod was evicted and is gone'
    : 'the pod is gone, and whether by our eviction is not known: its containers were not seen to end';
  const reason = accepted ? 'Evicted' : 'NotObserved';
  return withCondition(
    withStep(next, { name: 'Evict', state: 'Succeeded', reason, message, tried: false }, now),
    { type: INCIDENT_CONDITIONS.Contained, status: accepted ? 'True' : 'Unknown', reason, message },
    now,
  );
}

function verified(
  incident: DriftIncident,
  { phase, reason, message }: Decision & { kind: 'Done' },
  { replacement }: Facts,
  now: string,
): DriftIncident {
  if (phase !== 'Resolved' && phase !== 'Failed') return incident;
  const verdict = replacement?.proof.verdict;
  const proven = verdict === 'Pinned' || verdict === 'Baseline';
  const status = phase === 'Failed' ? 'False' : proven ? 'True' : 'Unknown';
  const why = phase === 'Resolved' && verdict ? verdict : reason;
  const state = phase === 'Resolved' ? 'Succeeded' : 'Failed';
  const condition = { type: INCIDENT_CONDITIONS.ReplacementVerified, status, reason: why, message } as const;
  const next = withStep(incident, { name: 'Verify', state, reason: why, message, tried: true }, now);
  return withReplacement(withCondition(next, condition, now), replacement);
}

function withReplacement(incident: DriftIncident, replacement: Facts['replacement']): DriftIncident {
  if (!replacement) return incident;
  const { pod, proof } = replacement;
  return withStatus(incident, {
    replacement: {
      name: pod.name,
      uid: pod.uid,
      ...(pod.nodeName !== undefined && { nodeName: pod.nodeName }),
      images: proof.containers,
    },
  });
}
