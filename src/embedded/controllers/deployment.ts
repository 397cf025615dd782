// Deployments: one ReplicaSet for each pod template; all replicas are in that of the present template.
import { createHash } from 'node:crypto';
import type { KubeObject } from '../../api/meta.ts';
import { DEPLOYMENTS, REPLICA_SETS } from '../../kube/resources.ts';
import type { DirectApi } from '../direct.ts';
import type { Reconciliation } from './reconciler.ts';
import { bothSides, controllerRef, keyOf, ownedBy, parseKey, type Workload } from './shapes.ts';

const HASH_LABEL = 'pod-template-hash';
/** The alphabet of real hashes (k8s.io/apimachinery/pkg/util/rand.SafeEncodeString). */
const SAFE = 'bcdfghjklmnpqrstvwxz2456789';
const HASH_LENGTH = 10;

/** See the file's first line. A changed template replaces all pods at once. */
export function deploymentController(api: DirectApi, delayMs: number): Reconciliation {
  return {
    delayMs,
    initial: () => api.list(DEPLOYMENTS).map(keyOf),
    affected: (change) => {
      if (change.resource === DEPLOYMENTS) return [keyOf(change.object)];
      if (change.resource !== REPLICA_SETS) return [];
      return bothSides(change).flatMap((set) => {
        const owner = controllerRef(set);
        return owner?.kind === 'Deployment' ? [`${set.metadata.namespace ?? ''}/${owner.name}`] : [];
      });
    },
    reconcile: (key) => {
      const deployment = api.get(DEPLOYMENTS, parseKey(key));
      if (deployment && deployment.metadata.deletionTimestamp === undefined)
        bringInOrder(api, deployment as Workload);
      return undefined;
    },
  };
}

function bringInOrder(api: DirectApi, deployment: Workload): void {
  const { namespace = '', name, uid } = deployment.metadata;
  const hash = templateHash(deployment);
  const sets = api.list(REPLICA_SETS, namespace) as Workload[];
  const owned = sets.filter((set) => controllerRef(set)?.uid === uid);
  const current = owned.find(({ metadata }) => metadata.labels?.[HASH_LABEL] === hash);
  if (!current) api.create(REPLICA_SETS, namespace, replicaSet(deployment, hash));
  for (const set of owned) scale(api, set, set === current ? deployment.spec.replicas : 0);
  api.update(DEPLOYMENTS, { namespace, name }, 'status', (stored) => ({
    ...stored,
    status: deploymentStatus(stored, owned, current),
  }));
}

function scale(api: DirectApi, set: Workload, replicas: number): void {
  api.update(REPLICA_SETS, set.metadata, 'object', (stored) => ({
    ...stored,
    spec: { ...(stored as Workload).spec, replicas },
  }));
}

function replicaSet(deployment: Workload, hash: string): object {
  const { template, selector, replicas } = deployment.spec;
  const labels = { ...template.metadata?.labels, [HASH_LABEL]: hash };
  return {
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      labels,
      ownerReferences: [ownedBy(DEPLOYMENTS, deployment)],
    },
    spec: {
      replicas,
      selector: { ...selector, matchLabels: { ...selector?.matchLabels, [HASH_LABEL]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

function templateHash({ spec }: Workload): string {
  const digest = createHash('sha256').update(JSON.stringify(spec.template)).digest();
  return [...digest.subarray(0, HASH_LENGTH)].map((byte) => SAFE.charAt(byte % SAFE.length)).join('');
}

function deploymentStatus(
  deployment: KubeObject,
  owned: readonly Workload[],
  current: Workload | undefined,
): object {
  const total = (field: string, sets: readonly Workload[]) =>
    sets.reduce((sum, { status = {} }) => sum + Number((status as Record<string, unknown>)[field] ?? 0), 0);
  return {
    observedGeneration: deployment.metadata.generation,
    replicas: total('replicas', owned),
    updatedReplicas: total('replicas', current ? [current] : []),
    readyReplicas: total('readyReplicas', owned),
    availableReplicas: total('availableReplicas', owned),
  };
}
