// Policies as their authors wrote them, defaults applied: what a compiled one no longer tells.
import type { ClusterDriftPolicySpec, DriftPolicySpec, Exception, Response } from '../api/policy.ts';
import type { CompiledException } from '../decide/exceptions.ts';
import type { CompiledPolicy } from '../decide/policies.ts';
import { validateSpec } from '../decide/validate.ts';
import type { ExplainedException } from './explanation.ts';
import type { Case } from './subject.ts';

type Spec = DriftPolicySpec | ClusterDriftPolicySpec;

/** A policy with its spec as written. */
export interface Stored {
  compiled: CompiledPolicy;
  spec: Spec;
}

/** The spec of a policy of the case. @throws Error if there is no such policy. */
export function storedOf({ entries }: Case, compiled: CompiledPolicy): Stored {
  const entry = entries.find(({ compilation }) => compilation.accepted && compilation.policy === compiled);
  const validation = entry && validateSpec(entry.policy.spec, entry.kind);
  if (!validation?.valid) throw new Error(`policy ${compiled.name} is none of the case`);
  return { compiled, spec: validation.spec };
}

/** Its rungs by name. */
export function responsesOf({ spec }: Stored): Map<string, Response> {
  return new Map((spec.responses ?? []).map((response) => [response.name, response]));
}

/** One of its exceptions as written, and as it is explained. */
export function exceptionFrom(
  { compiled, spec }: Stored,
  { name, reason, maxAction, expires }: CompiledException,
): {
  exception: Pick<Exception, 'image' | 'expires' | 'condition'>;
  explained: Omit<ExplainedException, 'state' | 'message'>;
} {
  const exception = spec.exceptions?.find((one) => one.name === name) ?? { image: '', expires };
  const policy = { kind: compiled.kind, name: compiled.name };
  return {
    exception,
    explained: { policy, name, image: exception.image, reason, maxAction, expires },
  };
}
