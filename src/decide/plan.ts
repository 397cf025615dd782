// What to do next for one incident: a pure function of the record, the live facts and the time. Read this first.
import { isFinal, type DriftIncident, type IsolationForm, type StepStatus } from '../api/incident.ts';
import { SEVERITY_LABEL } from '../api/names.ts';
import { isQuarantined, type PodFacts } from '../api/pod.ts';
import { deniedBy, isolationHeld, UNANSWERED } from './approved.ts';
import { budgetAgainst } from './availability.ts';
import { deletesPastBudget } from './budget-wait.ts';
import { confirmNext, unconfirmed } from './confirm.ts';
import { cutNext, mayBeCut } from './cut.ts';
import { heldBy, restingPhase } from './decided.ts';
import { done, wait, type Decision, type Facts } from './decision.ts';
import { captureAgainAt, wantsCapture } from './evidence.ts';
import { expiryOf } from './expiry.ts';
import { chooseForm, situationOf, type Situation } from './form.ts';
import { evictionHeld, identityHeld } from './gates.ts';
import { carriesChange, isSettling, quarantinedByUs, stepOf } from './marks.ts';
import { PAUSE_CHECK_MS } from './pause.ts';
import { afterPod } from './recovery.ts';
import { ledgerHolds } from './spending.ts';
import { endsInEviction, isRestarting, keepNext, makesAnew, mustAskAgain, restartNext } from './restart.ts';
import { isGoing, terminating } from './terminating.ts';
import { due, overdue, waitFor } from './tries.ts';
import { surePart } from './weak-identity.ts';

/** How long a ReplicaSet may take to settle after a Release; it takes less than a second. */
const SETTLE_MS = 10_000;

// In this order: what comes first goes on while what comes later waits.
const NEXT: readonly ((now: Situation) => Decision | undefined)[] = [
  isolation,
  cutNext,
  capture,
  confirmNext,
  person,
  keepNext,
  eviction,
];

/** The next step of an incident. Never throws for a valid incident. */
export function plan(incident: DriftIncident, facts: Facts): Decision {
  if (isFinal(incident)) return { kind: 'Forget' };
  if (incident.metadata.deletionTimestamp !== undefined) return afterDeletion(incident, facts);
  if (incident.spec.decision?.action === 'Release') return release(incident, facts);
  if (facts.pod === undefined) return afterPod(incident, facts);
  if (facts.protection !== undefined) return leaveAlone(incident, facts.pod, facts.protection);
  const now = situationOf(incident, facts, facts.pod);
  return untilCapture(onceSure(next(now), now), now);
}

// What only an alert asks for that names the pod waits for a person; what others ask for as well goes on meanwhile. Who said
// no was told of all of it.
function onceSure(decision: Decision, now: Situation): Decision {
  const said = now.incident.spec.decision?.action;
  const isUnanswered =
    decision.kind === 'Wait' && UNANSWERED.has(decision.reason) && said !== 'Deny' && said !== 'Hold';
  if (decision.kind !== 'Run' && !isUnanswered) return decision;
  const held = identityHeld(now);
  if (!held) return decision;
  const part = surePart(now.incident);
  const sure = part && next(situationOf(part, now.facts, now.pod));
  if (sure?.kind === 'Run') return sure;
  return decision.kind === 'Run' ? held : decision;
}

function next(now: Situation): Decision {
  for (const part of NEXT) {
    const decision = part(now);
    if (decision) return decision;
  }
  return atRest(now);
}

// An exception by which it was isolated may have ended: then it stays as it is until a person says something.
function leaveAlone(incident: DriftIncident, pod: PodFacts, protection: string): Decision {
  const phase = restingPhase(incident, pod);
  const { namespace = '', name } = incident.metadata;
  const undo = `it stays in quarantine until: die-operator release -n ${namespace} ${name}`;
  return wait(phase, 'Protected', phase === 'Quarantined' ? `${protection}; ${undo}` : protection);
}

// Whatever is waited for, evidence that is owed is tried again in its time.
function untilCapture(decision: Decision, { incident, facts, actions }: Situation): Decision {
  if (decision.kind !== 'Wait') return decision;
  const again = captureAgainAt(incident, actions, facts.now) ?? 0;
  // And the end of the exception by which the pod may be touched is told when it comes.
  const times = [again, facts.exemption?.until ?? 0].filter((at) => at > facts.now && at < Infinity);
  return times.length === 0
    ? decision
    : { ...decision, until: Math.min(...times, decision.until ?? Infinity) };
}

// Deleting an unfinished incident ends in containment: only Release restores a quarantined pod.
function afterDeletion(incident: DriftIncident, facts: Facts): Decision {
  const { pod } = facts;
  const owed = owedAnew(incident, facts);
  if (owed) return owed;
  if (pod === undefined || facts.namespaceTerminating || pod.deletionTimestamp !== undefined)
    return { kind: 'Forget' };
  const carriesOurs = carriesChange(incident, pod) || mayBeCut(incident);
  const isSpared = facts.protection !== undefined && !quarantinedByUs(incident, pod);
  if (isSpared || !carriesOurs) return { kind: 'Forget' };
  return undoOrContain(incident, facts, pod);
}

// What was destroyed for a copy is made anew also for an incident that is deleted meanwhile, unless it was released.
function owedAnew(incident: DriftIncident, facts: Facts): Decision | undefined {
  const { pod, namespaceTerminating } = facts;
  const isReleased = incident.spec.decision?.action === 'Release';
  if (namespaceTerminating || isReleased || !isRestarting(incident)) return undefined;
  if (pod === undefined) return restartNext(incident, facts.now);
  return isGoing(pod) && !incident.status?.restart?.pod ? terminating(incident, pod, facts) : undefined;
}

function undoOrContain(incident: DriftIncident, facts: Facts, pod: PodFacts): Decision {
  const decided = incident.spec.decision?.action === 'Release';
  if (isSettling(incident, pod)) return settling(incident, facts);
  if (decided || !quarantinedByUs(incident, pod)) return restore(incident, facts);
  if (facts.protection !== undefined) return leaveAlone(incident, pod, facts.protection);
  return heldBy(incident) ?? deniedBy(incident, pod) ?? containment(facts);
}

function containment({ paused, spent, now }: Facts): Decision {
  if (paused !== undefined) return wait('Quarantined', 'Paused', paused, now + PAUSE_CHECK_MS);
  const kept = spent && ledgerHolds(spent, now);
  if (kept) return wait('Quarantined', kept.reason, kept.message, kept.until);
  return { kind: 'Run', work: { step: 'Contain' } };
}

function release(incident: DriftIncident, facts: Facts): Decision {
  const { pod } = facts;
  const by = incident.spec.decision?.by ?? '';
  if (pod === undefined)
    return done('Released', 'PodGone', `${by} released the incident; the pod was gone already`);
  if (isGoing(pod)) return terminating(incident, pod, facts);
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
  if (goesSoon(now)) return undefined;
  const asks = isolationWait(now) !== undefined;
  const chosen = chooseForm(now, asks ? actions.enforce.filter((one) => one !== 'Isolate') : actions.enforce);
  if (!chosen) return undefined;
  const wanted = asApproved(incident, chosen);
  const step = wanted.form === 'LabelOnly' ? 'Label' : 'Isolate';
  const before = stepOf(incident, step);
  if (before && !due(before, facts.now)) return untilNextTry(before);
  const labelled = pod.labels[SEVERITY_LABEL] === response.severity.toLowerCase();
  const inPlace = labelled && (wanted.form === 'LabelOnly' || isQuarantined(pod));
  // Labels without a record: the answer to the patch was lost. Once more changes nothing, and is recorded.
  return inPlace && before?.state === 'Succeeded' ? undefined : { kind: 'Run', work: { step, ...wanted } };
}

// Who approved the milder form, as the facts were then, did not approve the other one.
function asApproved(
  { spec, status }: DriftIncident,
  chosen: { form: IsolationForm; message: string },
): { form: IsolationForm; message: string } {
  const isMilder = spec.decision?.action === 'Approve' && status?.plan?.form === 'Gentle';
  if (chosen.form !== 'Orphan' || !isMilder || status.isolation?.form === 'Orphan') return chosen;
  const message = 'It is isolated gently, as was approved: a label is added, nothing is taken away.';
  return { form: 'Gentle', message };
}

// Somebody else may have deleted it with a grace of hours, in which it runs on and has to be cut off. A label that only tells
// the severity is not worth it.
function goesSoon({ pod, actions }: Situation): boolean {
  return isGoing(pod) && (!actions.enforce.includes('Isolate') || pod.going?.containersEnded === true);
}

// A person holds everything, or is to be asked before the pod is isolated.
function person(now: Situation): Decision | undefined {
  if (now.pod.deletionTimestamp !== undefined) return undefined;
  return heldBy(now.incident) ?? isolationWait(now);
}

// A pod that was isolated once is isolated again without a question, should somebody have undone it.
function isolationWait(now: Situation): Decision | undefined {
  const { incident, pod, actions, facts } = now;
  // Neither takes anything away: what goes anyway, or is in a storm, is isolated gently.
  if (isGoing(pod) || facts.spent?.breaker) return undefined;
  const { form = 'LabelOnly' } = incident.status?.isolation ?? {};
  if (form !== 'LabelOnly' || quarantinedByUs(incident, pod)) return undefined;
  return actions.enforce.includes('Isolate') ? isolationHeld(now) : undefined;
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
  const { incident, facts, pod, actions, response } = now;
  if (isGoing(pod)) return terminating(incident, pod, facts);
  const because = endsInEviction(actions.enforce) ? undefined : expired(now);
  if (!endsInEviction(actions.enforce) && because === undefined) return undefined;
  const { gracePeriodSeconds } = response.settings.eviction;
  const work = {
    step: 'Evict',
    gracePeriodSeconds,
    ...(because !== undefined && { because }),
    ...(makesAnew(incident, actions.enforce) && { anew: true as const }),
    ...(deletesPastBudget(incident, response.settings.eviction) ? { orDelete: true as const } : refusal(now)),
  } as const;
  const held = evictionHeld(now);
  if (held) return held;
  return work.anew && mustAskAgain(now) ? { kind: 'Run', work: { step: 'Keep' } } : { kind: 'Run', work };
}

function refusal(now: Situation): { refusal?: string } {
  const against = budgetAgainst(now);
  return against === undefined ? {} : { refusal: against };
}

// Why a pod is evicted that no rung asks to evict.
function expired({ incident, facts, pod }: Situation): string | undefined {
  if (!quarantinedByUs(incident, pod)) return undefined;
  const { at, evicts, message } = expiryOf(incident, facts.standing, facts.now);
  return evicts && at !== undefined && at <= facts.now ? message : undefined;
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
