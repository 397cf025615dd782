// What a person decided about an incident, as far as it stands whatever else is true.
import { INCIDENT_CONDITIONS, findCondition } from '../api/conditions.ts';
import type { DriftIncident } from '../api/incident.ts';
import type { PodFacts } from '../api/pod.ts';
import { wait, type Decision } from './decision.ts';
import { quarantinedByUs } from './marks.ts';

/** What a person decided last. */
export type PersonsDecision = NonNullable<DriftIncident['spec']['decision']>;

/** Whether a person holds the incident: nothing destructive until it is resumed or released. */
export function isHeld({ spec }: DriftIncident): boolean {
  return spec.decision?.action === 'Hold';
}

/** Whether a person does not want the pod taken away: they hold the incident, or denied its eviction. */
export function isKept({ spec }: DriftIncident): boolean {
  return spec.decision?.action === 'Hold' || spec.decision?.action === 'Deny';
}

/** The wait of an incident that is held; undefined: it is not. */
export function heldBy({ spec, metadata }: DriftIncident): Decision | undefined {
  const { decision } = spec;
  if (decision?.action !== 'Hold') return undefined;
  const { by, reason } = decision;
  const resume = `die-operator resume -n ${metadata.namespace ?? ''} ${metadata.name}`;
  const message = `${by} holds it: ${reason}; the pod is neither evicted nor taken out of its workload until: ${resume}`;
  return wait('Held', 'Held', message);
}

/** The phase of an incident that is at rest: it says whether the pod is isolated. */
export function restingPhase(incident: DriftIncident, pod: PodFacts): 'Quarantined' | 'Observed' {
  return quarantinedByUs(incident, pod) ? 'Quarantined' : 'Observed';
}

/**
 * Since when a person is waited for, in milliseconds since the epoch; undefined: nobody is, so far. A time before the
 * incident or in the future was written by a clock that was wrong, and must neither end the wait at once nor keep it for
 * ever.
 */
export function waitingSince({ metadata, status }: DriftIncident, now: number): number | undefined {
  const condition = findCondition(status?.conditions, INCIDENT_CONDITIONS.Approved);
  if (condition?.status !== 'Unknown') return undefined;
  const created = Date.parse(metadata.creationTimestamp);
  const at = Date.parse(condition.lastTransitionTime);
  return at >= created && at <= now ? at : created;
}
