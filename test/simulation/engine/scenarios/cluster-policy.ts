// A policy of the cluster for the namespace of the scenarios.
import { API_VERSION } from '../../../../src/api/names.ts';
import { CLUSTER_DRIFT_POLICIES } from '../../../../src/kube/resources.ts';
import { NAMESPACE, type Stage } from '../stage.ts';

/** Its name. */
export const CLUSTER_POLICY = 'tenants';

/** Makes it. */
export function addClusterPolicy({ cluster }: Stage, spec: object): void {
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': NAMESPACE } };
  cluster.api.create(CLUSTER_DRIFT_POLICIES, undefined, {
    apiVersion: API_VERSION,
    kind: CLUSTER_DRIFT_POLICIES.kind,
    metadata: { name: CLUSTER_POLICY },
    spec: { namespaceSelector, ...spec },
  });
}
