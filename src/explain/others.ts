// The pods around the one that is explained, out of lists; the responder has them in its caches.
import type { DriftIncident } from '../api/incident.ts';
import { controllerOf, type PodFacts } from '../api/pod.ts';
import type { Facts } from '../decide/decision.ts';
import { countOthers as count } from '../decide/others.ts';

/**
 * Counts as the responder does, save for what only it knows: steps that it runs this moment.
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
  return count({
    uid: pod.uid,
    workload,
    incidents,
    siblings: pods.filter((other) => workload !== undefined && controllerOf(other)?.uid === workload),
    podOf: ({ spec }) => byUid.get(spec.target.uid),
    isReserved: () => false,
  });
}
