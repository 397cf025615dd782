// Whether a decision makes sense for an incident as it is now; where it does not, why, in a sentence for people.
import { findCondition, INCIDENT_CONDITIONS } from '../../api/conditions.ts';
import { isFinal, type DECISIONS, type DriftIncident } from '../../api/incident.ts';
import { isHeld } from '../../decide/decided.ts';
import { wasAccepted } from '../../decide/marks.ts';
import { responseOf } from '../../decide/merge.ts';

/** What a person can decide. */
export type DecisionAction = (typeof DECISIONS)[number];

type Rule = (incident: DriftIncident, now: number) => string | false;

// The first that holds is told.
const ALWAYS: readonly ((action: DecisionAction) => Rule)[] = [
  () => (incident) =>
    isFinal(incident) &&
    `it is over (${incident.status?.phase ?? ''}): ${readyMessage(incident) || 'nothing is done any more'}`,
  (action) => (incident) =>
    action !== 'Release' &&
    incident.spec.decision?.action === 'Release' &&
    `${incident.spec.decision.by} released it: the pod is being put back as it was, and that is not stopped`,
  (action) =>
    ({ metadata }) =>
      (action === 'Approve' || action === 'Deny') &&
      metadata.deletionTimestamp !== undefined &&
      'somebody deleted it, and that deletes its pod, too, whatever is decided about the eviction; hold stops that, release puts the pod back',
];

const RULES: Readonly<Record<DecisionAction, readonly Rule[]>> = {
  Approve: [
    (incident) => wasAccepted(incident) && 'the eviction was accepted already: nothing is left to approve',
    ({ status }) =>
      status?.plan?.hash === undefined &&
      'die-operator has planned nothing for it yet: ask again in a moment, and if that lasts, whether a responder runs',
    ({ status }) =>
      status?.plan?.mode === 'Audit' &&
      'no policy in Enforce asks for an action: nothing is done to the pod, so nothing has to be approved',
    (incident) =>
      (incident.status?.plan?.needs ?? []).length === 0 &&
      `nobody has to approve it. It stands so: ${readyMessage(incident)}`,
    (incident, now) => approvedBy(incident, now),
  ],
  Deny: [
    (incident) => wasAccepted(incident) && 'the eviction was accepted already: it is too late to deny it',
    (incident) =>
      incident.status?.plan !== undefined &&
      !mayEvict(incident) &&
      incident.status.plan.needs?.includes('WeakIdentity') !== true &&
      'no eviction is planned, so there is none to deny; hold stops what is destructive, also what comes later',
    ({ spec: { decision } }) => decision?.action === 'Deny' && `${decision.by} denied it already`,
  ],
  Hold: [
    (incident) => wasAccepted(incident) && 'the eviction was accepted already: it is too late to hold it',
    (incident) => isHeld(incident) && `${incident.spec.decision?.by ?? ''} holds it already`,
  ],
  Resume: [
    ({ spec: { decision } }) =>
      (decision === undefined || decision.action === 'Resume') &&
      'nobody holds it: there is no decision to take back',
    (incident) =>
      wasAccepted(incident) && 'the eviction was accepted already: no decision about it is left to take back',
  ],
  Release: [
    ({ spec: { decision } }) => decision?.action === 'Release' && `${decision.by} released it already`,
  ],
};

/** See the file's first line; undefined: it makes sense. @param now milliseconds since the epoch. */
export function senseless(incident: DriftIncident, action: DecisionAction, now: number): string | undefined {
  for (const rule of [...ALWAYS.map((of) => of(action)), ...RULES[action]]) {
    const why = rule(incident, now);
    if (why !== false) return why;
  }
  return undefined;
}

/** Whether what is planned ends in an eviction, at once or when a quarantine expires. */
export function mayEvict(incident: DriftIncident): boolean {
  const { plan } = incident.status ?? {};
  if (plan?.mode !== 'Enforce') return false;
  const { isolation } = responseOf(incident).settings;
  return plan.steps.includes('Evict') || (plan.steps.includes('Isolate') && isolation.onExpiry === 'Evict');
}

/** Whether the pod is made anew by die-operator, as nobody else would. */
export function restarts({ status }: DriftIncident): boolean {
  return status?.plan?.mode === 'Enforce' && status.plan.steps.includes('Restart');
}

/** What `Ready` says: where the response stands. Empty before the operator wrote anything. */
export function readyMessage({ status }: DriftIncident): string {
  return findCondition(status?.conditions, INCIDENT_CONDITIONS.Ready)?.message ?? '';
}

function approvedBy({ spec: { decision }, status }: DriftIncident, now: number): string | false {
  if (decision?.action !== 'Approve' || decision.planHash !== status?.plan?.hash) return false;
  const { by, expiresAt } = decision;
  if (expiresAt !== undefined && Date.parse(expiresAt) <= now) return false;
  return `${by} approved this plan already${expiresAt === undefined ? '' : `, until ${expiresAt}`}`;
}
