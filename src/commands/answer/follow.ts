// What became of a decision: the operator is watched for a while until it has seen it.
import { isDeepStrictEqual } from 'node:util';
import { findCondition, INCIDENT_CONDITIONS } from '../../api/conditions.ts';
import { isFinal, type DriftIncident } from '../../api/incident.ts';
import { ASKED } from '../../decide/approved.ts';
import type { PersonsDecision } from '../../decide/decided.ts';
import { isNotFound } from '../../kube/errors.ts';
import { sleep } from '../../kube/clock.ts';
import { readOne } from '../incidents/read.ts';
import { readyMessage } from './sense.ts';
import type { WriteContext } from './write.ts';

/** What is known of it when the watching ended. */
export interface Outcome {
  /** Absent: the operator has not seen it. */
  seen?: { at: string; outcome: string };
  phase: string;
  stands: string;
  /** False: the operator saw the approval, and it does not count. */
  counts: boolean;
  /** How long it was watched at most, in milliseconds. */
  waited: number;
  /** Why what became of it is not known. */
  unknown?: string;
}

const POLL_MS = 500;
/** What the record says before the pod was looked at; see incidents/decided.ts. */
const JUST_SEEN = 'seen';

/** See the file's first line. @throws Error if it can no longer be read; the decision is written all the same. */
export async function follow(
  { client, clock }: WriteContext,
  incident: DriftIncident,
  decision: PersonsDecision,
  waitMs: number,
): Promise<Outcome> {
  const { namespace = '', name } = incident.metadata;
  const end = clock.elapsed() + waitMs;
  for (;;) {
    const now = await readOne(client, { namespace, name }).catch(absentIfGone);
    if (!now || now.metadata.uid !== incident.metadata.uid)
      return { phase: '', stands: '', counts: true, waited: waitMs, unknown: 'the incident is gone' };
    const outcome = outcomeIn(now, decision, waitMs);
    const isKnown = isFinal(now) || (outcome.seen !== undefined && outcome.seen.outcome !== JUST_SEEN);
    const left = end - clock.elapsed();
    if (isKnown || left <= 0) return outcome;
    await sleep(clock, Math.min(POLL_MS, left));
  }
}

function outcomeIn(incident: DriftIncident, decision: PersonsDecision, waited: number): Outcome {
  const record = incident.status?.decisions?.findLast(({ at: _at, outcome: _outcome, ...rest }) =>
    isDeepStrictEqual(rest, decision),
  );
  const approved = findCondition(incident.status?.conditions, INCIDENT_CONDITIONS.Approved);
  const isAsked = record !== undefined && approved !== undefined && ASKED.has(approved.reason);
  return {
    ...(record && { seen: { at: record.at, outcome: record.outcome } }),
    phase: incident.status?.phase ?? '',
    stands: readyMessage(incident),
    counts: !(decision.action === 'Approve' && isAsked && record?.outcome !== JUST_SEEN),
    waited,
  };
}

function absentIfGone(error: unknown): undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  if (isNotFound(error) || isNotFound(cause)) return undefined;
  throw error;
}
