// How the responder's part of an incident's status changes: pure functions, and the patch that writes the difference.
import { isDeepStrictEqual } from 'node:util';
import { INCIDENT_CONDITIONS, removeCondition, setCondition, type NewCondition } from '../api/conditions.ts';
import type { DriftIncident, DriftIncidentStatus, StepName, StepStatus } from '../api/incident.ts';
import type { Decision } from '../decide/decision.ts';
import type { JsonPatchOp } from '../kube/client.ts';
import { add, test } from '../kube/json-patch.ts';
import { plus } from '../api/meta.ts';

const MAX_MESSAGE = 1024;

const ENDED: ReadonlySet<StepStatus['state']> = new Set(['Succeeded', 'Skipped', 'Failed']);

/** Waits that end only when a person does something. */
const NEEDS_PERSON: ReadonlySet<string> = new Set([
  'AwaitingApproval',
  'ApprovalEnding',
  'ApprovalExpired',
  'PlanChanged',
  'Finished',
  'EvictionTimeout',
  'MultipleDisruptionBudgets',
  'InvalidRequest',
  'MissingPermission',
  'Denied',
  'ForeignNetworkPolicy',
  'LabelsKeepChanging',
  'PodStuckTerminating',
  'HeldByFinalizer',
  'NodeSilent',
  'QuarantineExpired',
  'EvidenceMissing',
  'LedgerUnreadable',
  'ConfirmationUnknown',
  'ManifestChanged',
  'RestartRefused',
  'RestartUnapproved',
  'RestartUnpinnable',
  'SpecChanged',
]);

/** Returns the incident with other status fields. */
export function withStatus(incident: DriftIncident, change: Partial<DriftIncidentStatus>): DriftIncident {
  return { ...incident, status: { ...incident.status, ...change } };
}

/** Returns the incident with a condition set; see {@link setCondition}. */
export function withCondition(incident: DriftIncident, condition: NewCondition, now: string): DriftIncident {
  const conditions = incident.status?.conditions ?? [];
  return withStatus(incident, {
    conditions: setCondition(conditions, condition, incident.metadata.generation, now),
  });
}

/** What a step became. `tried` counts an attempt. */
export interface StepChange {
  name: StepName;
  state: StepStatus['state'];
  reason: string;
  message: string;
  tried: boolean;
  /** Milliseconds since the epoch. */
  nextAttemptAt?: number;
}

/** Returns the incident with one step changed; times are kept or set as the state asks. */
export function withStep(incident: DriftIncident, change: StepChange, now: string): DriftIncident {
  const steps = incident.status?.steps ?? [];
  const before = steps.find((step) => step.name === change.name);
  const ended = ENDED.has(change.state);
  const step: StepStatus = {
    name: change.name,
    state: change.state,
    attempts: plus(before?.attempts ?? 0, change.tried ? 1 : 0),
    startedAt: before?.startedAt ?? now,
    ...(ended && { finishedAt: now }),
    ...(change.nextAttemptAt !== undefined && {
      nextAttemptAt: new Date(change.nextAttemptAt).toISOString(),
    }),
    reason: change.reason,
    message: change.message.slice(0, MAX_MESSAGE),
  };
  const others = steps.filter((other) => other.name !== change.name);
  return withStatus(incident, {
    steps: before ? steps.map((s) => (s === before ? step : s)) : [...others, step],
  });
}

/** Returns the incident with the summary (phase, Ready, Reconciling, Stalled) of a decision. */
export function withDecision(incident: DriftIncident, decision: Decision, now: string): DriftIncident {
  if (decision.kind === 'Forget') return incident;
  if (decision.kind === 'Run') return summarise(incident, running(decision.work.step), now);
  const { phase, reason, message } = decision;
  const failed = phase === 'Failed';
  const ended = decision.kind === 'Done';
  return summarise(
    incident,
    {
      phase,
      reason,
      message,
      // Only what was verified or decided ended well; a pod that went by itself proves nothing.
      ready: phase === 'Resolved' || phase === 'Released',
      busy: !ended && (phase === 'Responding' || phase === 'Verifying'),
      stalled: failed || (!ended && NEEDS_PERSON.has(reason)),
    },
    now,
  );
}

interface Summary {
  phase: NonNullable<DriftIncidentStatus['phase']>;
  reason: string;
  message: string;
  ready: boolean;
  busy: boolean;
  stalled: boolean;
}

function running(step: StepName): Summary {
  return {
    phase: 'Responding',
    reason: step,
    message: `${step} is being done`,
    ready: false,
    busy: true,
    stalled: false,
  };
}

function summarise(incident: DriftIncident, summary: Summary, now: string): DriftIncident {
  const { Ready, Reconciling, Stalled } = INCIDENT_CONDITIONS;
  const { reason, message } = summary;
  const generation = incident.metadata.generation;
  let conditions = incident.status?.conditions ?? [];
  const show = (type: string, shown: boolean) => {
    conditions = shown
      ? setCondition(conditions, { type, status: 'True', reason, message }, generation, now)
      : removeCondition(conditions, type);
  };
  show(Reconciling, summary.busy);
  show(Stalled, summary.stalled);
  const ready = summary.ready ? 'True' : 'False';
  conditions = setCondition(conditions, { type: Ready, status: ready, reason, message }, generation, now);
  return withStatus(incident, {
    phase: summary.phase,
    conditions,
    ...(generation !== undefined && { observedGeneration: generation }),
  });
}

/** The parts of the responder that differ. `reports` belong to receivers and are none of them. */
export function changedParts(before: DriftIncident, after: DriftIncident): Partial<DriftIncidentStatus> {
  const was: Record<string, unknown> = { ...before.status };
  const changed = Object.entries({ ...after.status }).filter(
    ([key, value]) => key !== 'reports' && !isDeepStrictEqual(was[key], value),
  );
  return Object.fromEntries(changed);
}

// A write that was long under way must not land after its successor: it is bound to what it was made from.
const ORDERED = ['phase', 'steps'] as const;

/**
 * The JSON patch that writes what differs, tested against the incident's UID and against the phase and steps that were
 * read. Never touches `reports`; so no report makes it fail, and it needs no resourceVersion. Empty if nothing differs.
 */
export function statusPatch(before: DriftIncident, after: DriftIncident): JsonPatchOp[] {
  const changes = Object.entries(changedParts(before, after));
  if (changes.length === 0) return [];
  return [
    { op: 'test', path: '/metadata/uid', value: before.metadata.uid },
    ...ORDERED.map((key) => test(`/status/${key}`, before.status?.[key] ?? null)),
    ...changes.map(([key, value]) => add(`/status/${key}`, value)),
  ];
}
