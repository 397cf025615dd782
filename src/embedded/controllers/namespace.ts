// Namespaces: each has a default ServiceAccount; of one that is deleted the content goes first, then itself.
import type { KubeObject } from '../../api/meta.ts';
import { NAMESPACES } from '../../kube/resources.ts';
import type { DirectApi } from '../direct.ts';
import { SERVED_KINDS } from '../kinds.ts';
import { ensureAccount } from '../seed.ts';
import type { Store } from '../store.ts';
import type { Reconciliation } from './reconciler.ts';

/** See the file's first line. What a finalizer holds keeps the namespace Terminating. */
export function namespaceController(store: Store, api: DirectApi, delayMs: number): Reconciliation {
  return {
    delayMs,
    initial: () => api.list(NAMESPACES).map(({ metadata }) => metadata.name),
    affected: ({ resource, type, object }) => {
      if (resource === NAMESPACES) return [object.metadata.name];
      return type === 'DELETED' ? [object.metadata.namespace ?? ''] : [];
    },
    reconcile: (name) => {
      const namespace = api.get(NAMESPACES, { name });
      if (!namespace) return undefined;
      if (namespace.metadata.deletionTimestamp === undefined) {
        ensureAccount(api, name);
        return undefined;
      }
      for (const { resource } of SERVED_KINDS.filter((kind) => kind.resource.namespaced)) {
        const going = api
          .list(resource, name)
          .filter(({ metadata }) => metadata.deletionTimestamp === undefined);
        for (const object of going) api.delete(resource, object.metadata);
      }
      if (isEmpty(store, name)) store.remove(NAMESPACES, name);
      return undefined;
    },
  };
}

function isEmpty(store: Store, name: string): boolean {
  const isInside = ({ metadata }: KubeObject) => metadata.namespace === name;
  return SERVED_KINDS.every(({ resource }) => !store.list(resource).some(isInside));
}
