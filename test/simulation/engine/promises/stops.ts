// Promise 3: what stops a destructive act. Judged by what the process had been told when it sent the write: each act
// needs an answer that allowed it, received before, and not long before.
import type { DriftIncident } from '../../../../src/api/incident.ts';
import type { KubeObject } from '../../../../src/api/meta.ts';
import {
  INCIDENT_ANNOTATION,
  PAUSED_KEY,
  QUARANTINE_LABEL,
  SWITCH_CONFIGMAP,
} from '../../../../src/api/names.ts';
import type { Action, AnyPolicy, DriftPolicy } from '../../../../src/api/policy.ts';
import { parseSeverity, severityRank } from '../../../../src/api/severity.ts';
import { endsInEviction } from '../../../../src/decide/restart.ts';
import type { Judge } from '../promises.ts';
import type { Change, Served } from '../server-log.ts';
import type { Stage } from '../stage.ts';
import { incidentOf } from './destructive.ts';
import { known } from './known.ts';
import { named, podWrites, type PodWrite } from './pods.ts';

/** Both kinds, by plural. */
const POLICIES = new Set(['driftpolicies', 'clusterdriftpolicies']);
/** From the last look at an incident to the patch that isolates its pod. */
const SNAPSHOT_MS = 1_000;
/** How long a watch may take to tell of a policy. */
const WATCH_MS = 5_000;

/** See PROMISES. */
export const stopped: Judge = ({ stage }) =>
  podWrites(stage).flatMap((write) => [
    ...againstPause(stage, write),
    ...againstDecision(stage, write),
    ...againstPolicy(stage, write),
  ]);

function againstPause(stage: Stage, write: PodWrite): string[] {
  if (write.kind !== 'Evict' && write.kind !== 'Delete') return [];
  const looks = known(stage, write, ({ of, name, verb, status }) => {
    return of === 'configmaps' && name === SWITCH_CONFIGMAP && verb === 'get' && [200, 404].includes(status);
  });
  return allow(stage, looks, ({ after }) => !isPaused(after))
    ? []
    : [`${write.kind} of ${named(write.before)} was sent without having read that it is not paused`];
}

// What was read for one incident says nothing of another one that is under way: with a single one the last look counts.
function allow(stage: Stage, looks: readonly Served[], allows: (look: Served) => boolean): boolean {
  const last = looks.at(-1);
  const single = new Set([...stage.alerts.map(({ pod }) => pod), ...stage.drifted]).size === 1;
  return single ? last !== undefined && allows(last) : looks.some(allows);
}

function isPaused(map: KubeObject | undefined): boolean {
  const value = (map as { data?: Record<string, string> } | undefined)?.data?.[PAUSED_KEY];
  return value !== undefined && value !== 'false';
}

function againstDecision(stage: Stage, write: PodWrite): string[] {
  const isContaining = write.kind === 'Delete';
  if (write.kind === 'Restore') return [];
  const incident = incidentName(write);
  const told = known(stage, write, ({ of, verb, status, after, body, receivedAt = 0 }) => {
    // The snapshot, which begins beside the patch, reads the incident for the evidence only.
    if (write.kind === 'Mark' && receivedAt > write.sentAt - SNAPSHOT_MS) return false;
    if (of !== 'driftincidents' || status >= 300 || verb === 'create') return false;
    if (after?.metadata.name !== incident) return false;
    // What a receiver is told in answer to its report is not known to the responder.
    return !JSON.stringify(body ?? '').includes('/status/reports/');
  }).at(-1)?.after as DriftIncident | undefined;
  const what = `${write.kind} of ${named(write.before)}`;
  if (!told) return write.kind === 'Mark' ? [] : [`${what} was sent without having read its incident`];
  const deleted = told.metadata.deletionTimestamp !== undefined;
  if (isContaining) return deleted ? [] : [`${what} was sent, and its incident was not deleted`];
  // What the other decisions stop is judged by Approved.
  const released = told.spec.decision?.action === 'Release';
  return released || deleted ? [`${what} was sent after its incident was read as decided`] : [];
}

/** Whose write it is: a mark names its incident, another write is of the last one. */
function incidentName(write: PodWrite): string | undefined {
  const marked = write.kind === 'Mark' ? write.after?.metadata.annotations?.[INCIDENT_ANNOTATION] : undefined;
  return marked ?? incidentOf(write)?.metadata.name;
}

function againstPolicy(stage: Stage, write: PodWrite): string[] {
  if (write.kind === 'Evict') return againstLivePolicy(stage, write);
  if (write.kind !== 'Mark') return [];
  const end = endOfEnforcing(stage);
  if (end === undefined) return [];
  const blind = stage.history.faults.map((fault) => ('forMs' in fault ? fault.forMs : 0));
  const until = end + WATCH_MS + blind.reduce((sum, ms) => sum + ms, 0);
  const late = `${named(write.before)} was changed ${write.sentAt - end} ms after no policy enforced any more`;
  return write.sentAt > until ? [late] : [];
}

function againstLivePolicy(stage: Stage, write: PodWrite): string[] {
  const looks = known(stage, write, ({ of, verb, status }) => {
    return POLICIES.has(of) && verb === 'get' && [200, 404].includes(status);
  });
  return allow(stage, looks, ({ after }) => enforces(after) && asksForEviction(after))
    ? []
    : [`${named(write.before)} was evicted without having read that a policy enforces it`];
}

function enforces(object: KubeObject | undefined): boolean {
  return (object as DriftPolicy | undefined)?.spec.mode === 'Enforce';
}

function asksForEviction(object: KubeObject | undefined): boolean {
  const spec = (object as DriftPolicy | undefined)?.spec;
  return spec?.responses?.some((rung) => endsInEviction(actionsOf(spec, rung))) ?? false;
}

// A quarantine that expires may end in an eviction.
function actionsOf({ isolation }: AnyPolicy['spec'], { actions }: { actions: readonly Action[] }): Action[] {
  const expires = isolation.onExpiry === 'Evict' && actions.includes('Isolate');
  return expires ? [...actions, 'Evict'] : [...actions];
}

/** When the last policy in Enforce was changed or deleted, if none is left. */
function endOfEnforcing({ log }: Stage): number | undefined {
  const changes = log.changes.filter(({ of, subresource, by }) => {
    return POLICIES.has(of) && subresource === undefined && !by.startsWith('die-operator');
  });
  const last = new Map<string, Change>();
  for (const change of changes)
    last.set(`${change.of} ${(change.object ?? change.before)?.metadata.name}`, change);
  const left = [...last.values()].some(({ operation, object }) => operation !== 'DELETE' && enforces(object));
  const ended = changes.filter(({ before, object }) => enforces(before) && !enforces(object));
  return left ? undefined : ended.at(-1)?.at;
}

/** See PROMISES. */
export const asked: Judge = ({ stage }) =>
  podWrites(stage).flatMap((write) => {
    const { kind, before, after } = write;
    if (kind === 'Restore') return [];
    const needed: Action = kind === 'Evict' ? 'Evict' : isQuarantining(write, after) ? 'Isolate' : 'Label';
    const allowed = allowedActions(stage, before.metadata.uid);
    const ok =
      allowed.has(needed) ||
      (needed === 'Label' && allowed.has('Isolate')) ||
      (needed === 'Evict' && allowed.has('Restart'));
    return ok ? [] : [`${kind} of ${named(before)}: no policy in Enforce asks for ${needed}`];
  });

function isQuarantining({ kind }: PodWrite, after: KubeObject | undefined): boolean {
  return kind === 'Delete' || QUARANTINE_LABEL in (after?.metadata.labels ?? {});
}

/** What any version of any policy asked for in Enforce, for the worst alert about that pod. */
function allowedActions({ log, alerts, drifted }: Stage, uid: string): Set<Action> {
  const found = [...drifted].map((pod) => ({ pod, severity: 'Error', harmless: false }));
  const ranks = [...alerts, ...found]
    .filter(({ pod, harmless }) => pod === uid && !harmless)
    .map(({ severity }) => severityRank(parseSeverity(severity) ?? 'Debug'));
  const worst = Math.max(-1, ...ranks);
  const versions = log.changes
    .filter(({ of, object }) => POLICIES.has(of) && object)
    .map(({ object }) => (object as AnyPolicy).spec)
    .filter(({ mode }) => mode === 'Enforce');
  return new Set(
    versions.flatMap((spec) =>
      (spec.responses ?? [])
        .filter((rung) => severityRank(rung.minSeverity) <= worst)
        .flatMap((rung) => actionsOf(spec, rung)),
    ),
  );
}
