// What on a pod, or in the record, is ours: every write that takes something back asks here first.
import type { DriftIncident, StepName, StepStatus } from '../api/incident.ts';
import { INCIDENT_ANNOTATION, QUARANTINE_LABEL, SEVERITY_LABEL } from '../api/names.ts';
import { foreignLabels, isQuarantined, type PodFacts } from '../api/pod.ts';

/** The highest deletion cost: the pod is the last that its ReplicaSet removes of those that are Ready. */
export const KEPT_COST = '2147483647';

/** Whether the pod carries a change of this incident: not what it had before, and not what another hand put on it. */
export function carriesChange(incident: DriftIncident, pod: PodFacts): boolean {
  if (pod.annotations[INCIDENT_ANNOTATION] === incident.metadata.name) return true;
  if (incident.status?.isolation === undefined) return false;
  return [QUARANTINE_LABEL, SEVERITY_LABEL].some((key) => differs(incident, pod, key));
}

/** Whether this incident put the pod into quarantine. */
export function quarantinedByUs(incident: DriftIncident, pod: PodFacts): boolean {
  return carriesChange(incident, pod) && isQuarantined(pod) && differs(incident, pod, QUARANTINE_LABEL);
}

/**
 * Whether the pod has its labels back and holds what Release lent it until its ReplicaSet has settled. Our annotation stays
 * that long, so that the incident answers for the pod, whichever process took over.
 */
export function isSettling(incident: DriftIncident, pod: PodFacts): boolean {
  return (
    pod.annotations[INCIDENT_ANNOTATION] === incident.metadata.name &&
    pod.deletionCost === KEPT_COST &&
    ![QUARANTINE_LABEL, SEVERITY_LABEL].some((key) => differs(incident, pod, key))
  );
}

/**
 * Whether a pod that we put into quarantine lost its labels by it: nothing but ours is left, or its controller let go of it
 * over what it lost. Admission may give every pod that is changed a label, so that one alone says nothing.
 */
export function looksOrphaned(
  { spec: { target } }: DriftIncident,
  { labels, ownerReferences }: Pick<PodFacts, 'labels' | 'ownerReferences'>,
): boolean {
  const now = foreignLabels(labels);
  if (Object.keys(now).length === 0) return true;
  const { workload } = target;
  const isLetGo = workload !== undefined && !ownerReferences.some(({ uid }) => uid === workload.uid);
  return isLetGo && Object.keys(foreignLabels(target.labels)).some((key) => now[key] !== target.labels[key]);
}

/** The step of that name in the status. */
export function stepOf(incident: DriftIncident, name: StepName): StepStatus | undefined {
  return incident.status?.steps?.find((step) => step.name === name);
}

// What the API server answers when it did not evict, or why it was not asked; after everything else nobody knows whether it did.
const REFUSALS: ReadonlySet<string> = new Set([
  'DisruptionBudget',
  'BudgetStale',
  'MultipleDisruptionBudgets',
  'TooManyRequests',
  'MissingPermission',
  'Denied',
  'InvalidRequest',
  'EvidenceUnreachable',
]);

/** Whether an eviction of ours may have been carried out: a pod that is gone now may have gone by it. */
export function wasAttempted(incident: DriftIncident): boolean {
  const step = stepOf(incident, 'Evict');
  return step !== undefined && (step.state !== 'Waiting' || !REFUSALS.has(step.reason));
}

/** Whether the API server accepted our eviction. */
export function wasAccepted(incident: DriftIncident): boolean {
  return incident.status?.eviction?.requestedAt !== undefined;
}

/** Whether the grace with which the pod goes is ours, of a second or more: so that its kubelet must confirm its end. */
export function hasOurGrace(incident: DriftIncident): boolean {
  return wasAccepted(incident) && incident.status?.eviction?.gracePeriodSeconds !== undefined;
}

function differs(incident: DriftIncident, pod: PodFacts, key: string): boolean {
  return pod.labels[key] !== incident.spec.target.labels[key];
}
