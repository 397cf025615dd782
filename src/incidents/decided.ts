// What people decided, as the record tells it: each decision once, when it was seen, and what became of it.
import { isDeepStrictEqual } from 'node:util';
import { findCondition, INCIDENT_CONDITIONS, removeCondition } from '../api/conditions.ts';
import { MAX_DECISIONS, type DriftIncident, type DriftIncidentStatus } from '../api/incident.ts';
import { approvedCondition, ASKING, EXPIRED, verdictOf } from '../decide/approved.ts';
import type { PersonsDecision } from '../decide/decided.ts';
import type { Decision } from '../decide/decision.ts';
import type { Situation } from '../decide/form.ts';
import { withCondition, withStatus } from './status.ts';

type Seen = NonNullable<DriftIncidentStatus['decisions']>[number];

/** Characters that are kept of the reasons of decisions before the last one. */
const MAX_OLD_REASON = 256;

/** What is seen first: the next look at the pod tells more. */
const NEW = 'seen';

/**
 * Whether people decided something, or deleted the incident, between two reads of it. What was planned from the first one
 * is not to be done then.
 */
export function wasDecidedSince(before: DriftIncident, after: DriftIncident): boolean {
  return (
    !isDeepStrictEqual(before.spec.decision, after.spec.decision) ||
    before.metadata.deletionTimestamp !== after.metadata.deletionTimestamp
  );
}

/** Notes a decision that was not seen before. A Resume has people asked anew. @param now RFC 3339. */
export function noteSeen(incident: DriftIncident, now: string): DriftIncident {
  const { decision } = incident.spec;
  const before = incident.status?.decisions ?? [];
  if (decision === undefined || isSeen(before.at(-1), decision)) return incident;
  const decisions = [...before.map(shortened), { ...decision, at: now, outcome: NEW }].slice(-MAX_DECISIONS);
  const next = withStatus(incident, { decisions });
  if (decision.action !== 'Resume') return next;
  return withStatus(next, {
    conditions: removeCondition(next.status?.conditions ?? [], INCIDENT_CONDITIONS.Approved),
  });
}

/** Notes what became of the last decision, and whether the plan is approved. @param now RFC 3339. */
export function noteVerdict(
  incident: DriftIncident,
  { situation, decision }: { situation: Situation; decision: Decision },
  now: string,
): DriftIncident {
  const next = withOutcome(incident, outcomeOf(situation));
  const type = INCIDENT_CONDITIONS.Approved;
  const needed = next.status?.plan?.needs !== undefined || next.spec.decision?.action === 'Deny';
  const condition = needed ? approvedCondition(situation, decision) : undefined;
  if (condition) return withCondition(next, condition, now);
  if (!findCondition(next.status?.conditions, type)) return next;
  return withStatus(next, { conditions: removeCondition(next.status?.conditions ?? [], type) });
}

// The last one has to be told from the next; all of them at full length would fill the incident.
function shortened(seen: Seen): Seen {
  return { ...seen, reason: seen.reason.slice(0, MAX_OLD_REASON) };
}

function isSeen(last: Seen | undefined, decision: PersonsDecision): boolean {
  if (last === undefined) return false;
  const { at: _at, outcome: _outcome, ...seen } = last;
  return isDeepStrictEqual(seen, decision);
}

function withOutcome(incident: DriftIncident, outcome: string | undefined): DriftIncident {
  const decisions = incident.status?.decisions ?? [];
  const last = decisions.at(-1);
  if (last === undefined || outcome === undefined || last.outcome === outcome) return incident;
  return withStatus(incident, { decisions: [...decisions.slice(0, -1), { ...last, outcome }] });
}

// Short, and without what changes from look to look: the conditions tell the rest.
function outcomeOf(now: Situation): string | undefined {
  switch (now.incident.spec.decision?.action) {
    case undefined:
      return undefined;
    case 'Approve':
      return approvalOutcome(now);
    case 'Deny':
      return 'the pod is not evicted, and its quarantine stays';
    case 'Hold':
      return 'nothing destructive is done until it is resumed';
    case 'Resume':
      return 'the response goes on as if nobody had decided';
    case 'Release':
      return 'the pod is put back as it was';
  }
}

function approvalOutcome(now: Situation): string {
  const verdict = verdictOf(now);
  if (verdict.kind === 'Free') return 'noted: nobody has to approve';
  if (verdict.kind === 'Approved') return 'it counts for this plan';
  if (verdict.reason === EXPIRED) return 'it ended before the eviction was begun';
  return ASKING.has(verdict.reason)
    ? 'it does not count: the plan is another one than was approved'
    : verdict.message;
}
