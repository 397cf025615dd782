// What to do next for one incident: a pure function of the record, the live facts and the time. Read this first.
import { isFinal, type DriftIncident, type StepStatus } from '../api/incident.ts';
import { SEVERITY_LABEL } from '../api/names.ts';
import { isQuarantined } from '../api/pod.ts';
import { confirmNext, unconfirmed } from './confirm.ts';
import { cutNext, mayBeCut } from './cut.ts';
import { done, wait, type Decision, type Facts } from './decision.ts';
import { recordedDuration } from './duration.ts';
import { captureAgainAt, evidenceOwed, EVIDENCE_MISSING, wantsCapture } from './evidence.ts';
import { expiryOf } from './expiry.ts';
import { chooseForm, type Situation } from './form.ts';
import { carriesChange, isSettling, quarantinedByUs, stepOf } from './marks.ts';
import { actionsOf, responseOf } from './merge.ts';
import { evictable } from './owners.ts';
import { afterPod } from './recovery.ts';
import { due, overdue, waitFor } from './tries.ts';

/** How long after the end of its grace a pod that is still there is taken to be stuck. */
const STUCK_AFTER_MS = 60_000;
/** How often the pause switch is looked at while it stops something. */
const PAUSE_CHECK_MS = 15_000;
/** How long a ReplicaSet may take to settle after a Release; it takes less than a second. */
const SETTLE_MS = 10_000;

/** The next step of an incident. Never throws for a valid incident. */
export function plan(incident: DriftIncident, facts: Facts): Decision {
  if (isFinal(incident)) return { kind: 'Forget' };
  if (incident.metadata.deletionTimestamp !== undefined) return afterDeletion(incident, facts);
  if (incident.spec.decision?.action === 'Release') return release(incident, facts);
  if (facts.pod === undefined) return afterPod(incident, facts);
  if (facts.protection !== undefined) return wait('Observed', 'Protected', facts.protection);
  const response = responseOf(incident);
  const actions = actionsOf(incident, facts.standing);
  const now: Situation = { incident, facts, pod: facts.pod, response, actions };
  return untilCapture(
    isolation(now) ?? cutNext(now) ?? capture(now) ?? confirmNext(now) ?? eviction(now) ?? atRest(now),
    now,
  );
}

// Whatever is waited for, evidence that is owed is tried again in its time.
function untilCapture(decision: Decision, { incident, facts, actions }: Situation): Decision {
  if (decision.kind !== 'Wait') return decision;
  const again = captureAgainAt(incident, actions, facts.now);
  return again === undefined || again <= facts.now
    ? decision
    : { ...decision, until: Math.min(again, decision.until ?? Infinity) };
}

// Deleting an unfinished incident ends in containment: only Release restores a quarantined pod.
function afterDeletion(incident: DriftIncident, facts: Facts): Decision {
  const { pod, paused, now } = facts;
  if (pod === undefined || facts.namespaceTerminating || pod.deletionTimestamp !== undefined)
    return { kind: 'Forget' };
  const carriesOurs = carriesChange(incident, pod) || mayBeCut(incident);
  if (facts.protection !== undefined || !carriesOurs) return { kind: 'Forget' };
  const decided = incident.spec.decision?.action === 'Release';
  if (isSettling(incident, pod)) return settling(incident, facts);
  if (decided || !quarantinedByUs(incident, pod)) return restore(incident, facts);
  if (paused !== undefined) return wait('Quarantined', 'Paused', paused, now + PAUSE_CHECK_MS);
  return { kind: 'Run', work: { step: 'Contain' } };
}

function release(incident: DriftIncident, facts: Facts): Decision {
  const { pod } = facts;
  const by = incident.spec.decision?.by ?? '';
  if (pod === undefined)
    return done('Released', 'PodGone', `${by} released the incident; the pod was gone already`);
  if (pod.deletionTimestamp !== undefined) return terminating(pod.deletionTimestamp, facts.now);
  if (isSettling(incident, pod)) return settling(incident, facts);
  if (carriesChange(incident, pod) || mayBeCut(incident)) return restore(incident, facts);
  return done('Released', 'Released', `${by} released the pod; it is as it was before`);
}

// A node that does not answer is asked again in a while, not with each event.
function restore(incident: DriftIncident, { now }: Facts): Decision {
  const step = stepOf(incident, 'Release');
  const isHeld = mayBeCut(incident) && step?.state === 'Waiting' && !due(step, now);
  return isHeld ? waitFor('Responding', step) : { kind: 'Run', work: { step: 'Release' } };
}

// Kept in the incident, and so by whichever process leads: it is not over before nothing of ours is left.
function settling(incident: DriftIncident, { now }: Facts): Decision {
  const step = stepOf(incident, 'Settle');
  if (step && !due(step, now)) return waitFor('Responding', step);
  // A start that is yet to come was written by a clock that was wrong.
  const started = Date.parse(step?.startedAt ?? '');
  const atOnce = step !== undefined && (overdue(step, SETTLE_MS, now) || started > now);
  return { kind: 'Run', work: { step: 'Settle', atOnce } };
}

function isolation(now: Situation): Decision | undefined {
  const { incident, facts, pod, response, actions } = now;
  if (pod.deletionTimestamp !== undefined) return undefined;
  const wanted = chooseForm(now, actions.enforce);
  if (!wanted) return undefined;
  const step = wanted.form === 'LabelOnly' ? 'Label' : 'Isolate';
  const before = stepOf(incident, step);
  if (before && !due(before, facts.now)) return untilNextTry(before);
  const labelled = pod.labels[SEVERITY_LABEL] === response.severity.toLowerCase();
  const inPlace = labelled && (wanted.form === 'LabelOnly' || isQuarantined(pod));
  // Labels without a record: the answer to the patch was lost. Once more changes nothing, and is recorded.
  return inPlace && before?.state === 'Succeeded' ? undefined : { kind: 'Run', work: { step, ...wanted } };
}

// A short trouble holds the rest up. A refusal that lasts is tried again slowly, and evidence and eviction go on:
// they do not depend on it.
function untilNextTry(step: StepStatus): Decision | undefined {
  return step.state === 'Waiting' ? waitFor('Responding', step) : undefined;
}

function capture({ incident, facts, actions }: Situation): Decision | undefined {
  if (!wantsCapture(incident, actions)) {
    // Slowly, and nothing but the eviction waits for it.
    const again = captureAgainAt(incident, actions, facts.now);
    return again !== undefined && again <= facts.now ? { kind: 'Run', work: { step: 'Capture' } } : undefined;
  }
  const step = stepOf(incident, 'Capture');
  if (step?.state === 'Waiting' && !due(step, facts.now)) return waitFor('Responding', step);
  return { kind: 'Run', work: { step: 'Capture' } };
}

function eviction(now: Situation): Decision | undefined {
  const { facts, pod, actions, response } = now;
  if (pod.deletionTimestamp !== undefined) return terminating(pod.deletionTimestamp, facts.now);
  const because = actions.enforce.includes('Evict') ? undefined : expired(now);
  if (!actions.enforce.includes('Evict') && because === undefined) return undefined;
  const { gracePeriodSeconds } = response.settings.eviction;
  const work = { step: 'Evict', gracePeriodSeconds, ...(because !== undefined && { because }) } as const;
  return evictionHeld(now) ?? { kind: 'Run', work };
}

// Why a pod is evicted that no rung asks to evict.
function expired({ incident, facts, pod }: Situation): string | undefined {
  if (!quarantinedByUs(incident, pod)) return undefined;
  const { at, evicts, message } = expiryOf(incident, facts.standing, facts.now);
  return evicts && at !== undefined && at <= facts.now ? message : undefined;
}

function evictionHeld(now: Situation): Decision | undefined {
  const { incident, facts, response } = now;
  const owner = evictable(incident.spec.target, now.pod);
  if (!owner.ok) return wait('Quarantined', owner.reason, owner.message);
  if (facts.paused !== undefined)
    return wait('Quarantined', 'Paused', facts.paused, facts.now + PAUSE_CHECK_MS);
  if (isLastCopy(now)) {
    const message =
      'no other copy of the workload is Ready: evicting this one would stop it; waiting for another copy, or for a person to delete the pod';
    return wait('Quarantined', 'LastReadyCopy', message);
  }
  const owed = owedEvidence(now);
  if (owed !== undefined) return owed;
  const step = stepOf(incident, 'Evict');
  if (step?.state !== 'Waiting') return undefined;
  const limitMs = recordedDuration(response.settings.eviction.waitForBudget);
  if (step.reason === 'DisruptionBudget' && overdue(step, limitMs, facts.now)) {
    return wait('Quarantined', 'EvictionTimeout', `gave up after ${limitMs / 1000} s: ${step.message}`);
  }
  return due(step, facts.now) ? undefined : waitFor('Quarantined', step);
}

function owedEvidence({ incident, facts, actions }: Situation): Decision | undefined {
  const owed = evidenceOwed(incident, actions);
  if (owed === undefined) return undefined;
  const again = captureAgainAt(incident, actions, facts.now);
  const next = again === undefined ? 'the capture is not tried again' : 'the capture is tried again';
  const message = `the pod is not evicted without its evidence, and ${owed}; ${next}: release the incident, or delete the pod without it`;
  return wait('Quarantined', EVIDENCE_MISSING, message, again);
}

// An orphan left its workload when it was isolated: its eviction takes nothing more away.
function isLastCopy({ incident, facts, pod }: Situation): boolean {
  return incident.status?.isolation?.form !== 'Orphan' && pod.ready && facts.workload.readyOthers === 0;
}

// The wait that is left when everything was done that the policies ask for.
function atRest(now: Situation): Decision {
  const { incident, pod, actions } = now;
  const refused = incident.status?.steps?.find(({ name, state }) => name !== 'Capture' && state === 'Failed');
  if (refused) return waitFor('Responding', refused);
  if (quarantinedByUs(incident, pod)) return quarantined(now);
  const held = unconfirmed(now);
  if (held) return wait('Observed', held.reason, held.message, held.until);
  if (actions.enforce.length > 0)
    return wait('Observed', 'Recorded', 'everything that the policies ask for is done');
  return wait(
    'Observed',
    'Audit',
    incident.spec.trigger.recordedOnly ?? 'no policy in Enforce asks for an action: recorded only',
  );
}

function quarantined(now: Situation): Decision {
  const { incident, facts, actions } = now;
  const { at, message } = expiryOf(incident, facts.standing, facts.now);
  if (at !== undefined && at <= facts.now) return wait('Quarantined', 'QuarantineExpired', message);
  const held = unconfirmed(now);
  if (held) {
    const until = Math.min(at ?? Infinity, held.until ?? Infinity);
    return wait('Quarantined', held.reason, held.message, until === Infinity ? undefined : until);
  }
  return actions.enforce.includes('Isolate')
    ? wait(
        'Quarantined',
        'Quarantined',
        'no policy asks for the eviction of the pod: release the incident or delete the pod',
        at,
      )
    : wait(
        'Quarantined',
        'PolicyChanged',
        'the policy no longer enforces: the quarantine stays until a person decides',
        at,
      );
}

// `deletionTimestamp` is when the grace ends; a kubelet needs a little longer.
function terminating(deletionTimestamp: string, now: number): Decision {
  const stuckAt = Date.parse(deletionTimestamp) + STUCK_AFTER_MS;
  if (now < stuckAt)
    return wait(
      'Responding',
      'PodTerminating',
      'the pod is being deleted; waiting until it is gone',
      stuckAt,
    );
  const message =
    'the pod is being deleted and does not go: look for finalizers on it and whether its node is alive';
  return wait('Responding', 'PodStuckTerminating', message);
}
