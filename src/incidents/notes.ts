// What a step became, as the record tells it: pure functions from an incident to the incident with that noted.
import { INCIDENT_CONDITIONS, type NewCondition } from '../api/conditions.ts';
import type { DriftIncident, IsolationForm, StepName } from '../api/incident.ts';
import { QUARANTINE_POLICY } from '../api/names.ts';
import type { Classified } from '../controller/errors.ts';
import { stepOf } from '../decide/marks.ts';
import type { BundleSummary } from '../evidence/store.ts';
import { withCondition, withStatus, withStep } from './status.ts';

/** Tries of a step that fails for a reason that may pass by itself, before the rest of the response goes on without it. */
const PATIENT_TRIES = 4;
const SHORTEST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
// What holds an eviction can end, and evidence has a limit of its own. A relabel that stays refused must not hold the
// rest up.
const ONLY_WAITS: ReadonlySet<StepName> = new Set(['Capture', 'Evict']);
// What only a person can mend is looked at again this often.
const SLOW_MS = 300_000;

/** How a pod was changed. */
export interface Isolated {
  name: 'Label' | 'Isolate';
  form: IsolationForm;
  /** For people. */
  message: string;
  hostNetwork: boolean;
}

/** The pod is labelled or isolated. */
export function noteIsolated(
  incident: DriftIncident,
  { name, form, message, hostNetwork }: Isolated,
  now: string,
): DriftIncident {
  const next = withStep(incident, { name, state: 'Succeeded', reason: form, message, tried: true }, now);
  const at = incident.status?.isolation?.at ?? now;
  if (form === 'LabelOnly') return withStatus(next, { isolation: { form, at } });
  const isolation = { form, at, networkPolicy: QUARANTINE_POLICY };
  return withCondition(withStatus(next, { isolation }), isolatedCondition(hostNetwork, message), now);
}

// Label and policy are in place; whether the network enforces them was not proven, so this is never True.
function isolatedCondition(hostNetwork: boolean, message: string): NewCondition {
  const type = INCIDENT_CONDITIONS.Isolated;
  if (hostNetwork) {
    const why = `the pod uses the network of its node, which NetworkPolicies do not reach. ${message}`;
    return { type, status: 'False', reason: 'Unsupported', message: why };
  }
  const why = `label and deny policy are in place; that the network enforces them was not probed. ${message}`;
  return { type, status: 'Unknown', reason: 'Pending', message: why };
}

/** Evidence was stored, whole or in part. */
export function noteCaptured(incident: DriftIncident, summary: BundleSummary, now: string): DriftIncident {
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

/** The API server accepted the eviction. */
export function noteEvictionAccepted(incident: DriftIncident, now: string): DriftIncident {
  const message = 'the API server accepted the eviction';
  const next = withStep(
    incident,
    { name: 'Evict', state: 'Running', reason: 'Evicting', message, tried: false },
    now,
  );
  return withStatus(next, { eviction: { ...next.status?.eviction, requestedAt: now } });
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
  const { kind, reason, message, afterMs } = error;
  const tries = (stepOf(incident, name)?.attempts ?? 0) + 1;
  const passing = kind === 'retry';
  const backoff = Math.min(LONGEST_WAIT_MS, SHORTEST_WAIT_MS * 2 ** tries);
  const waitMs = passing ? Math.max(afterMs ?? 0, backoff) : (afterMs ?? SLOW_MS);
  const now = new Date(nowMs).toISOString();
  const next = withStep(
    incident,
    {
      name,
      state: ONLY_WAITS.has(name) || (passing && tries < PATIENT_TRIES) ? 'Waiting' : 'Failed',
      reason,
      message,
      // Those two were counted when they were written ahead.
      tried: !ONLY_WAITS.has(name),
      nextAttemptAt: nowMs + waitMs,
    },
    now,
  );
  if (name !== 'Isolate') return next;
  return withCondition(next, { type: INCIDENT_CONDITIONS.Isolated, status: 'False', reason, message }, now);
}
