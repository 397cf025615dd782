// Which pod of a set that has too many goes first.
import { isReady, type Pod } from './shapes.ts';

const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';
const PHASE_ORDER = ['Pending', 'Unknown', 'Running'];

/** From the strongest reason to the weakest; the lower number goes first. */
const REASONS: readonly ((pod: Pod) => number)[] = [
  (pod) => (pod.spec.nodeName === undefined ? 0 : 1),
  (pod) => PHASE_ORDER.indexOf(pod.status.phase),
  (pod) => (isReady(pod) ? 1 : 0),
  deletionCost,
  (pod) => -Date.parse(pod.metadata.creationTimestamp),
];

/**
 * Sorts the pods to delete to the front: without a node, pending, not ready, of low deletion cost, new. As in
 * `ActivePodsWithRanks` of pkg/controller, without the count of siblings on the node and of restarts; ties, which the
 * real one breaks by UID, too.
 */
export function byDeletionOrder(a: Pod, b: Pod): number {
  for (const reason of REASONS) {
    const difference = reason(a) - reason(b);
    if (difference !== 0) return difference;
  }
  return a.metadata.uid < b.metadata.uid ? -1 : 1;
}

function deletionCost(pod: Pod): number {
  const cost = Number(pod.metadata.annotations?.[DELETION_COST] ?? 0);
  return Number.isInteger(cost) ? cost : 0;
}
