// What a responder keeps of the cluster's network: which policies could still let a quarantined pod be reached.
import { networkPolicyFacts, type NetworkPolicyFacts } from '../api/network-policy.ts';
import type { PodFacts } from '../api/pod.ts';
import type { NetworkProbe, NodeEnforcement } from '../decide/isolated.ts';
import type { NetworkView } from '../decide/residual-paths.ts';
import { ResourceCache } from '../kube/cache.ts';
import { NETWORK_POLICIES } from '../kube/resources.ts';
import { Backends } from './backends.ts';
import type { CacheOptions, Caches } from './caches.ts';

/** What was tried out, not read from policies. */
export interface NetworkFindings {
  /** What a test showed about the network of a node; undefined if there was none. */
  enforcementOf(nodeName: string): NodeEnforcement | undefined;
  /** What a probe from within the network that the pod has now showed; undefined if there was none. */
  probeOf(pod: PodFacts): NetworkProbe | undefined;
  /** Whether admission policies refuse exec, attach and port-forward into that pod while it is quarantined. */
  isExecProtected(pod: Pick<PodFacts, 'uid'>): boolean;
}

/** The caches and what else is known; receivers have none of it. */
export interface Network {
  networkPolicies: ResourceCache<NetworkPolicyFacts>;
  backends: Backends;
  findings: NetworkFindings;
}

/** Nothing was tried out. */
export const NO_FINDINGS: NetworkFindings = {
  enforcementOf: () => undefined,
  probeOf: () => undefined,
  isExecProtected: () => false,
};

/** Makes the caches; nothing is read before `run`. */
export function createNetwork(options: CacheOptions, findings: NetworkFindings = NO_FINDINGS): Network {
  return {
    networkPolicies: new ResourceCache<NetworkPolicyFacts>({
      ...options,
      resource: NETWORK_POLICIES,
      project: networkPolicyFacts,
      indexes: { namespace: ({ namespace }) => [namespace] },
    }),
    backends: new Backends(options),
    findings,
  };
}

/** The caches that are read from the API server. Those of other backends are no part of it: nothing waits for them. */
export function networkSources({
  networkPolicies,
}: Network): readonly Pick<ResourceCache<unknown>, 'run' | 'refresh' | 'synced' | 'isSynced'>[] {
  return [networkPolicies];
}

/** What is known of the network around a pod. Reads no more than memory. */
export function networkViewOf(
  { networkPolicies, backends, findings }: Network,
  { namespaces }: Pick<Caches, 'namespaces'>,
  pod: PodFacts,
): NetworkView {
  const { namespace, nodeName } = pod;
  return {
    namespaceLabels: namespaces.get(undefined, namespace)?.labels ?? {},
    networkPolicies: networkPolicies.byIndex('namespace', namespace),
    ciliumPolicies: backends.ciliumPolicies(namespace),
    closures: backends.closures,
    blind: backends.blind,
    unread: backends.unread,
    enforcement: nodeName === undefined ? undefined : findings.enforcementOf(nodeName),
    probe: findings.probeOf(pod),
    execProtected: findings.isExecProtected(pod),
  };
}
