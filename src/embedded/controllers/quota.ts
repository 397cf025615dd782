// Resource quotas: what is used of each (pkg/controller/resourcequota). Pods that go are counted off here.
import { PODS, RESOURCE_QUOTAS } from '../../kube/resources.ts';
import type { DirectApi } from '../direct.ts';
import { objectAt } from '../json.ts';
import { COUNTED, usedBy } from '../quotas.ts';
import type { Reconciliation } from './reconciler.ts';
import { keyOf, parseKey } from './shapes.ts';

/** See the file's first line. */
export function quotaController(api: DirectApi, delayMs: number): Reconciliation {
  return {
    delayMs,
    initial: () => api.list(RESOURCE_QUOTAS).map(keyOf),
    affected: ({ resource, object }) => {
      if (resource === RESOURCE_QUOTAS) return [keyOf(object)];
      return resource === PODS ? api.list(RESOURCE_QUOTAS, object.metadata.namespace).map(keyOf) : [];
    },
    reconcile: (key) => {
      const quota = api.get(RESOURCE_QUOTAS, parseKey(key));
      if (!quota) return undefined;
      const hard = objectAt(objectAt(quota['spec'])['hard']);
      const counts = usedBy(api.list(PODS, quota.metadata.namespace));
      const counted = COUNTED.filter((resource) => resource in hard);
      const used = Object.fromEntries(counted.map((resource) => [resource, String(counts[resource])]));
      api.update(RESOURCE_QUOTAS, quota.metadata, 'status', (stored) => ({
        ...stored,
        status: { hard, used },
      }));
      return undefined;
    },
  };
}
