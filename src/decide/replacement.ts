// Which pod took the place of one that was evicted: by owner, age and template, each for one incident only.
import type { DriftIncident, Target } from '../api/incident.ts';
import { controllerOf, isQuarantined, type PodFacts } from '../api/pod.ts';

/** Labels by which controllers tell the template that a pod was made from. */
const REVISIONS = ['pod-template-hash', 'rollouts-pod-template-hash', 'controller-revision-hash'] as const;

/** What one is chosen from. */
export interface Candidates {
  /** Pods of the same top-level workload. */
  pods: readonly PodFacts[];
  /** Whether another incident has the pod already. */
  isTaken: (podUid: string) => boolean;
  /** Other incidents of the workload that will look for a replacement, or do already. */
  rivals: readonly DriftIncident[];
}

/**
 * The pod that took the place; undefined if none did yet. What was chosen before is kept as long as it is there, and until
 * it is Ready for as long as no other one is.
 */
export function chooseReplacement(
  incident: DriftIncident,
  { pods, isTaken, rivals }: Candidates,
): PodFacts | undefined {
  const free = pods.filter(
    (pod) =>
      mayTake(incident, pod) &&
      pod.deletionTimestamp === undefined &&
      !isQuarantined(pod) &&
      !isTaken(pod.uid),
  );
  const before = free.find(({ uid }) => uid === incident.status?.replacement?.uid);
  if (before?.ready) return before;
  // Those of another revision are looked at where the workload was rolled on, and has none of this one left.
  const own = free.filter((pod) => isSameRevision(incident.spec.target, pod));
  // Of several each incident takes what is of the least use to the others, so that none is left without: two that are as
  // old as each other may be free to one and not to another.
  const among = own.length > 0 ? own : free;
  const wanted = new Map(among.map((pod) => [pod, rivals.filter((rival) => mayTake(rival, pod)).length]));
  const [found] = among.toSorted(
    (a, b) =>
      (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0) ||
      Number(b.ready) - Number(a.ready) ||
      Number(b === before) - Number(a === before) ||
      a.createdAt.localeCompare(b.createdAt) ||
      a.name.localeCompare(b.name),
  );
  return found;
}

/** A pod that came in the place and is in quarantine itself by now; undefined if there is none. */
export function driftedCandidate(
  incident: DriftIncident,
  { pods, isTaken }: Pick<Candidates, 'pods' | 'isTaken'>,
): PodFacts | undefined {
  return pods.find((pod) => isQuarantined(pod) && mayTake(incident, pod) && !isTaken(pod.uid));
}

/** Whether the pod was made by the same controller from the same template. */
export function isSameRevision(target: Target, pod: PodFacts): boolean {
  if (controllerOf(pod)?.uid !== target.workload?.uid) return false;
  return REVISIONS.every((label) => {
    const [before, now] = [target.labels[label], pod.labels[label]];
    // Not all labels of the target may be recorded.
    return before === undefined || before === now;
  });
}

/** Whether the pod came after the incident was looked at first; both times are the API server's. */
function mayTake({ metadata, spec: { target }, status }: DriftIncident, pod: PodFacts): boolean {
  if (pod.uid === target.uid || !isInPlace(target, pod)) return false;
  return pod.createdAt >= metadata.creationTimestamp && !status?.plan?.bystanders?.includes(pod.uid);
}

// The ordinals of a StatefulSet are no copies of each other, nor are the pods of a DaemonSet on other nodes.
function isInPlace({ workload, name, nodeName }: Target, pod: PodFacts): boolean {
  if (workload?.kind === 'StatefulSet') return pod.name === name;
  return workload?.kind !== 'DaemonSet' || nodeName === undefined || pod.nodeName === nodeName;
}
