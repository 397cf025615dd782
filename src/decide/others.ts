// The pods around one, as limits count them: how many are out of their workload, and how many copies are left.
import { isFinal, type DriftIncident } from '../api/incident.ts';
import { foreignLabels, isQuarantined, type PodFacts } from '../api/pod.ts';
import type { Facts } from './decision.ts';

/** What is counted. */
export interface Neighbours {
  /** UID of the pod that is not counted. */
  uid: string;
  /** UID of its controller; absent: it has none. */
  workload: string | undefined;
  /** Incidents of the namespace. */
  incidents: readonly DriftIncident[];
  /** Pods of the controller. */
  siblings: readonly PodFacts[];
  /** The pod that an incident is about, by UID, if it is still there. */
  podOf: (incident: DriftIncident) => PodFacts | undefined;
  /** Whether a step that runs this moment takes the pod of the incident out. */
  isReserved: (incident: DriftIncident) => boolean;
}

/** Counts them. */
export function countOthers(around: Neighbours): Pick<Facts, 'workload' | 'namespace'> {
  const { uid, workload, incidents, siblings } = around;
  const taken = incidents
    .filter(({ spec }) => spec.target.uid !== uid)
    .filter((one) => isTakenOut(around, one));
  const takenPods = new Set(taken.map(({ spec }) => spec.target.uid));
  const ofWorkload = taken.filter(
    ({ spec }) => workload !== undefined && spec.target.workload?.uid === workload,
  );
  const ready = siblings.filter((pod) => pod.uid !== uid && isServing(pod) && !takenPods.has(pod.uid));
  return {
    namespace: { quarantinedOthers: taken.length },
    workload: { quarantinedOthers: ofWorkload.length, readyOthers: ready.length },
  };
}

// Recorded, or reserved by a step that runs now, or visible on the pod of an incident whose record is not written yet.
function isTakenOut({ podOf, isReserved }: Neighbours, incident: DriftIncident): boolean {
  if (isFinal(incident)) return false;
  if (isReserved(incident)) return true;
  const pod = podOf(incident);
  if (!pod) return false;
  if (incident.status?.isolation?.form === 'Orphan') return true;
  return isQuarantined(pod) && Object.keys(foreignLabels(pod.labels)).length === 0;
}

function isServing(pod: PodFacts): boolean {
  return pod.ready && pod.deletionTimestamp === undefined && !isQuarantined(pod);
}
