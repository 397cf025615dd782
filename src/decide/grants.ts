// What the policies of a namespace may do, by the grants of the ClusterDriftPolicies that select it.
import type { NamespaceFacts } from '../api/namespace.ts';
import type { Grants } from '../api/policy.ts';
import { recordedDuration } from './duration.ts';
import type { CompiledPolicy } from './policies.ts';
import type { Problem } from './problem.ts';

/** What may be done in a namespace. */
export interface Powers {
  enforce: boolean;
  exceptions: boolean;
  /** Longest time of a break-glass annotation, in milliseconds; absent: none is honoured. */
  breakGlassMs?: number;
  /** Names of the ClusterDriftPolicies whose grants count; empty: none says anything. */
  grantedBy: readonly string[];
}

/**
 * Powers of a namespace: what any policy that selects it grants. Of several break-glass times the shortest counts.
 * @param unknown what may select the namespace and cannot be read: it grants nothing.
 */
export function powersOf(
  space: NamespaceFacts,
  cluster: readonly CompiledPolicy[],
  unknown: readonly string[] = [],
): Powers {
  const granting = cluster.flatMap(({ name, grants, matchesNamespace }) =>
    grants && matchesNamespace(space) ? [{ name, grants }] : [],
  );
  if (granting.length === 0 && unknown.length === 0)
    return { enforce: true, exceptions: true, grantedBy: [] };
  const times = granting.flatMap(({ grants }) => breakGlassMs(grants) ?? []);
  return {
    enforce: granting.some(({ grants }) => grants.enforce),
    exceptions: granting.some(({ grants }) => grants.exceptions),
    ...(times.length > 0 && { breakGlassMs: Math.min(...times) }),
    grantedBy: [...granting.map(({ name }) => name), ...unknown].toSorted(),
  };
}

function breakGlassMs({ breakGlass }: Grants): number | undefined {
  return breakGlass && recordedDuration(breakGlass.maxDuration);
}

/** What a policy of a namespace asks for and may not have; empty: it is permitted. */
export function refusals(policy: CompiledPolicy, powers: Powers): Problem[] {
  if (policy.kind === 'ClusterDriftPolicy') return [];
  const cure = `no ClusterDriftPolicy grants it to the namespace (grants of: ${powers.grantedBy.join(', ')}): ask who looks after these`;
  return [
    ...(policy.mode === 'Enforce' && !powers.enforce
      ? [{ path: 'spec.mode', message: `Enforce is not permitted here, ${cure}` }]
      : []),
    ...(policy.exceptions.length > 0 && !powers.exceptions
      ? [{ path: 'spec.exceptions', message: `exceptions are not permitted here, ${cure}` }]
      : []),
  ];
}
