// From a policy as stored to one that can be matched; or to the list of what is wrong with it.
import type { ResponseSettings } from '../api/incident.ts';
import { SYSTEM_NAMESPACE } from '../api/names.ts';
import type { NamespaceFacts } from '../api/namespace.ts';
import { foreignLabels } from '../api/pod.ts';
import type {
  Action,
  AnyPolicy,
  ClusterDriftPolicySpec,
  DriftPolicySpec,
  Grants,
  Mode,
  PolicyKind,
  Response,
} from '../api/policy.ts';
import type { Severity } from '../api/severity.ts';
import { compileCondition, type Condition } from './cel/condition.ts';
import { compileApproved, type ApprovedImages } from './approved-images.ts';
import { compileComparison, type CompiledComparison } from './comparison.ts';
import { compileException, type CompiledException } from './exceptions.ts';
import { anyGlob, imageMatcher, type NamedImage } from './image-patterns.ts';
import type { Problem } from './problem.ts';
import { compileUnprotect, type Exemption } from './protect.ts';
import { compileSelector } from './selector.ts';
import { validateSpec } from './validate.ts';
import { compileVerification, type CompiledVerification } from './verification.ts';

export type { Problem } from './problem.ts';

/** One rung of the ladder, ready to be matched. */
export interface CompiledRung {
  name: string;
  minSeverity: Severity;
  matchesRule: (rule: string) => boolean;
  matchesTags: (tags: readonly string[]) => boolean;
  /** Absent: all. */
  sources?: readonly string[];
  condition?: Condition;
  /** The actions count only once the drift is confirmed. */
  confirmed?: boolean | undefined;
  actions: readonly Action[];
}

/** What a policy looks at in a pod; the record of an incident has it, too. */
export interface MatchablePod {
  labels: Readonly<Record<string, string>>;
  containers: readonly NamedImage[];
}

/** A policy that was accepted, ready to be matched. */
export interface CompiledPolicy {
  kind: PolicyKind;
  name: string;
  /** Empty for a ClusterDriftPolicy. */
  namespace: string;
  uid: string;
  generation: number;
  mode: Mode;
  /** Whether the policy is about pods of that namespace. */
  matchesNamespace: (space: NamespaceFacts) => boolean;
  /** Whether the policy is about this pod of such a namespace: its labels without ours, and images. */
  matchesPod: (pod: MatchablePod) => boolean;
  /** A label that each pod has which the policy is about. */
  anchor?: readonly [key: string, value: string];
  rungs: readonly CompiledRung[];
  exceptions: readonly CompiledException[];
  settings: ResponseSettings;
  /** Absent: it asks for none. */
  comparison?: CompiledComparison;
  /** Absent: it has no list of its own. */
  approvedImages?: ApprovedImages;
  /** It approves besides what a ConfigMap lists. */
  approvedFromConfigMap?: true;
  /** Absent: it asks for none. */
  verification?: CompiledVerification;
  /** Of a ClusterDriftPolicy that says what namespaces may. */
  grants?: Grants;
  /** Of a ClusterDriftPolicy: exceptions to the protection of namespaces; absent: none. */
  exemptions?: readonly Exemption[];
}

/** Accepted, or everything that is wrong. */
export type Compilation =
  { accepted: true; policy: CompiledPolicy } | { accepted: false; problems: Problem[] };

/** Where the ConfigMap is whose digests a policy approves with `approvedImagesFrom`. */
export function listNamespaceOf({ kind, namespace }: Pick<CompiledPolicy, 'kind' | 'namespace'>): string {
  return kind === 'ClusterDriftPolicy' ? SYSTEM_NAMESPACE : namespace;
}

/**
 * Validates a policy and compiles it. One problem refuses the whole policy: half a policy is not what its author meant.
 */
export function compilePolicy(policy: AnyPolicy, kind: PolicyKind = 'DriftPolicy'): Compilation {
  const validation = validateSpec(policy.spec, kind);
  return validation.valid
    ? { accepted: true, policy: compile(policy.metadata, validation.spec, kind) }
    : { accepted: false, problems: validation.problems };
}

function compile(
  metadata: AnyPolicy['metadata'],
  spec: DriftPolicySpec | ClusterDriftPolicySpec,
  kind: PolicyKind,
): CompiledPolicy {
  const { name, uid, namespace = '', generation = 0 } = metadata;
  const { podSelector = {}, images } = spec.match;
  const selects = compileSelector(podSelector);
  const hasImage = images && imageMatcher(images);
  const [anchor] = Object.entries(podSelector.matchLabels ?? {});
  return {
    kind,
    name,
    namespace,
    uid,
    generation,
    mode: spec.mode,
    matchesNamespace: namespaceMatcher(spec, kind, namespace),
    matchesPod: (pod) =>
      selects(foreignLabels(pod.labels)) && (hasImage ? pod.containers.some(hasImage) : true),
    ...(anchor && { anchor }),
    rungs: (spec.responses ?? []).map(compileRung),
    exceptions: (spec.exceptions ?? []).map(compileException),
    settings: {
      isolation: spec.isolation,
      evidence: spec.evidence,
      eviction: spec.eviction,
      approval: spec.approval,
      limits: spec.limits,
    },
    ...looks(spec),
    ...forTheCluster(name, spec),
  };
}

// How running pods are looked at, and what approves them.
function looks({
  comparison,
  approvedImages,
  approvedImagesFrom,
  verification,
}: DriftPolicySpec | ClusterDriftPolicySpec): Pick<
  CompiledPolicy,
  'comparison' | 'approvedImages' | 'approvedFromConfigMap' | 'verification'
> {
  return {
    ...(comparison && { comparison: compileComparison(comparison) }),
    ...(approvedImages && { approvedImages: compileApproved(approvedImages) }),
    ...(approvedImagesFrom && { approvedFromConfigMap: true as const }),
    ...(verification && { verification: compileVerification(verification) }),
  };
}

// What only a ClusterDriftPolicy has.
function forTheCluster(
  name: string,
  { mode, grants, unprotect }: Partial<ClusterDriftPolicySpec> & Pick<DriftPolicySpec, 'mode'>,
): Pick<CompiledPolicy, 'grants' | 'exemptions'> {
  return {
    ...(grants && { grants }),
    ...(unprotect && { exemptions: unprotect.map((one) => compileUnprotect(name, mode, one)) }),
  };
}

function namespaceMatcher(
  spec: DriftPolicySpec | ClusterDriftPolicySpec,
  kind: PolicyKind,
  own: string,
): CompiledPolicy['matchesNamespace'] {
  if (kind === 'DriftPolicy') return ({ name }) => name === own;
  const { namespaceSelector = {} } = spec as Partial<ClusterDriftPolicySpec>;
  const selects = compileSelector(namespaceSelector);
  return ({ labels }) => selects(labels);
}

function compileRung({ rules, tags, condition, sources, ...rung }: Response): CompiledRung {
  const compiled = condition === undefined ? undefined : compileCondition(condition);
  const matchesTag = tags && anyGlob(tags);
  return {
    ...rung,
    matchesRule: rules ? anyGlob(rules) : () => true,
    matchesTags: matchesTag ? (told) => told.some(matchesTag) : () => true,
    ...(sources && { sources }),
    ...(compiled?.ok && { condition: compiled.condition }),
  };
}
