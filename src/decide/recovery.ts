// The pod is gone: is its evidence safe, was it our eviction, and is what took its place clean?
import type { DriftIncident } from '../api/incident.ts';
import { done, wait, type Decision, type Facts } from './decision.ts';
import { recordedDuration } from './duration.ts';
import { lacksEvidence } from './evidence.ts';
import type { ImageProof } from './images.ts';
import { stepOf, wasAttempted } from './marks.ts';
import { actionsOf, responseOf } from './merge.ts';
import { ownerKind } from './owners.ts';
import { due } from './tries.ts';

/** A StatefulSet starts a pod within milliseconds, if nothing holds it back. */
const SLOW_RETURN_MS = 5_000;

/** The decision about an incident whose pod is gone. */
export function afterPod(incident: DriftIncident, facts: Facts): Decision {
  const actions = actionsOf(incident, facts.standing);
  // Who wants no evidence only has to get the pod deleted; what was read of it before is kept all the same.
  if (facts.snapshotBegun && lacksEvidence(incident, actions))
    return { kind: 'Run', work: { step: 'Capture' } };
  if (wasAttempted(incident)) return verify(incident, facts);
  const orphaned = incident.status?.isolation?.form === 'Orphan';
  const gone = done('TargetGone', 'PodGone', 'the pod went away, and not by an eviction of this incident');
  return (orphaned ? touch(incident, facts.now) : undefined) ?? gone;
}

// A StatefulSet whose pod had lost its labels (by another hand, or an earlier version) has failed to start a new one all
// the while, and its next try may be 1000 s away: any change of its metadata brings it back within milliseconds.
function touch(incident: DriftIncident, now: number): Decision | undefined {
  if (ownerKind(incident.spec.target.workload) !== 'StatefulSet') return undefined;
  const step = stepOf(incident, 'Touch');
  if (step && step.state !== 'Waiting') return undefined;
  return !step || due(step, now) ? { kind: 'Run', work: { step: 'Touch' } } : undefined;
}

function verify(incident: DriftIncident, { now, replacement }: Facts): Decision {
  const { readyWithin, require } = responseOf(incident).settings.eviction.replacement;
  const since = Date.parse(incident.status?.eviction?.goneAt ?? '') || now;
  const until = since + recordedDuration(readyWithin);
  if (replacement?.pod.ready) return verdict(replacement.pod.name, replacement.proof, require);
  if (now < until) return replacement ? waitForIt(until) : missing(incident, { now, since, until });
  return replacement
    ? done(
        'Failed',
        'ReplacementNotReady',
        `${replacement.pod.name} was not Ready within ${readyWithin}: look at the pod`,
      )
    : done(
        'Failed',
        'NoReplacement',
        `no replacement appeared within ${readyWithin}: look at the events of the controller`,
      );
}

function missing(
  incident: DriftIncident,
  { now, since, until }: { now: number; since: number; until: number },
): Decision {
  const late = since + SLOW_RETURN_MS;
  if (now < late) return waitForIt(Math.min(late, until));
  return touch(incident, now) ?? waitForIt(until);
}

function waitForIt(until: number): Decision {
  const message = 'the pod is gone; waiting for a Ready replacement';
  return wait('Verifying', 'WaitingForReplacement', message, until);
}

function verdict(name: string, proof: ImageProof, require: 'Baseline' | 'Pinned'): Decision {
  const proven = proof.verdict === 'Pinned' || (require === 'Baseline' && proof.verdict !== 'Mismatch');
  if (proven) return done('Resolved', 'Replaced', `${name} took its place: ${proof.message}`);
  const reason = proof.verdict === 'Mismatch' ? 'UnapprovedImage' : 'NotPinned';
  return done(
    'Failed',
    reason,
    `${name} took its place, but ${proof.message}: look at it before you trust the workload`,
  );
}
