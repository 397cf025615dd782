// Which of the pods that were taken out of their workloads have no pod in their place yet.
import type { DriftIncident, Target } from '../api/incident.ts';
import type { PodFacts } from '../api/pod.ts';
import { topWorkload } from './top-workload.ts';

/**
 * Those of `out` for which no pod is there, Ready or not. Each pod stands in for one at most, and only for one whose incident
 * is older than it and did not find it there: where it cannot be told, the place counts as empty, which is more careful.
 * @param out incidents whose pods are out of their workloads.
 * @param podsOf pods of a top-level workload that are there and in it, by its key.
 * @param claimed UIDs of pods that incidents count as the replacement of their own, by the UID of the incident.
 */
export function unreplaced(
  out: readonly DriftIncident[],
  podsOf: (key: string) => readonly PodFacts[],
  claimed: ReadonlyMap<string, string>,
): DriftIncident[] {
  const byWorkload = Map.groupBy(out, ({ spec }) => topWorkload(spec.target).key);
  return [...byWorkload].flatMap(([key, incidents]) => without(incidents, podsOf(key), claimed));
}

// The latest first: what can stand in for it can for all before it, too.
function without(
  incidents: readonly DriftIncident[],
  pods: readonly PodFacts[],
  claimed: ReadonlyMap<string, string>,
): DriftIncident[] {
  const free = new Set(pods);
  const byAge = incidents.toSorted((a, b) =>
    b.metadata.creationTimestamp.localeCompare(a.metadata.creationTimestamp),
  );
  return byAge.filter((incident) => {
    const found = [...free].find((pod) => mayStandIn(incident, pod, claimed));
    if (found) free.delete(found);
    return found === undefined;
  });
}

function mayStandIn(
  { metadata, spec: { target }, status }: DriftIncident,
  pod: PodFacts,
  claimed: ReadonlyMap<string, string>,
): boolean {
  return (
    isSamePlace(target, pod) &&
    pod.createdAt >= metadata.creationTimestamp &&
    (claimed.get(pod.uid) ?? metadata.uid) === metadata.uid &&
    !status?.plan?.bystanders?.includes(pod.uid)
  );
}

// The ordinals of a StatefulSet are no copies of each other, and neither are the pods of a DaemonSet on other nodes.
function isSamePlace({ workload, name, nodeName }: Target, pod: PodFacts): boolean {
  if (workload?.kind === 'StatefulSet') return pod.name === name;
  return workload?.kind !== 'DaemonSet' || pod.nodeName === (nodeName ?? pod.nodeName);
}
