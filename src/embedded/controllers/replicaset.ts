// ReplicaSets: claim pods by selector, then make or delete pods until the count is right
// (pkg/controller/controller_ref_manager.go, pkg/controller/replicaset).
import type { KubeObject, OwnerReference } from '../../api/meta.ts';
import { PODS, REPLICA_SETS } from '../../kube/resources.ts';
import type { DirectApi } from '../direct.ts';
import { selects } from '../selectors.ts';
import type { Reconciliation } from './reconciler.ts';
import { byDeletionOrder } from './replicaset-order.ts';
import {
  bothSides,
  controllerRef,
  isActive,
  isReady,
  keyOf,
  ownedBy,
  parseKey,
  type Pod,
  type Workload,
} from './shapes.ts';

/** See the file's first line. */
export function replicaSetController(api: DirectApi, delayMs: number): Reconciliation {
  return {
    delayMs,
    initial: () => api.list(REPLICA_SETS).map(keyOf),
    affected: (change) => {
      if (change.resource === REPLICA_SETS) return [keyOf(change.object)];
      return change.resource === PODS ? bothSides(change).flatMap((pod) => setsOf(api, pod)) : [];
    },
    reconcile: (key) => {
      const set = api.get(REPLICA_SETS, parseKey(key));
      if (set) bringInOrder(api, set as Workload);
      return undefined;
    },
  };
}

/** Keys of the sets that a pod concerns: its owner, or for an orphan all that select it. */
function setsOf(api: DirectApi, pod: KubeObject): string[] {
  const { namespace = '', labels } = pod.metadata;
  const owner = controllerRef(pod);
  if (owner) return owner.kind === 'ReplicaSet' ? [`${namespace}/${owner.name}`] : [];
  const sets = api.list(REPLICA_SETS, namespace) as Workload[];
  return sets.filter(({ spec }) => selects(spec.selector, labels)).map(keyOf);
}

function bringInOrder(api: DirectApi, set: Workload): void {
  const { namespace = '', name, deletionTimestamp } = set.metadata;
  const pods = (api.list(PODS, namespace) as Pod[]).filter(isActive);
  const claimed = pods.filter((pod) => claim(api, set, pod));
  const surplus = claimed.length - set.spec.replicas;
  if (deletionTimestamp === undefined) {
    for (let missing = surplus; missing < 0; missing++) api.create(PODS, namespace, newPod(set));
    for (const pod of claimed.toSorted(byDeletionOrder).slice(0, Math.max(0, surplus))) {
      api.delete(PODS, pod.metadata, { preconditions: { uid: pod.metadata.uid } });
    }
  }
  const ready = claimed.filter(isReady).length;
  api.update(REPLICA_SETS, { namespace, name }, 'status', (stored) => ({
    ...stored,
    status: {
      replicas: claimed.length,
      fullyLabeledReplicas: claimed.length,
      readyReplicas: ready,
      availableReplicas: ready,
      observedGeneration: stored.metadata.generation,
    },
  }));
}

/**
 * Whether the pod is the set's: an owned pod whose labels no longer match is released, an orphan that matches is
 * adopted, by a set that is not itself being deleted.
 */
function claim(api: DirectApi, set: Workload, pod: Pod): boolean {
  const owner = controllerRef(pod);
  const matches = selects(set.spec.selector, pod.metadata.labels);
  if (owner && owner.uid !== set.metadata.uid) return false;
  if (owner && matches) return true;
  if (set.metadata.deletionTimestamp !== undefined) return false;
  if (owner) setOwners(api, pod, (owners) => owners.filter(({ uid }) => uid !== owner.uid));
  else if (matches) setOwners(api, pod, (owners) => [...owners, ownedBy(REPLICA_SETS, set)]);
  return matches;
}

function setOwners(api: DirectApi, pod: Pod, change: (owners: OwnerReference[]) => OwnerReference[]): void {
  api.update(PODS, pod.metadata, 'object', (stored) => ({
    ...stored,
    metadata: { ...stored.metadata, ownerReferences: change(stored.metadata.ownerReferences ?? []) },
  }));
}

function newPod(set: Workload): object {
  const { template } = set.spec;
  return {
    metadata: {
      generateName: `${set.metadata.name}-`,
      ...template.metadata,
      ownerReferences: [ownedBy(REPLICA_SETS, set)],
    },
    spec: template.spec ?? {},
  };
}
