// The facts about the network policies of Cilium that isolation depends on.
import type { KubeObject } from './meta.ts';

/** The kinds of Cilium's policies: of one namespace, and of the cluster. */
export type CiliumPolicyKind = 'CiliumNetworkPolicy' | 'CiliumClusterwideNetworkPolicy';

/** A policy of Cilium (`cilium.io/v2`). */
export interface CiliumPolicyFacts {
  kind: CiliumPolicyKind;
  /** Empty for one of the cluster. */
  namespace: string;
  name: string;
  /** `spec` and each of `specs`, as the API server sent them: each is a policy of its own. */
  rules: readonly unknown[];
}

/** Makes the projection of one of the two kinds. It never throws for an object that the API server sent. */
export function ciliumPolicyFacts(kind: CiliumPolicyKind): (object: KubeObject) => CiliumPolicyFacts {
  return ({ metadata, ...rest }) => {
    const { spec, specs } = rest;
    const several: unknown[] = Array.isArray(specs) ? specs : isGiven(specs) ? [specs] : [];
    return {
      kind,
      namespace: metadata.namespace ?? '',
      name: metadata.name,
      rules: isGiven(spec) ? [spec, ...several] : several,
    };
  };
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
