// Matches a detection against policies as the operator does: by the rulebook of the pod's namespace.
import type { Detection } from '../../src/api/detection.ts';
import { unreadNamespace, type NamespaceFacts } from '../../src/api/namespace.ts';
import type { PodFacts } from '../../src/api/pod.ts';
import { matchPolicies, type Match } from '../../src/decide/match.ts';
import type { CompiledPolicy } from '../../src/decide/policies.ts';
import type { ProtectionRules } from '../../src/decide/protect.ts';
import { rulebookFor, type Rulebook } from '../../src/decide/rulebook.ts';

/** The rulebook of a namespace out of policies of both kinds and of any namespace. */
export function rulebookOf(policies: readonly CompiledPolicy[], space: NamespaceFacts): Rulebook {
  const own = policies.filter(({ kind, namespace }) => kind === 'DriftPolicy' && namespace === space.name);
  const cluster = policies.filter(({ kind }) => kind === 'ClusterDriftPolicy');
  return rulebookFor(space, own, cluster);
}

/** What these policies say about a detection in a pod. `at`: milliseconds since the epoch, default when it was received. */
export function matched(
  policies: readonly CompiledPolicy[],
  pod: PodFacts,
  detection: Detection,
  at = Date.parse(detection.summary.receivedAt),
): Match | undefined {
  const { containerName } = detection.summary;
  const container = pod.containers.find(({ name }) => name === containerName);
  const book = rulebookOf(policies, unreadNamespace(pod.namespace));
  return matchPolicies(book, { detection, pod, container, at }).match;
}

/** Nothing is protected but what always is. */
export const UNPROTECTED: ProtectionRules = { namespaces: new Set(), exemptions: [], now: 0 };
