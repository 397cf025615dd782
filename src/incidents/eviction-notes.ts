// What the record says of an eviction: that a budget is against it, that it was accepted, and what is known of the pod's end.
import { findCondition, INCIDENT_CONDITIONS } from '../api/conditions.ts';
import type { DriftIncident, EvictedBy } from '../api/incident.ts';
import type { PodFacts } from '../api/pod.ts';
import type { Classified } from '../controller/errors.ts';
import { deletesPastBudget, isBudgetReason, nextTryMs, refusedAgain } from '../decide/budget-wait.ts';
import type { Decision, Facts } from '../decide/decision.ts';
import { recordedDuration } from '../decide/duration.ts';
import { hasOurGrace, wasAccepted, wasAttempted } from '../decide/marks.ts';
import { responseOf } from '../decide/merge.ts';
import { STUCK_REASONS } from '../decide/terminating.ts';
import { withCondition, withStatus, withStep } from './status.ts';

/** Notes, with the eviction that is about to be asked for, whether the pod is made anew after it. @param now RFC 3339. */
export function noteAnew(incident: DriftIncident, anew: boolean, now: string): DriftIncident {
  const { begunAt, ...rest } = incident.status?.restart ?? {};
  if (anew === (begunAt !== undefined)) return incident;
  return withStatus(incident, { restart: { ...rest, ...(anew && { begunAt: now }) } });
}

/** What the API server accepted. */
export interface Accepted {
  by: EvictedBy;
  /** Absent: somebody else may have begun to delete the pod before. */
  gracePeriodSeconds?: number | undefined;
}

/** The API server accepted the eviction, or the deletion. */
export function noteEvictionAccepted(
  incident: DriftIncident,
  { by, gracePeriodSeconds }: Accepted,
  now: string,
): DriftIncident {
  const { waitForBudget } = responseOf(incident).settings.eviction;
  const message =
    by === 'Eviction'
      ? 'the API server accepted the eviction'
      : `the pod was deleted past its disruption budget, which was against its eviction for ${waitForBudget}: the policy says \`then: Delete\``;
  const next = withStep(
    incident,
    { name: 'Evict', state: 'Running', reason: 'Evicting', message, tried: false },
    now,
  );
  const eviction = {
    ...next.status?.eviction,
    requestedAt: now,
    by,
    ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
  };
  return withStatus(next, { eviction });
}

/**
 * A disruption budget is against the eviction: how long by now, and when it is asked for again.
 * @returns undefined if that is not why it failed.
 * @param nowMs milliseconds since the epoch.
 */
export function noteBudgetRefusal(
  incident: DriftIncident,
  { reason, message, afterMs }: Classified,
  nowMs: number,
): DriftIncident | undefined {
  if (!isBudgetReason(reason)) return undefined;
  const { eviction: settings } = responseOf(incident).settings;
  const { eviction } = incident.status ?? {};
  const budget = refusedAgain(eviction?.budget, reason, nowMs);
  const next = withStatus(incident, { eviction: { ...eviction, budget } });
  const isDeleted = deletesPastBudget(next, settings) && reason !== 'BudgetStale';
  const limitMs = recordedDuration(settings.waitForBudget);
  const asked = reason === 'BudgetStale' ? afterMs : undefined;
  const waitMs = isDeleted ? 0 : nextTryMs(budget, reason, { limitMs, uid: incident.metadata.uid, asked });
  const change = { name: 'Evict', state: 'Waiting', reason, message, nextAttemptAt: nowMs + waitMs } as const;
  // The try was counted when it was written ahead.
  return withStep(next, { ...change, tried: false }, new Date(nowMs).toISOString());
}

/** Whether the decision is to wait for what only others can end, while the pod is on its way out. */
export function isStuck(decision: Decision): boolean {
  return decision.kind === 'Wait' && STUCK_REASONS.has(decision.reason);
}

/**
 * The incident with what is known of the end of its pod. `Contained` says only what was seen, or must be so.
 * @param silent see {@link wasSilent}.
 */
export function noteEnd(
  incident: DriftIncident,
  { facts: { pod, lastSeen }, silent }: { facts: Facts; silent: boolean },
  now: string,
): DriftIncident {
  if (pod) return endedIn(pod) ? contained(incident, now) : incident;
  const isNew = incident.status?.eviction?.goneAt === undefined;
  const next = isNew ? gone(incident, now) : incident;
  if (lastSeen === 'Ended') return contained(next, now);
  if (!wasAttempted(next) || isContained(next)) return next;
  // What was seen once is not forgotten with the process that saw it.
  if (!isNew && lastSeen === undefined) return next;
  return withEnd(next, isKubeletEnd(next, lastSeen, silent), now);
}

// See {@link withEnd}.
function isKubeletEnd(incident: DriftIncident, lastSeen: Facts['lastSeen'], silent: boolean): boolean {
  return hasOurGrace(incident) && lastSeen !== 'Running' && !silent;
}

/** Whether the node of the pod was silent when it was looked at last: such a pod goes when somebody forces it away. */
export function wasSilent({ status }: DriftIncident): boolean {
  return findCondition(status?.conditions, INCIDENT_CONDITIONS.Ready)?.reason === 'NodeSilent';
}

function endedIn({ going }: PodFacts): boolean {
  return going?.containersEnded === true;
}

function isContained({ status }: DriftIncident): boolean {
  return status?.eviction?.containedAt !== undefined;
}

function contained(incident: DriftIncident, now: string): DriftIncident {
  const { eviction } = incident.status ?? {};
  if (isContained(incident)) return incident;
  const message = 'every container of the pod is reported to have ended';
  const condition = { type: INCIDENT_CONDITIONS.Contained, reason: 'Terminated', message };
  const next = withStatus(incident, { eviction: { ...eviction, containedAt: now } });
  return withCondition(next, { ...condition, status: 'True' }, now);
}

function gone(incident: DriftIncident, now: string): DriftIncident {
  const next = withStatus(incident, { eviction: { ...incident.status?.eviction, goneAt: now } });
  if (!wasAttempted(incident)) return next;
  const accepted = wasAccepted(incident);
  const reason = accepted ? 'Evicted' : 'NotObserved';
  const message = accepted
    ? 'the pod was evicted and is gone'
    : 'the pod is gone, and whether by our eviction is not known';
  return withStep(next, { name: 'Evict', state: 'Succeeded', reason, message, tried: false }, now);
}

// With our grace, of a second or more, the pod goes only when its kubelet has confirmed that the containers ended. A pod that
// somebody else deleted, or forced away after us, may have gone without.
function withEnd(incident: DriftIncident, isConfirmed: boolean, now: string): DriftIncident {
  const type = INCIDENT_CONDITIONS.Contained;
  if (isConfirmed) {
    const message = 'the pod was evicted with our grace and is gone: its kubelet has confirmed its end';
    return withCondition(incident, { type, status: 'True', reason: 'Evicted', message }, now);
  }
  const message = 'the pod is gone, and its containers were not seen to end';
  return withCondition(incident, { type, status: 'Unknown', reason: 'NotObserved', message }, now);
}
