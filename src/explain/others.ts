// How many other pods are out of their workload, and how many copies are left: what limits count.
import { isFinal, type DriftIncident } from '../api/incident.ts';
import { controllerOf, foreignLabels, isQuarantined, type PodFacts } from '../api/pod.ts';
import type { Facts } from '../decide/decision.ts';

/**
 * Counts as the responder does (src/incidents/facts.ts), save for what only it knows: steps that it runs this moment.
 * @param pods pods of the namespace, the one itself included or not.
 * @param incidents incidents of the namespace.
 */
export function countOthers(
  pod: PodFacts,
  workload: string | undefined,
  pods: readonly PodFacts[],
  incidents: readonly DriftIncident[],
): Pick<Facts, 'workload' | 'namespace'> {
  const byUid = new Map(pods.map((other) => [other.uid, other]));
  const taken = incidents.filter(
    (incident) =>
      incident.spec.target.uid !== pod.uid && isTakenOut(incident, byUid.get(incident.spec.target.uid)),
  );
  const takenPods = new Set(taken.map(({ spec }) => spec.target.uid));
  const isSibling = (other: PodFacts) => workload !== undefined && controllerOf(other)?.uid === workload;
  return {
    namespace: { quarantinedOthers: taken.length },
    workload: {
      quarantinedOthers: taken.filter(
        ({ spec }) => workload !== undefined && spec.target.workload?.uid === workload,
      ).length,
      readyOthers: pods.filter(
        (other) => other.uid !== pod.uid && isSibling(other) && isServing(other) && !takenPods.has(other.uid),
      ).length,
    },
  };
}

function isTakenOut(incident: DriftIncident, pod: PodFacts | undefined): boolean {
  if (isFinal(incident) || pod === undefined) return false;
  if (incident.status?.isolation?.form === 'Orphan') return true;
  return isQuarantined(pod) && Object.keys(foreignLabels(pod.labels)).length === 0;
}

function isServing(pod: PodFacts): boolean {
  return pod.ready && pod.deletionTimestamp === undefined && !isQuarantined(pod);
}
