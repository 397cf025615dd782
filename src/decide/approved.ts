// Whether a person approved what is planned now, and the waits for one.
import { findCondition, INCIDENT_CONDITIONS, type NewCondition } from '../api/conditions.ts';
import type { DriftIncident, StepStatus } from '../api/incident.ts';
import type { PodFacts } from '../api/pod.ts';
import { isolationNeeds, needsOf, type NeedOf } from './approval.ts';
import { isHeld, restingPhase, waitingSince, type PersonsDecision } from './decided.ts';
import { wait, type Decision } from './decision.ts';
import { recordedDuration } from './duration.ts';
import { currentHash, type Situation } from './form.ts';
import { stepOf } from './marks.ts';
import { responseOf } from './merge.ts';
import { surePart } from './weak-identity.ts';

/** The wait for an answer. */
export const AWAITING = 'AwaitingApproval';
/** The same when its time is nearly over. */
export const ENDING = 'ApprovalEnding';
/** The approval was of another plan: a person is asked again. */
export const PLAN_CHANGED = 'PlanChanged';
/** Nobody answered in time, or what was approved was not begun in time. */
export const EXPIRED = 'ApprovalExpired';
/** Reasons of waits for somebody who says yes. */
export const UNANSWERED: ReadonlySet<string> = new Set([AWAITING, ENDING, PLAN_CHANGED, EXPIRED]);
/**
 * A person denied the eviction. The condition says `Denied`; as the reason of a wait that word is taken by what admission
 * denies, and a step that waits for that was surely not carried out.
 */
export const DENIED = 'EvictionDenied';

/** Reasons of waits for which a person is asked. */
export const ASKING: ReadonlySet<string> = new Set([AWAITING, ENDING, PLAN_CHANGED]);
/** The same, and that nobody answered: each is the reason of the condition Approved as well. */
export const ASKED: ReadonlySet<string> = new Set([...ASKING, EXPIRED]);

/** Longest time before its end that people are reminded of a wait, in milliseconds. */
const REMIND_MS = 3_600_000;

/** What persons said so far. */
export type Verdict =
  /** Nobody has to say anything. */
  | { kind: 'Free' }
  | { kind: 'Approved'; message: string }
  /** The plan is not carried out. `until` in milliseconds since the epoch. */
  | {
      kind: 'Held';
      reason: typeof AWAITING | typeof ENDING | typeof PLAN_CHANGED | typeof EXPIRED | typeof DENIED;
      message: string;
      until?: number;
    };

/** Whether the plan may be carried out as far as persons have a say. */
export function verdictOf(now: Situation): Verdict {
  const { decision } = now.incident.spec;
  const needs = needsOf(now);
  if (decision?.action === 'Deny') return denied(now.incident, decision);
  if (needs.length === 0) return { kind: 'Free' };
  if (decision?.action === 'Approve') return approved(now, needs, decision);
  // Nor while the circuit breaker is open: nobody is asked anything else then.
  if (isHeld(now.incident) || now.facts.spent?.breaker) return asked(now.incident, needs);
  return wasExpired(now.incident) ? timeIsUp(now) : waiting(now, needs, AWAITING);
}

/** The wait of an incident whose eviction a person denied; undefined: nobody did. */
export function deniedBy(incident: DriftIncident, pod: PodFacts): Decision | undefined {
  const { decision } = incident.spec;
  if (decision?.action !== 'Deny') return undefined;
  return wait(restingPhase(incident, pod), DENIED, denied(incident, decision).message);
}

/** The gate of the eviction. */
export function approval(now: Situation): Decision | undefined {
  return heldAs(now, verdictOf(now));
}

/** Why the isolation waits for a person; undefined: it does not. */
export function isolationHeld(now: Situation): Decision | undefined {
  return isolationNeeds(now).length === 0 ? undefined : heldAs(now, verdictOf(now));
}

function heldAs({ incident, pod }: Situation, verdict: Verdict): Decision | undefined {
  if (verdict.kind !== 'Held') return undefined;
  const { reason, message, until } = verdict;
  return wait(ASKING.has(reason) ? AWAITING : restingPhase(incident, pod), reason, message, until);
}

/**
 * The condition Approved after a decision; undefined: it is not shown. Somebody is waited for from the moment when
 * everything else that goes first is done.
 */
export function approvedCondition(now: Situation, decision: Decision): NewCondition | undefined {
  const type = INCIDENT_CONDITIONS.Approved;
  const verdict = verdictOf(now);
  if (verdict.kind === 'Free') return undefined;
  const { message } = verdict;
  if (verdict.kind === 'Approved') return { type, status: 'True', reason: 'Approved', message };
  const { reason } = verdict;
  if (!ASKING.has(reason))
    return { type, status: 'False', reason: reason === DENIED ? 'Denied' : reason, message };
  const waits = decision.kind === 'Wait' && decision.phase === AWAITING;
  const before = findCondition(now.incident.status?.conditions, type);
  return waits || before?.status === 'Unknown' ? { type, status: 'Unknown', reason, message } : undefined;
}

function denied(incident: DriftIncident, { by, reason }: PersonsDecision) {
  const what = isUntouched(incident) ? 'it' : 'the eviction';
  const message = `${by} denied ${what}: ${reason}; ${staysOf(incident)}, until: ${commandOf(incident.metadata, 'release')}`;
  return { kind: 'Held', reason: DENIED, message } as const;
}

function approved(now: Situation, needs: readonly NeedOf[], decision: PersonsDecision): Verdict {
  const { by, reason, planHash, expiresAt } = decision;
  if (planHash === undefined || planHash !== currentHash(now))
    return wasExpiredSince(now.incident) ? timeIsUp(now) : waiting(now, needs, PLAN_CHANGED);
  const isOver = expiresAt !== undefined && Date.parse(expiresAt) <= now.facts.now;
  if (isOver && !wasBegun(now.incident, decision)) {
    const message = `what ${by} approved was not begun by ${expiresAt}, and counts as denied; to approve it again: ${commandOf(now.incident.metadata, 'approve')}`;
    return { kind: 'Held', reason: EXPIRED, message };
  }
  const until = expiresAt === undefined ? '' : `, until ${expiresAt}`;
  return { kind: 'Approved', message: `${by} approved the plan ${planHash.slice(0, 12)}${until}: ${reason}` };
}

// Nothing was done before a person said which pod it is.
function isUntouched(incident: DriftIncident): boolean {
  return surePart(incident) !== undefined && incident.status?.isolation === undefined;
}

function staysOf(incident: DriftIncident): string {
  return isUntouched(incident)
    ? 'nothing is done to the pod because of an alert that only names it'
    : 'the quarantine stays as it is';
}

// Begun under this decision, and not under one before it that ended.
function wasBegun(incident: DriftIncident, decision: PersonsDecision): boolean {
  const seen = Date.parse(incident.status?.decisions?.at(-1)?.at ?? '');
  return beginnings(incident).some((step) => {
    const started = Date.parse(step?.startedAt ?? '');
    return started >= seen && started <= Date.parse(decision.expiresAt ?? '');
  });
}

// Where everything is approved and nothing is evicted, what was done to the pod begins it; a try that failed, or a look, does not.
function beginnings(incident: DriftIncident): readonly (StepStatus | undefined)[] {
  const { plan, steps = [] } = incident.status ?? {};
  const { onExpiry } = responseOf(incident).settings.isolation;
  const evicts = plan?.steps.includes('Evict') === true || onExpiry === 'Evict';
  if (!surePart(incident) || evicts) return [stepOf(incident, 'Evict')];
  const isTouching = (name: string) => name === 'Isolate' || name === 'Label';
  return plan?.steps.some(isTouching) === true
    ? steps.filter(({ name, state }) => isTouching(name) && state === 'Succeeded')
    : steps;
}

function waiting(
  now: Situation,
  needs: readonly NeedOf[],
  why: typeof AWAITING | typeof PLAN_CHANGED,
): Verdict {
  const { incident, facts, response } = now;
  const within = recordedDuration(response.settings.approval.within);
  const end = (waitingSince(incident, facts.now) ?? facts.now) + within;
  if (end <= facts.now) return timeIsUp(now);
  const remindAt = end - Math.min(REMIND_MS, within / 4);
  const isEnding = remindAt <= facts.now;
  return {
    kind: 'Held',
    reason: isEnding ? ENDING : why,
    message: `${question(now, needs, why)}. Without an answer it counts as denied after ${new Date(end).toISOString()}`,
    until: isEnding ? end : remindAt,
  };
}

function question({ incident }: Situation, needs: readonly NeedOf[], why: string): string {
  const because = needs.map(({ message }) => message).join('; ');
  const changed =
    why === PLAN_CHANGED
      ? 'the plan is another one than was approved, so a person is asked again'
      : undefined;
  const asks = changed ?? 'a person has to approve';
  return `${asks}, as ${because}: ${commandOf(incident.metadata, 'approve')}`;
}

// While somebody holds it, no time runs.
function asked(incident: DriftIncident, needs: readonly NeedOf[]): Verdict {
  const because = needs.map(({ message }) => message).join('; ');
  const message = `after that a person has to approve, as ${because}`;
  const seen = findCondition(incident.status?.conditions, INCIDENT_CONDITIONS.Approved);
  return { kind: 'Held', reason: AWAITING, message: seen?.reason === AWAITING ? seen.message : message };
}

function timeIsUp({ incident, response }: Situation): Verdict {
  const { within } = response.settings.approval;
  const message = `nobody approved within ${within}, which counts as denied; ${staysOf(incident)}. To approve all the same: ${commandOf(incident.metadata, 'approve')}`;
  return { kind: 'Held', reason: EXPIRED, message };
}

function wasExpired({ status }: DriftIncident): boolean {
  const condition = findCondition(status?.conditions, INCIDENT_CONDITIONS.Approved);
  return condition?.status === 'False' && condition.reason === EXPIRED;
}

// Whether the time was over after the decision was seen: then people were asked once more, and nobody answered.
function wasExpiredSince(incident: DriftIncident): boolean {
  const condition = findCondition(incident.status?.conditions, INCIDENT_CONDITIONS.Approved);
  const seen = Date.parse(incident.status?.decisions?.at(-1)?.at ?? '');
  return wasExpired(incident) && !(seen > Date.parse(condition?.lastTransitionTime ?? ''));
}

function commandOf({ namespace = '', name }: DriftIncident['metadata'], verb: string): string {
  return `die-operator ${verb} -n ${namespace} ${name}`;
}
