// Promise 3: what needs a person is done only with an approval of the plan as it is, which is everything while a pod was only
// named; and nothing that a person denied or holds. Judged by what the process had read of the incident when it sent the write.
import type { DriftIncident } from '../../../../src/api/incident.ts';
import { QUARANTINE_LABEL } from '../../../../src/api/names.ts';
import { responseOf } from '../../../../src/decide/merge.ts';
import type { Judge } from '../promises.ts';
import type { Stage } from '../stage.ts';
import { incidentOf } from './destructive.ts';
import { known } from './known.ts';
import { isOrphan, named, podWrites, type PodWrite } from './pods.ts';

/** From the last look at an incident to the patch that isolates its pod. */
const SNAPSHOT_MS = 1_000;

/** See PROMISES. */
export const approved: Judge = ({ stage }) =>
  podWrites(stage).flatMap((write) => {
    const what = `${write.kind} of ${named(write.before)}`;
    if (isTooSoon(write))
      return [`${what} was sent without an approval, and no detection is sure that the pod is meant`];
    const told = lastRead(stage, write);
    if (!told) return [];
    const { action } = told.spec.decision ?? {};
    if (action === 'Hold' && isDestructive(write)) return [`${what} was sent while a person holds it`];
    if (action === 'Deny' && isDestructive(write)) return [`${what} was sent, and a person had denied it`];
    if (write.kind !== 'Evict') return [];
    return asks(told) && !isApproved(told) ? [`${what} was sent without an approval of its plan`] : [];
  });

// Judged by the incident as it was at the API server then: neither a report nor an approval goes away again.
function isTooSoon(write: PodWrite): boolean {
  const stored = incidentOf(write);
  if (stored === undefined || write.kind === 'Restore' || isApproved(stored)) return false;
  // A deletion of the incident contains what was quarantined before.
  return write.kind !== 'Delete' && !isSurelyAsked(stored, write);
}

function lastRead(stage: Stage, write: PodWrite): DriftIncident | undefined {
  const name = incidentOf(write)?.metadata.name;
  return known(stage, write, ({ of, verb, status, after, body, receivedAt = 0 }) => {
    // The snapshot, which begins beside the patch, reads the incident for the evidence only.
    if (write.kind === 'Mark' && receivedAt > write.sentAt - SNAPSHOT_MS) return false;
    if (of !== 'driftincidents' || status >= 300 || verb === 'create') return false;
    return after?.metadata.name === name && !JSON.stringify(body ?? '').includes('/status/reports/');
  }).at(-1)?.after as DriftIncident | undefined;
}

// A pod that keeps its labels is only cut off, which a person who holds it does not stop.
function isDestructive({ kind, before, after }: PodWrite): boolean {
  if (kind === 'Evict' || kind === 'Delete') return true;
  return kind === 'Mark' && after !== undefined && isOrphan(after) && !isOrphan(before);
}

// Needs that do not depend on what others there are: those are judged by LastCopy.
function asks(incident: DriftIncident): boolean {
  const { requiredFor } = responseOf(incident).settings.approval;
  const { workload } = incident.spec.target;
  return (
    requiredFor.includes('Always') ||
    (requiredFor.includes('BarePod') && workload === undefined) ||
    (requiredFor.includes('StatefulSet') && workload?.kind === 'StatefulSet')
  );
}

// Whether somebody who is sure of the pod asked for it, in Enforce.
function isSurelyAsked(incident: DriftIncident, { kind, after }: PodWrite): boolean {
  const asked = new Set(
    responseOf(incident)
      .contributions.filter(({ mode, weak }) => mode === 'Enforce' && weak !== true)
      .flatMap(({ actions }) => actions),
  );
  const isolates = QUARANTINE_LABEL in (after?.metadata.labels ?? {});
  const evicts = asked.has('Evict') || asked.has('Restart') || asked.has('Isolate');
  if (kind === 'Evict') return evicts;
  return asked.has('Isolate') || (!isolates && asked.has('Label'));
}

function isApproved({ spec: { decision }, status }: DriftIncident): boolean {
  return decision?.action === 'Approve' && decision.planHash === status?.plan?.hash;
}
