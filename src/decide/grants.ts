// What the policies of a namespace may do, by the grants of the ClusterDriftPolicies that select it.
import type { NamespaceFacts } from '../api/namespace.ts';
import {
  COLLECTORS,
  type AnyPolicy,
  type ClusterDriftPolicySpec,
  type CollectorName,
  type Grants,
} from '../api/policy.ts';
import { recordedDuration } from './duration.ts';
import type { CompiledPolicy } from './policies.ts';
import type { Problem } from './problem.ts';

/** What may be done in a namespace. */
export interface Powers {
  enforce: boolean;
  exceptions: boolean;
  /** Of those that work on the node: nobody has it without a grant. */
  cut: boolean;
  /** What may be read on nodes; as with `cut`. */
  collectors: readonly CollectorName[];
  /** May run commands in pods; as with `cut`. */
  exec?: boolean;
  /** May ask for Restart, which makes pods; as with `cut`. */
  restart?: boolean;
  /** Pods may be compared with their images; as with `cut`. */
  comparison: boolean;
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
    return { enforce: true, exceptions: true, cut: false, collectors: [], comparison: false, grantedBy: [] };
  const times = granting.flatMap(({ grants }) => breakGlassMs(grants) ?? []);
  return {
    enforce: granting.some(({ grants }) => grants.enforce),
    exceptions: granting.some(({ grants }) => grants.exceptions),
    cut: granting.some(({ grants }) => grants.cut),
    comparison: granting.some(({ grants }) => grants.comparison),
    collectors: COLLECTORS.filter((name) => granting.some(({ grants }) => grants.collectors.includes(name))),
    ...(granting.some(({ grants }) => grants.exec) && { exec: true }),
    ...(granting.some(({ grants }) => grants.restart) && { restart: true }),
    ...(times.length > 0 && { breakGlassMs: Math.min(...times) }),
    grantedBy: [...granting.map(({ name }) => name), ...unknown].toSorted(),
  };
}

function breakGlassMs({ breakGlass }: Grants): number | undefined {
  return breakGlass && recordedDuration(breakGlass.maxDuration);
}

/** A policy of the cluster as it is stored, and whether it was accepted. */
export interface StoredClusterPolicy {
  policy: AnyPolicy;
  compilation: { accepted: boolean };
}

/**
 * Policies of the cluster whose grants cannot be read, each with the reason. What holds others back must not let go of them
 * by a mistake in it, nor because it is of another version, nor while the labels of the namespace are not known.
 */
export function unreadableGrants(cluster: readonly StoredClusterPolicy[], labelsKnown: boolean): string[] {
  return cluster.flatMap(({ policy: { metadata, spec }, compilation: { accepted } }) => {
    const grants = (spec as Partial<ClusterDriftPolicySpec> | undefined)?.grants;
    if (grants === undefined || (accepted && labelsKnown)) return [];
    const why = accepted ? 'and the labels of the namespace are not known yet' : 'which is not accepted';
    return [`${metadata.name}, ${why}`];
  });
}

/** What a policy of a namespace asks for and may not have; empty: it is permitted. */
export function refusals(policy: CompiledPolicy, powers: Powers): Problem[] {
  if (policy.kind === 'ClusterDriftPolicy') return [];
  const asked = powers.grantedBy.length > 0 ? ` (grants of: ${powers.grantedBy.join(', ')})` : '';
  const cure = `no ClusterDriftPolicy grants it to the namespace${asked}: ask who looks after these`;
  return [
    ...(policy.mode === 'Enforce' && !powers.enforce
      ? [{ path: 'spec.mode', message: `Enforce is not permitted here, ${cure}` }]
      : []),
    ...(policy.exceptions.length > 0 && !powers.exceptions
      ? [{ path: 'spec.exceptions', message: `exceptions are not permitted here, ${cure}` }]
      : []),
    ...(policy.comparison && !powers.comparison
      ? [{ path: 'spec.comparison', message: `it is not permitted here, ${cure}` }]
      : []),
    ...(policy.settings.isolation.cut !== 'None' && !powers.cut
      ? [
          {
            path: 'spec.isolation.cut',
            message: `${policy.settings.isolation.cut} is not permitted here, ${cure}`,
          },
        ]
      : []),
    ...refusedCommands(policy, powers, cure),
    ...refusedRestarts(policy, powers, cure),
    ...policy.rungs.flatMap(({ confirmed }, index) =>
      confirmed !== true || powers.collectors.includes('Filesystem')
        ? []
        : [
            {
              path: `spec.responses[${index}].confirmed`,
              message: `to confirm drift takes Filesystem of evidence.collectors, which is not permitted here, ${cure}`,
            },
          ],
    ),
    ...policy.settings.evidence.collectors.flatMap((name, index) =>
      powers.collectors.includes(name)
        ? []
        : [
            {
              path: `spec.evidence.collectors[${index}]`,
              message: `${name} is not permitted here, ${cure}`,
            },
          ],
    ),
  ];
}

function refusedCommands({ settings }: CompiledPolicy, { exec }: Powers, cure: string): Problem[] {
  const asked = settings.evidence.exec ?? [];
  if (asked.length === 0 || exec === true) return [];
  return [{ path: 'spec.evidence.exec', message: `commands in pods are not permitted here, ${cure}` }];
}

function refusedRestarts({ rungs }: CompiledPolicy, { restart }: Powers, cure: string): Problem[] {
  if (restart === true) return [];
  return rungs.flatMap(({ actions }, index) =>
    actions.includes('Restart')
      ? [{ path: `spec.responses[${index}].actions`, message: `Restart is not permitted here, ${cure}` }]
      : [],
  );
}
