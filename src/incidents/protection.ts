// What protects the pods of a namespace now: the settings, and the exceptions of the policies in force there.
import type { DriftIncident } from '../api/incident.ts';
import type { PodFacts } from '../api/pod.ts';
import type { ClusterDriftPolicy } from '../api/policy.ts';
import type { Facts } from '../decide/decision.ts';
import { compilePolicy } from '../decide/policies.ts';
import { exemptionOf, protectionOf, type Exemption, type ProtectionRules } from '../decide/protect.ts';
import { orAbsent } from '../kube/absent.ts';
import type { Clock } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import { CLUSTER_DRIFT_POLICIES } from '../kube/resources.ts';
import type { Caches } from './caches.ts';

/** Where it is looked up. */
export interface ProtectionSources {
  caches: Pick<Caches, 'rulebooks'>;
  clock: Pick<Clock, 'now'>;
  protectedNamespaces: ReadonlySet<string>;
}

/** See the file's first line; as the watches told last. */
export function protectionRules(
  { caches, clock, protectedNamespaces }: ProtectionSources,
  namespace: string,
): ProtectionRules {
  return {
    namespaces: protectedNamespaces,
    // Only there can anything be excepted.
    exemptions: protectedNamespaces.has(namespace) ? caches.rulebooks.of(namespace).exemptions : [],
    now: clock.now(),
  };
}

/**
 * The exceptions that a protected namespace has now: one that was withdrawn must protect also while its watch lags, so that
 * their policies are read. Undefined: the namespace has none, as far as is known. @throws KubeError
 */
export async function readExemptions(
  { caches, protectedNamespaces, client }: ProtectionSources & { client: KubeClient },
  namespace: string,
): Promise<readonly Exemption[] | undefined> {
  if (!protectedNamespaces.has(namespace)) return undefined;
  const rulebook = caches.rulebooks.of(namespace);
  const names = new Set(rulebook.exemptions.map(({ policy }) => policy));
  if (names.size === 0) return undefined;
  const found = await Promise.all(
    [...names].map(async (name) => {
      const policy = await orAbsent(client.get<ClusterDriftPolicy>(CLUSTER_DRIFT_POLICIES, { name }));
      const compilation = policy && compilePolicy(policy, 'ClusterDriftPolicy');
      const isInForce = compilation?.accepted === true && rulebook.permits(compilation.policy);
      return isInForce ? (compilation.policy.exemptions ?? []) : [];
    }),
  );
  return found.flat();
}

/** Whether the pod of an incident is protected, and which exception lets it be touched. @param read see {@link readExemptions}. */
export function protectionFacts(
  sources: ProtectionSources,
  { spec: { target } }: DriftIncident,
  pod: PodFacts,
  read: readonly Exemption[] | undefined,
): Pick<Facts, 'protection' | 'exemption'> {
  const cached = protectionRules(sources, pod.namespace);
  const rules = read ? { ...cached, exemptions: read } : cached;
  // What is isolated has lost the labels that an exception selects by: the record has them.
  const recorded = { ...pod, labels: target.labels };
  const exemption = exemptionOf(recorded, rules);
  return { protection: protectionOf(recorded, rules)?.message, ...(exemption && { exemption }) };
}
