// The policies whose lists count in a namespace, from a cluster or from files.
import type { NamespaceFacts } from '../../api/namespace.ts';
import type { AnyPolicy, PolicyKind } from '../../api/policy.ts';
import type { LabelSelector } from '../../api/meta.ts';
import { unreadableGrants } from '../../decide/grants.ts';
import { compilePolicy, type Compilation, type CompiledPolicy } from '../../decide/policies.ts';
import { rulebookFor } from '../../decide/rulebook.ts';
import type { ReportProblem } from './report.ts';

/** Policies as they are stored. */
export interface StoredPolicies {
  own: readonly AnyPolicy[];
  /** Undefined: nobody could read them, so that it is not known what they grant. */
  cluster: readonly AnyPolicy[] | undefined;
}

/** A namespace, and whether its labels were read. */
export interface KnownSpace {
  facts: NamespaceFacts;
  labelsKnown: boolean;
}

/** What counts, and why the rest does not. */
export interface PoliciesInForce {
  /** Those in force in a namespace. */
  of: (namespace: string) => readonly CompiledPolicy[];
  problems: ReportProblem[];
}

type Entry = { kind: PolicyKind; policy: AnyPolicy; compilation: Compilation };
const NOT_COUNTED = 'what it approves does not count';
const NAME_LABEL = 'kubernetes.io/metadata.name';

/**
 * The policies in force in each of these namespaces, as die-operator has them. Where the policies of the cluster, or the
 * labels by which they select, are not known, those of the namespace are taken to be permitted.
 */
export function policiesInForce(
  { own, cluster }: StoredPolicies,
  spaces: ReadonlyMap<string, KnownSpace>,
): PoliciesInForce {
  const problems: ReportProblem[] = [];
  const ofCluster = (cluster ?? []).map((policy) => read('ClusterDriftPolicy', policy, problems));
  const byNamespace = Map.groupBy(
    own
      .filter(({ metadata }) => spaces.has(metadata.namespace ?? ''))
      .map((one) => read('DriftPolicy', one, problems)),
    ({ policy }) => policy.metadata.namespace ?? '',
  );
  const inForce = new Map<string, CompiledPolicy[]>();
  for (const [name, { facts, labelsKnown }] of spaces) {
    const here = accepted(byNamespace.get(name) ?? []);
    if (!labelsKnown && ofCluster.some(selectsByLabels)) problems.push(unknownLabels(name));
    if (!cluster || !labelsKnown) {
      inForce.set(name, [...here, ...accepted(ofCluster).filter((one) => one.matchesNamespace(facts))]);
      continue;
    }
    const book = rulebookFor(facts, here, accepted(ofCluster), unreadableGrants(ofCluster, true));
    inForce.set(name, [...book.inForce.values()]);
    for (const policy of here) {
      const [first] = book.refused.get(policy.uid) ?? [];
      if (first) problems.push(refusal(`DriftPolicy ${name}/${policy.name} is not in force`, first));
    }
  }
  return { of: (namespace) => inForce.get(namespace) ?? [], problems };
}

function read(kind: PolicyKind, policy: AnyPolicy, problems: ReportProblem[]): Entry {
  const compilation = compilePolicy(policy, kind);
  if (!compilation.accepted) {
    const { namespace, name } = policy.metadata;
    const [first] = compilation.problems;
    const where = namespace === undefined ? name : `${namespace}/${name}`;
    problems.push(refusal(`${kind} ${where} is not accepted`, first));
  }
  return { kind, policy, compilation };
}

function accepted(entries: readonly Entry[]): CompiledPolicy[] {
  return entries.flatMap(({ compilation }) => (compilation.accepted ? [compilation.policy] : []));
}

function refusal(what: string, why: { path: string; message: string } | undefined): ReportProblem {
  const detail = why ? ` (${why.path}: ${why.message})` : '';
  return { kind: 'Policy', message: `${what}, so that ${NOT_COUNTED}${detail}` };
}

// The name of a namespace is known, also where its other labels are not.
function selectsByLabels({ policy: { spec }, compilation }: Entry): boolean {
  if (!compilation.accepted) return false;
  const { namespaceSelector } = spec as { namespaceSelector?: LabelSelector };
  const { matchLabels = {}, matchExpressions = [] } = namespaceSelector ?? {};
  const keys = [...Object.keys(matchLabels), ...matchExpressions.map(({ key }) => key)];
  return keys.some((key) => key !== NAME_LABEL);
}

function unknownLabels(name: string): ReportProblem {
  return {
    kind: 'Namespace',
    message: `the labels of namespace ${name} are not known: which ClusterDriftPolicies select it is decided as if it had none but its name`,
  };
}
