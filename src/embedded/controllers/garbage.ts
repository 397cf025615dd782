// The garbage collector: what belongs to nobody any more is deleted.
import type { KubeObject } from '../../api/meta.ts';
import {
  DAEMON_SETS,
  DEPLOYMENTS,
  DRIFT_INCIDENTS,
  JOBS,
  REPLICA_SETS,
  SERVICES,
  STATEFUL_SETS,
  type Resource,
} from '../../kube/resources.ts';
import type { DirectApi } from '../direct.ts';
import { SERVED_KINDS } from '../kinds.ts';
import type { Store } from '../store.ts';
import type { Reconciliation } from './reconciler.ts';

/** Kinds that own others here. */
const OWNERS: readonly Resource[] = [
  DEPLOYMENTS,
  REPLICA_SETS,
  STATEFUL_SETS,
  DAEMON_SETS,
  JOBS,
  SERVICES,
  DRIFT_INCIDENTS,
];

/** Deletes the dependents of a deleted owner that have no other owner. */
export function garbageController(store: Store, api: DirectApi, delayMs: number): Reconciliation {
  return {
    delayMs,
    initial: () => [],
    affected: ({ type, resource, object }) =>
      type === 'DELETED' && OWNERS.includes(resource) ? [object.metadata.uid] : [],
    reconcile: (uid) => {
      for (const { resource } of SERVED_KINDS) {
        for (const object of store.list(resource).filter((candidate) => isOrphanedBy(candidate, uid))) {
          api.delete(resource, object.metadata);
        }
      }
      return undefined;
    },
  };
}

function isOrphanedBy({ metadata }: KubeObject, uid: string): boolean {
  const owners = metadata.ownerReferences ?? [];
  return owners.length > 0 && owners.every((owner) => owner.uid === uid) && !metadata.deletionTimestamp;
}
