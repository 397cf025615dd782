// From a DriftPolicy as stored to one that can be matched; or to the list of what is wrong with it.
import type { ResponseSettings } from '../api/incident.ts';
import { foreignLabels, type PodFacts } from '../api/pod.ts';
import type { Action, DriftPolicy, DriftPolicySpec, Mode } from '../api/policy.ts';
import type { Severity } from '../api/severity.ts';
import { compileGlob } from './glob.ts';
import { qualifiedName } from './images.ts';
import type { Problem } from './problem.ts';
import { compileSelector } from './selector.ts';
import { validateSpec } from './validate.ts';

export type { Problem } from './problem.ts';

/** One rung of the ladder, ready to be matched. */
export interface CompiledRung {
  name: string;
  minSeverity: Severity;
  matchesRule: (rule: string) => boolean;
  actions: readonly Action[];
}

/** A policy that was accepted, ready to be matched. */
export interface CompiledPolicy {
  name: string;
  namespace: string;
  uid: string;
  generation: number;
  mode: Mode;
  /** Whether the policy is about this pod: its namespace, labels without ours, and images. */
  matchesPod: (pod: PodFacts) => boolean;
  rungs: readonly CompiledRung[];
  settings: ResponseSettings;
}

/** Accepted, or everything that is wrong. */
export type Compilation =
  { accepted: true; policy: CompiledPolicy } | { accepted: false; problems: Problem[] };

/**
 * Validates a policy and compiles it. One problem refuses the whole policy: half a policy is not what its author meant.
 */
export function compilePolicy(policy: DriftPolicy): Compilation {
  const validation = validateSpec(policy.spec);
  return validation.valid
    ? { accepted: true, policy: compile(policy.metadata, validation.spec) }
    : { accepted: false, problems: validation.problems };
}

function compile(metadata: DriftPolicy['metadata'], spec: DriftPolicySpec): CompiledPolicy {
  const { name, uid, namespace = '', generation = 0 } = metadata;
  const selects = compileSelector(spec.match.podSelector ?? {});
  const hasImage = compileImages(spec.match.images);
  return {
    name,
    namespace,
    uid,
    generation,
    mode: spec.mode,
    matchesPod: (pod) => pod.namespace === namespace && selects(foreignLabels(pod.labels)) && hasImage(pod),
    rungs: spec.responses.map(({ rules, ...rung }) => ({
      ...rung,
      matchesRule: rules ? anyGlob(rules) : () => true,
    })),
    settings: { eviction: spec.eviction, limits: spec.limits },
  };
}

// As written and in full, so that `docker.io/library/nginx:*` also finds a pod that asks for `nginx`.
function compileImages(patterns: readonly string[] | undefined): (pod: PodFacts) => boolean {
  if (!patterns) return () => true;
  const matches = anyGlob(patterns);
  return ({ containers }) => containers.some(({ image }) => matches(image) || matches(qualifiedName(image)));
}

function anyGlob(patterns: readonly string[]): (text: string) => boolean {
  const globs = patterns.map(compileGlob);
  return (text) => globs.some((matches) => matches(text));
}
