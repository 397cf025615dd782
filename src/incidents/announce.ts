// Tells people: Events on the incident and on its pod, and a log line. Text is ours or was checked; nothing of the
// alert's free text gets here.
import { findCondition, INCIDENT_CONDITIONS } from '../api/conditions.ts';
import type { DriftIncident, StepName } from '../api/incident.ts';
import { API_VERSION } from '../api/names.ts';
import type { SharedNode } from '../api/shared-node.ts';
import { ASKED } from '../decide/approved.ts';
import type { Decision } from '../decide/decision.ts';
import { EVIDENCE_MISSING } from '../decide/evidence.ts';
import type { IsolationVerdict } from '../decide/isolated.ts';
import { stepOf } from '../decide/marks.ts';
import { DRIFT_INCIDENTS } from '../kube/resources.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { RespondContext } from '../respond/context.ts';
import type { IncidentRecord } from './record.ts';
import type { Snapshots } from './snapshots.ts';

type Announcer = Pick<RespondContext, 'events' | 'log'>;
type Counter = Announcer & { metrics: Pick<Metrics, 'expired' | 'held'> };
type WaitAnnouncer = Counter & { snapshots: Pick<Snapshots, 'told' | 'noteTold'> };

const EXPIRED = 'QuarantineExpired';

/** What people are told when a step succeeded or was refused. */
const REASONS: Record<StepName, string> = {
  Label: 'DriftLabelled',
  Isolate: 'DriftIsolated',
  Cut: 'DriftCutOff',
  Capture: 'DriftEvidenceKept',
  Confirm: 'DriftLookedFor',
  Keep: 'DriftManifestKept',
  Evict: 'DriftEvicting',
  Touch: 'DriftWorkloadTouched',
  Restart: 'DriftRestarted',
  Verify: 'DriftReplacementVerified',
  Release: 'DriftReleased',
  Settle: 'DriftSettled',
  Contain: 'DriftContained',
};

/** Waits that come with every response and need no Event. */
const QUIET: ReadonlySet<string> = new Set([
  'WaitingForReplacement',
  'Quiet',
  'AskingRegistry',
  'PodTerminating',
  'Recorded',
  'Running',
  'ReplicaSetUnsettled',
]);

/** An Event on incident and pod for a step that was done or is refused; a step that only waits is told as a wait. */
export function announceStep(context: Announcer, incident: DriftIncident, name: StepName): void {
  const step = stepOf(incident, name);
  if (!step || step.state === 'Waiting') return;
  const failed = step.state === 'Failed';
  const reason = failed ? `${REASONS[name]}Failed` : REASONS[name];
  const notice = { type: failed ? 'Warning' : 'Normal', reason, action: name, note: step.message } as const;
  emit(context, incident, notice, name !== 'Capture');
  context.log.info(
    { incident: keyOf(incident), step: name, reason: step.reason },
    `${name}: ${step.message}`,
  );
}

/**
 * An Event when the incident begins to wait for something that a person may want to know. A capture that is tried again in
 * between, and changes nothing, is no news.
 */
export function announceWait(
  context: WaitAnnouncer,
  record: IncidentRecord,
  wait: Decision & { kind: 'Wait' },
): void {
  const { reason } = wait;
  if (QUIET.has(reason) || !begins(record, reason)) return;
  const note = [wait.message, captureFailure(record.current, reason)].filter(Boolean).join('. Last: ');
  const { uid } = record.current.metadata;
  // The number of an attempt is part of its place.
  const told = `${reason} ${note.replaceAll(/\d+/g, '0')}`;
  const hasCaptured = !record.begins('Ready', 'Capture');
  if (hasCaptured && context.snapshots.told(uid) === told) return;
  context.snapshots.noteTold(uid, told);
  if (reason === EXPIRED) context.metrics.expired();
  context.metrics.held(reason);
  emit(
    context,
    record.current,
    { type: wait.phase === 'Observed' ? 'Normal' : 'Warning', reason, action: 'Wait', note },
    false,
  );
  context.log.info({ incident: record.key, reason }, `waiting: ${note}`);
}

// What people are asked is noted in a condition of its own: other steps may come between two looks at it.
function begins(record: IncidentRecord, reason: string): boolean {
  return record.begins(ASKED.has(reason) ? INCIDENT_CONDITIONS.Approved : 'Ready', reason);
}

function captureFailure({ status }: DriftIncident, reason: string): string | undefined {
  if (reason !== EVIDENCE_MISSING) return undefined;
  const complete = findCondition(status?.conditions, INCIDENT_CONDITIONS.EvidenceComplete);
  return complete?.reason === 'CaptureFailed' ? complete.message : undefined;
}

/** An Event for a quarantine that ends by its expiry. @param note why, for people. */
export function announceExpiry(context: Counter, incident: DriftIncident, note: string): void {
  context.metrics.expired();
  emit(context, incident, { type: 'Warning', reason: EXPIRED, action: 'Evict', note }, false);
  context.log.info({ incident: keyOf(incident), reason: EXPIRED }, note);
}

/** An Event for evidence that was kept and is gone. */
export function announceLostEvidence(context: Announcer, incident: DriftIncident): void {
  const note =
    findCondition(incident.status?.conditions, INCIDENT_CONDITIONS.EvidenceComplete)?.message ?? '';
  const reason = 'DriftEvidenceLost';
  emit(context, incident, { type: 'Warning', reason, action: 'Capture', note }, false);
  context.log.warn({ incident: keyOf(incident), reason }, note);
}

/** An Event for a pod that shares its node. */
export function announceSharedNode(
  context: Announcer,
  incident: DriftIncident,
  { reason: short, message: note }: SharedNode,
): void {
  const reason = 'DriftNodeSuspect';
  emit(context, incident, { type: 'Warning', reason, action: 'Look', note }, false);
  context.log.warn({ incident: keyOf(incident), reason: short, node: incident.spec.target.nodeName }, note);
}

/** An Event when more is open around the pod than before. */
export function announceIsolation(
  context: Announcer,
  incident: DriftIncident,
  { reason: short, message: note }: IsolationVerdict,
): void {
  const reason = `DriftIsolation${short}`;
  emit(context, incident, { type: 'Warning', reason, action: 'Isolate', note }, false);
  context.log.warn({ incident: keyOf(incident), reason: short }, `isolation: ${note}`);
}

/** The last Event of an incident. */
export function announceEnd(
  context: Announcer,
  incident: DriftIncident,
  end: Decision & { kind: 'Done' },
): void {
  const { phase, message: note } = end;
  emit(
    context,
    incident,
    { type: phase === 'Failed' ? 'Warning' : 'Normal', reason: `Drift${phase}`, action: 'End', note },
    false,
  );
  context.log.info({ incident: keyOf(incident), phase, reason: end.reason }, `${phase}: ${note}`);
}

interface Notice {
  type: 'Normal' | 'Warning';
  reason: string;
  action: string;
  note: string;
}

function emit({ events }: Announcer, incident: DriftIncident, told: Notice, alsoOnPod: boolean): void {
  const { target } = incident.spec;
  const notice = { ...told, note: withoutPath(told.note, incident) };
  const self = {
    apiVersion: API_VERSION,
    kind: DRIFT_INCIDENTS.kind,
    namespace: target.namespace,
    name: incident.metadata.name,
    uid: incident.metadata.uid,
  };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    namespace: target.namespace,
    name: target.name,
    uid: target.uid,
  };
  events.record({ regarding: self, related: pod, news: incident, ...notice });
  if (alsoOnPod) events.record({ regarding: pod, related: self, ...notice });
}

// Whoever starts a program chooses its path: that stays in the incident.
function withoutPath(note: string, { status }: DriftIncident): string {
  const { path } = status?.confirmation ?? {};
  return path === undefined ? note : note.replaceAll(JSON.stringify(path), 'the program that was reported');
}

function keyOf(incident: DriftIncident): string {
  return `${incident.metadata.namespace}/${incident.metadata.name}`;
}
