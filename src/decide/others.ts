// The pods around one, as limits count them: how many are out of their workload, and how many copies are left.
import { isFinal, type DriftIncident } from '../api/incident.ts';
import { foreignLabels, isQuarantined, type PodFacts } from '../api/pod.ts';
import type { Facts } from './decision.ts';
import { wasAttempted } from './marks.ts';
import { unreplaced } from './replaced.ts';
import { topWorkload, type Owned } from './top-workload.ts';

/** What is counted. */
export interface Neighbours {
  /** The pod that is not counted, as recorded. */
  target: Owned & { uid: string };
  /** Incidents of the namespace. */
  incidents: readonly DriftIncident[];
  /** Pods of a top-level workload, by its key. */
  podsOf: (key: string) => readonly PodFacts[];
  /** The pod that an incident is about, by UID, if it is still there. */
  podOf: (incident: DriftIncident) => PodFacts | undefined;
  /** Whether a step that runs this moment takes the pod of the incident out. */
  isReserved: (incident: DriftIncident) => boolean;
  /** Whether its pod is being evicted this moment. */
  isEvicting: (incident: DriftIncident) => boolean;
}

/** What was counted. */
export interface Counted extends Pick<Facts, 'workload' | 'namespace'> {
  /** How many pods the workload should have, the one itself included, and how many are missing. */
  share: { size: number; missing: number; gentle: number };
  /** Incidents of other pods of the namespace that we took out and nothing replaced yet. */
  absent: readonly DriftIncident[];
  /** UIDs of all other pods that we took out, or are about to. */
  out: ReadonlySet<string>;
}

/** Counts them. */
export function countOthers(around: Neighbours): Counted {
  const { target, podsOf } = around;
  const { key } = topWorkload(target);
  const others = around.incidents.filter(({ spec }) => spec.target.uid !== target.uid);
  const taken = others.filter((one) => isTakenOut(around, one));
  const leaving = others.filter((one) => isTakenOut(around, one) || isLeaving(around, one));
  const out = new Set(leaving.map(({ spec }) => spec.target.uid));
  const inPlace = (of: string) => podsOf(of).filter((pod) => isThere(pod) && !out.has(pod.uid));
  // The pod itself may have come in the place of one of them.
  const absent = unreplaced(leaving, inPlace, claimsOf(others));
  const ofWorkload = (incidents: readonly DriftIncident[]) =>
    incidents.filter(({ spec }) => topWorkload(spec.target).key === key).length;
  const copies = inPlace(key).filter(({ uid }) => uid !== target.uid);
  const gentle = copies.filter(isQuarantined).length;
  const unready = copies.filter((pod) => !pod.ready && !isQuarantined(pod)).length;
  return {
    namespace: { quarantinedOthers: taken.length },
    workload: {
      quarantinedOthers: ofWorkload(taken),
      readyOthers: copies.length - gentle - unready,
      copies: copies.length,
    },
    share: {
      size: copies.length + ofWorkload(absent) + 1,
      missing: unready + ofWorkload(absent),
      gentle,
    },
    absent,
    out,
  };
}

/**
 * Whether the pod of an incident is out of its workload: as recorded, or reserved by a step that runs now, or visible on the
 * pod of an incident whose record is not written yet.
 */
export function isTakenOut(
  { podOf, isReserved }: Pick<Neighbours, 'podOf' | 'isReserved'>,
  incident: DriftIncident,
): boolean {
  if (isFinal(incident)) return false;
  if (isReserved(incident)) return true;
  const pod = podOf(incident);
  if (!pod) return false;
  if (incident.status?.isolation?.form === 'Orphan') return true;
  return isQuarantined(pod) && Object.keys(foreignLabels(pod.labels)).length === 0;
}

// On its way, or gone, by what we did. What others delete is for its controller.
function isLeaving({ podOf, isEvicting }: Neighbours, incident: DriftIncident): boolean {
  if (isFinal(incident)) return false;
  if (isEvicting(incident)) return true;
  const pod = podOf(incident);
  const isGoing = pod === undefined || pod.deletionTimestamp !== undefined;
  return isGoing && (incident.status?.isolation?.form === 'Orphan' || wasAttempted(incident));
}

function isThere({ deletionTimestamp, phase }: PodFacts): boolean {
  return deletionTimestamp === undefined && phase !== 'Succeeded' && phase !== 'Failed';
}

function claimsOf(incidents: readonly DriftIncident[]): Map<string, string> {
  const claims = incidents.map(
    ({ metadata, status }) => [status?.replacement?.uid ?? '', metadata.uid] as const,
  );
  return new Map(claims.filter(([pod]) => pod !== ''));
}
