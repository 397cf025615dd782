// The policies in force in one namespace, made once per change and asked for each detection.
import type { NamespaceFacts } from '../api/namespace.ts';
import { powersOf, refusals, type Powers } from './grants.ts';
import type { CompiledPolicy, MatchablePod } from './policies.ts';
import type { Problem } from './problem.ts';
import type { Exemption } from './protect.ts';

/** See the file's first line. */
export interface Rulebook {
  powers: Powers;
  /** Policies of the namespace that ask for what is not permitted, and for what; by UID. They are not in force. */
  refused: ReadonlyMap<string, readonly Problem[]>;
  /** Policies in force, by UID. */
  inForce: ReadonlyMap<string, CompiledPolicy>;
  /** Whether a policy, in whichever version, is in force here: it selects the namespace, and asks for nothing refused. */
  permits: (policy: CompiledPolicy) => boolean;
  /** Exceptions to the protection of the namespace, of ClusterDriftPolicies in force. */
  exemptions: readonly Exemption[];
  /** Policies in force that are about the pod. */
  candidates: (pod: MatchablePod) => CompiledPolicy[];
}

/**
 * The rulebook of a namespace.
 * @param own accepted policies of the namespace.
 * @param cluster accepted policies of the cluster.
 * @param unknown why grants are not known in full, such as a policy of the cluster that is not accepted: then it grants
 *   nothing, and what no other one grants is refused.
 */
export function rulebookFor(
  space: NamespaceFacts,
  own: readonly CompiledPolicy[],
  cluster: readonly CompiledPolicy[],
  unknown: readonly string[] = [],
): Rulebook {
  const powers = powersOf(space, cluster, unknown);
  const judged = own.map((policy) => ({ policy, problems: refusals(policy, powers) }));
  const permitted = judged.flatMap(({ policy, problems }) => (problems.length === 0 ? [policy] : []));
  const inForce = [...permitted, ...cluster.filter((policy) => policy.matchesNamespace(space))];
  const find = index(inForce.filter(({ rungs }) => rungs.length > 0));
  return {
    powers,
    refused: new Map(
      judged.flatMap(({ policy, problems }) => (problems.length > 0 ? [[policy.uid, problems]] : [])),
    ),
    inForce: new Map(inForce.map((policy) => [policy.uid, policy])),
    exemptions: exemptionsFor(space, cluster),
    permits: (policy) => policy.matchesNamespace(space) && refusals(policy, powers).length === 0,
    candidates: (pod) => find(pod.labels).filter((policy) => policy.matchesPod(pod)),
  };
}

/** The exceptions that policies of the cluster name for a namespace, of those that select it. */
export function exemptionsFor(space: NamespaceFacts, cluster: readonly CompiledPolicy[]): Exemption[] {
  return cluster
    .filter(({ kind, matchesNamespace }) => kind === 'ClusterDriftPolicy' && matchesNamespace(space))
    .flatMap(({ exemptions = [] }) => exemptions.filter(({ namespace }) => namespace === space.name));
}

// Most policies select by a label: only those are looked at whose label the pod has.
function index(
  policies: readonly CompiledPolicy[],
): (labels: Readonly<Record<string, string>>) => CompiledPolicy[] {
  const everywhere = policies.filter(({ anchor }) => anchor === undefined);
  const anchored = Map.groupBy(
    policies.filter(({ anchor }) => anchor !== undefined),
    ({ anchor = ['', ''] }) => anchor.join('='),
  );
  return (labels) => [
    ...everywhere,
    ...Object.entries(labels).flatMap((label) => anchored.get(label.join('=')) ?? []),
  ];
}
