// What a step became, as the record tells it: pure functions from an incident to the incident with that noted.
import { findCondition, INCIDENT_CONDITIONS, type NewCondition } from '../api/conditions.ts';
import type { DriftIncident, IsolationForm, StepName } from '../api/incident.ts';
import { QUARANTINE_POLICY } from '../api/names.ts';
import type { CollectorName } from '../api/policy.ts';
import type { SharedNode } from '../api/shared-node.ts';
import type { Classified } from '../controller/errors.ts';
import { EVIDENCE_LOST, EVIDENCE_MISSING, nextCapture } from '../decide/evidence.ts';
import { stepOf } from '../decide/marks.ts';
import type { BundleSummary } from '../evidence/store.ts';
import type { PodNetwork } from '../respond/netns-helper.ts';
import { withCondition, withStatus, withStep } from './status.ts';

/** Tries of a step that fails for a reason that may pass by itself, before the rest of the response goes on without it. */
const PATIENT_TRIES = 4;
const SHORTEST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
/** What a server that asks to be left alone for longer gets. */
const MOST_MS = 600_000;
// What holds an eviction can end, and evidence has a limit of its own. A relabel that stays refused must not hold the
// rest up.
const ONLY_WAITS: ReadonlySet<StepName> = new Set(['Capture', 'Evict']);
// A pod stays as it is without the one, and is gone without the other: what may pass, or be mended, is waited for.
const WAITS_UNLESS_TERMINAL: ReadonlySet<StepName> = new Set(['Keep', 'Restart']);
/** Their attempts were counted when they were written ahead. */
const WRITTEN_AHEAD: ReadonlySet<StepName> = new Set(['Capture', 'Evict', 'Restart']);
// What only a person can mend is looked at again this often.
const SLOW_MS = 300_000;

/** How a pod was changed. */
export interface Isolated {
  name: 'Label' | 'Isolate';
  form: IsolationForm;
  /** The admission rule that refused the form that was wanted. */
  deniedBy?: string | undefined;
  /** For people. */
  message: string;
}

/** The pod is labelled or isolated. */
export function noteIsolated(
  incident: DriftIncident,
  { name, form, deniedBy, message }: Isolated,
  now: string,
): DriftIncident {
  const next = withStep(incident, { name, state: 'Succeeded', reason: form, message, tried: true }, now);
  const before = incident.status?.isolation;
  const cut = before?.cut && { cut: before.cut };
  // A quarantine is as old as its first isolation; a label before that was none.
  const at = before && (before.form !== 'LabelOnly' || form === 'LabelOnly') ? before.at : now;
  if (form === 'LabelOnly') return withStatus(next, { isolation: { form, at, ...cut } });
  const refused = form === 'Gentle' ? (deniedBy ?? before?.deniedBy) : undefined;
  const isolation = {
    form,
    at,
    networkPolicy: QUARANTINE_POLICY,
    ...cut,
    ...(refused !== undefined && { deniedBy: refused }),
  };
  return withCondition(withStatus(next, { isolation }), isolatedCondition(), now);
}

// What is proven, and what is open, is found out by the next look at the incident (see isolation.ts).
function isolatedCondition(): NewCondition {
  const message = 'label and deny policy are in place';
  return { type: INCIDENT_CONDITIONS.Isolated, status: 'Unknown', reason: 'Pending', message };
}

const ENDS = { Released: 'the pod has its labels back', PodGone: 'the pod is gone' } as const;

/** A pod that was released, or is gone, is not isolated any more; what was last true of it stays readable. */
export function noteIsolationEnded(
  incident: DriftIncident,
  reason: 'Released' | 'PodGone',
  now: string,
): DriftIncident {
  const type = INCIDENT_CONDITIONS.Isolated;
  const before = findCondition(incident.status?.conditions, type);
  if (!before || Object.hasOwn(ENDS, before.reason)) return incident;
  const message = `${ENDS[reason]}; until then Isolated was ${before.status}/${before.reason}: ${before.message}`;
  return withCondition(incident, { type, status: 'False', reason, message }, now);
}

/** A firewall may be in the network of the pod from now on. */
export function noteCutBegun(incident: DriftIncident, now: string): DriftIncident {
  const message = 'a firewall is put into the network of the pod';
  const change = { name: 'Cut', state: 'Running', reason: 'Running', message, tried: false } as const;
  const { isolation } = incident.status ?? {};
  const next = withStep(incident, change, now);
  return isolation ? withStatus(next, { isolation: { ...isolation, cut: { begunAt: now } } }) : next;
}

/** The firewall is in that network of the pod. */
export function noteCut(incident: DriftIncident, network: PodNetwork, now: string): DriftIncident {
  const message = 'a firewall in the network of the pod lets through nothing but the probes of its node';
  const change = { name: 'Cut', state: 'Succeeded', reason: 'PodFirewall', message, tried: true } as const;
  const { isolation } = incident.status ?? {};
  const next = withStep(incident, change, now);
  if (!isolation) return next;
  const cut = { begunAt: isolation.cut?.begunAt ?? now, at: now, ...network };
  return withStatus(next, { isolation: { ...isolation, cut } });
}

/** There is no firewall of ours in the network of the pod. */
export function noteUncut(incident: DriftIncident): DriftIncident {
  if (!incident.status?.isolation) return incident;
  const { cut: _cut, ...isolation } = incident.status.isolation;
  return withStatus(incident, { isolation });
}

/** A bundle, and what it was made for. */
export interface KeptEvidence extends BundleSummary {
  /** What was to be read on the node. */
  collectors: CollectorName[];
  /** Which bundle of the incident it is. */
  round: number;
}

/** Evidence was stored, whole or in part. */
export function noteCaptured(incident: DriftIncident, summary: KeptEvidence, now: string): DriftIncident {
  const complete = summary.problems.length === 0;
  const kept = `${summary.files} files kept`;
  const message = complete ? kept : `${kept}; missing: ${summary.problems.join('; ')}`;
  const reason = complete ? 'Captured' : 'Partial';
  const next = withStep(
    incident,
    { name: 'Capture', state: 'Succeeded', reason, message, tried: false },
    now,
  );
  const status = complete ? 'True' : 'False';
  const condition = { type: INCIDENT_CONDITIONS.EvidenceComplete, status, reason, message } as const;
  return withCondition(withStatus(next, { evidence: summary }), condition, now);
}

/**
 * The evidence that an eviction waits for is not there, and is tried again slowly.
 * @param failure why nothing could be stored; absent: something was.
 * @param nowMs milliseconds since the epoch.
 */
export function noteEvidenceOwed(
  incident: DriftIncident,
  failure: string | undefined,
  nowMs: number,
): DriftIncident {
  const step = stepOf(incident, 'Capture');
  const message = failure ?? step?.message ?? '';
  const nextAttemptAt = nextCapture(step ?? {}, nowMs);
  const change = {
    name: 'Capture',
    state: 'Waiting',
    reason: EVIDENCE_MISSING,
    message,
    nextAttemptAt,
  } as const;
  const now = new Date(nowMs).toISOString();
  const next = withStep(incident, { ...change, tried: false }, now);
  if (failure === undefined) return next;
  const condition = { status: 'False', reason: 'CaptureFailed', message } as const;
  return withCondition(next, { type: INCIDENT_CONDITIONS.EvidenceComplete, ...condition }, now);
}

/** What was captured is not where it was stored. It is captured once more, at once. */
export function noteEvidenceLost(incident: DriftIncident, now: string): DriftIncident {
  const { evidence } = incident.status ?? {};
  if (!evidence) return incident;
  const message = `what was kept at ${evidence.location} is gone, or was changed; it is captured once more`;
  const change = { name: 'Capture', state: 'Waiting', reason: EVIDENCE_LOST, message } as const;
  const next = withStep(incident, { ...change, tried: false }, now);
  const condition = { status: 'False', reason: EVIDENCE_LOST, message } as const;
  return withCondition(
    withStatus(next, { evidence: { ...evidence, lostAt: now } }),
    { type: INCIDENT_CONDITIONS.EvidenceComplete, ...condition },
    now,
  );
}

/** The pod shares its node. */
export function noteSharedNode(
  incident: DriftIncident,
  { reason, message }: SharedNode,
  now: string,
): DriftIncident {
  const type = INCIDENT_CONDITIONS.NodeSuspect;
  return withCondition(incident, { type, status: 'True', reason, message }, now);
}

/** Evidence is given up: the response goes on without it. */
export function noteCaptureGivenUp(incident: DriftIncident, message: string, now: string): DriftIncident {
  const reason = 'CaptureFailed';
  const next = withStep(incident, { name: 'Capture', state: 'Failed', reason, message, tried: false }, now);
  return withCondition(
    next,
    { type: INCIDENT_CONDITIONS.EvidenceComplete, status: 'False', reason, message },
    now,
  );
}

// Whether the rest of the response waits for the step, and when it is tried again.
function patience(
  name: StepName,
  { kind, reason, afterMs }: Classified,
  tries: number,
): { waits: boolean; waitMs: number } {
  const passing = kind === 'retry';
  // An API server that just began refuses what it allows as soon as it has read all roles.
  const soon = passing || (reason === 'MissingPermission' && tries <= PATIENT_TRIES);
  const backoff = Math.min(LONGEST_WAIT_MS, SHORTEST_WAIT_MS * 2 ** tries);
  const asked = soon ? Math.max(passing ? (afterMs ?? 0) : 0, backoff) : (afterMs ?? SLOW_MS);
  const mayPass = WAITS_UNLESS_TERMINAL.has(name) && kind !== 'terminal';
  return {
    waits: ONLY_WAITS.has(name) || mayPass || kind === 'waiting' || (passing && tries < PATIENT_TRIES),
    // A later time in a record counts as that of a clock which was wrong: such a step would be tried at once.
    waitMs: Math.min(asked, MOST_MS),
  };
}

/**
 * A step failed. Trouble that may pass by itself is tried again soon, and holds the response up for a few tries; what a
 * person has to mend is tried again slowly. `nextAttemptAt` is always set: nothing is given up for good.
 * @param nowMs milliseconds since the epoch.
 */
export function noteFailed(
  incident: DriftIncident,
  name: StepName,
  error: Classified,
  nowMs: number,
): DriftIncident {
  const { reason, message } = error;
  const { waits, waitMs } = patience(name, error, (stepOf(incident, name)?.attempts ?? 0) + 1);
  const now = new Date(nowMs).toISOString();
  const next = withStep(
    incident,
    {
      name,
      state: waits ? 'Waiting' : 'Failed',
      reason,
      message,
      tried: !WRITTEN_AHEAD.has(name),
      nextAttemptAt: nowMs + waitMs,
    },
    now,
  );
  if (name !== 'Isolate') return next;
  return withCondition(next, { type: INCIDENT_CONDITIONS.Isolated, status: 'False', reason, message }, now);
}
