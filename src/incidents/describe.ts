// Everything that a decision says to people, noted in the record before it is carried out.
import type { DriftIncident } from '../api/incident.ts';
import type { Decision, Facts } from '../decide/decision.ts';
import { outline, situationOf } from '../decide/form.ts';
import { noteVerdict } from './decided.ts';
import { isStuck, noteAnew, noteEnd, wasSilent } from './eviction-notes.ts';
import { noteIsolationEnded } from './notes.ts';
import { noteRecovery } from './recovery-notes.ts';
import { withDecision, withStatus, withStep } from './status.ts';

/** The incident with the decision noted. @param now RFC 3339. */
export function describe(
  incident: DriftIncident,
  decision: Decision,
  facts: Facts,
  now: string,
): DriftIncident {
  if (decision.kind === 'Forget') return incident;
  let next = interrupted(withDecision(incident, decision, now), decision, now);
  if (isStaying(next, decision, facts)) next = noteAnew(next, false, now);
  // What was planned for a pod that goes is what was done to it.
  const isGoing = facts.pod?.deletionTimestamp !== undefined && incident.status?.plan !== undefined;
  if (facts.pod && !isGoing) {
    next = withStatus(next, { plan: outline(incident, facts) });
    const situation = situationOf(incident, facts, facts.pod);
    next = noteVerdict(next, { situation, decision }, now);
  }
  next = noteEnd(next, { facts, silent: wasSilent(incident) }, now);
  if (!facts.pod) next = noteRecovery(next, decision, facts, now);
  if (decision.kind !== 'Done') return next;
  return noteIsolationEnded(next, decision.phase === 'Released' ? 'Released' : 'PodGone', now);
}

/** No request takes longer to arrive, in milliseconds. */
const LATE_MS = 60_000;

// An eviction was asked for, and the pod stays: who deletes it later is somebody else, and it is not made anew after that.
function isStaying({ status }: DriftIncident, decision: Decision, { pod, now }: Facts): boolean {
  const asksAgain = decision.kind === 'Run' && decision.work.step === 'Evict';
  const isLate = Date.parse(status?.restart?.begunAt ?? '') < now - LATE_MS;
  return isLate && !asksAgain && pod !== undefined && pod.deletionTimestamp === undefined;
}

// A step that was written ahead and is held now (its process died, its policy was changed) does not run any more.
function interrupted(incident: DriftIncident, decision: Decision, now: string): DriftIncident {
  if (decision.kind !== 'Wait' || !(AT_REST.has(decision.phase) || isStuck(decision))) return incident;
  const { reason, message } = decision;
  const running = incident.status?.steps?.filter(({ state }) => state === 'Running') ?? [];
  return running.reduce(
    (next, { name }) => withStep(next, { name, state: 'Waiting', reason, message, tried: false }, now),
    incident,
  );
}

const AT_REST: ReadonlySet<string> = new Set(['Observed', 'AwaitingApproval', 'Quarantined', 'Held']);
