// The pods around the one that is explained, out of lists; the responder has them in its caches.
import type { DriftIncident } from '../api/incident.ts';
import type { PodFacts } from '../api/pod.ts';
import { countOthers as count, type Counted } from '../decide/others.ts';
import { topWorkload, type Owned } from '../decide/top-workload.ts';

/**
 * Counts as the responder does, save for what only it knows: steps that it runs this moment.
 * @param target the pod as an incident records it.
 * @param pods pods of the namespace, the one itself included or not.
 * @param incidents incidents of the namespace.
 */
export function countOthers(
  target: Owned & { uid: string },
  pods: readonly PodFacts[],
  incidents: readonly DriftIncident[],
): Counted {
  const byUid = new Map(pods.map((other) => [other.uid, other]));
  const byWorkload = Map.groupBy(pods, (pod) => topWorkload(pod).key);
  return count({
    target,
    incidents,
    podsOf: (key) => byWorkload.get(key) ?? [],
    podOf: ({ spec }) => byUid.get(spec.target.uid),
    isReserved: () => false,
    isEvicting: () => false,
  });
}
