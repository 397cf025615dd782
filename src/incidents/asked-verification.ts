// What the policies in force ask to be verified of pods that are cached, and what a policy is told of it.
import type { NewCondition } from '../api/conditions.ts';
import type { PodFacts } from '../api/pod.ts';
import type { CompiledPolicy } from '../decide/policies.ts';
import { verificationOf, type AskedVerification } from '../decide/verification.ts';
import type { ApprovedLists } from './approved-lists.ts';
import type { Caches } from './caches.ts';
import { protectionRules, type ProtectionSources } from './protection.ts';
import type { Verifications } from './verifications.ts';

/** Where policies and pods are looked up. */
export type AskedSources = ProtectionSources & { caches: Pick<Caches, 'pods' | 'rulebooks'> };

/** See {@link verificationOf}. */
export function askedVerification(sources: AskedSources, pod: PodFacts): AskedVerification | undefined {
  const { inForce } = sources.caches.rulebooks.of(pod.namespace);
  return verificationOf(pod, inForce.values(), protectionRules(sources, pod.namespace));
}

/** Gives the condition `Verified` of a policy; undefined for one that asks for no verification. */
export function verifiedBy(
  sources: AskedSources,
  verifications: Pick<Verifications, 'has' | 'conditionOf'>,
  approvedLists: Pick<ApprovedLists, 'problemOf'>,
): (policy: CompiledPolicy) => NewCondition | undefined {
  return (policy) => {
    if (!policy.verification) return undefined;
    const pending = pendingPods(sources, verifications, policy);
    return verifications.conditionOf(policy.uid, { problem: approvedLists.problemOf(policy), pending });
  };
}

// How many pods it asks for that were not looked at yet.
function pendingPods(
  sources: AskedSources,
  verifications: Pick<Verifications, 'has'>,
  { uid, namespace }: Pick<CompiledPolicy, 'uid' | 'namespace'>,
): number {
  const { pods } = sources.caches;
  const all = namespace === '' ? pods.values() : pods.byIndex('namespace', namespace);
  const asks = (pod: PodFacts) => askedVerification(sources, pod)?.policies.some((one) => one.uid === uid);
  return all.filter((pod) => !verifications.has(pod.uid, uid) && asks(pod)).length;
}
