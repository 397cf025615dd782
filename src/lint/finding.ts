// What lint says of one object, and what rules see of a policy.
import { isObject } from '../api/defaulting.ts';
import type { ClusterDriftPolicySpec, DriftPolicySpec, PolicyKind, Response } from '../api/policy.ts';
import { LINT_CODES, type FindingCode, type FindingSeverity } from './codes.ts';

/** An object of a file. */
export interface LintObject {
  object: Readonly<Record<string, unknown>>;
  file?: string;
  /** Line on which the object begins, from 1. */
  line?: number;
}

/** One thing that lint says. The texts quote the object: clean them before a terminal sees them. */
export interface Finding {
  severity: FindingSeverity;
  code: FindingCode;
  /** Kind, namespace and name, as in `DriftPolicy shop/web`. */
  object: string;
  file?: string;
  line?: number;
  /** Of the field, as in `spec.responses[1]`; empty for the object itself. */
  path: string;
  /** What is wrong and what follows from it; no capital, no full stop. */
  message: string;
  /** What to do, as a sentence. */
  cure: string;
}

/** A finding as a rule makes it; without `cure` that of its code is taken. */
export interface Remark {
  code: FindingCode;
  path: string;
  message: string;
  cure?: string;
}

/** A valid policy, defaults applied. */
export interface LintedPolicy {
  kind: PolicyKind;
  name: string;
  /** Empty for a ClusterDriftPolicy, and where the file leaves it to kubectl. */
  namespace: string;
  spec: DriftPolicySpec | ClusterDriftPolicySpec;
  /** The rungs of `spec`; empty where it only grants. */
  rungs: readonly Response[];
}

/** One rule about one policy. @param now milliseconds since the epoch. */
export type PolicyRule = (policy: LintedPolicy, now: number) => Remark[];

/** The finding that a remark is of an object. */
export function findingOf({ object, file, line }: LintObject, remark: Remark): Finding {
  const { code, path, message, cure = LINT_CODES[code].cure } = remark;
  return {
    severity: LINT_CODES[code].severity,
    code,
    object: nameOf(object),
    ...(file !== undefined && { file }),
    ...(line !== undefined && { line }),
    path,
    message,
    cure,
  };
}

function nameOf({ kind, metadata }: LintObject['object']): string {
  const { namespace, name } = isObject(metadata) ? metadata : {};
  const full = [namespace, name ?? '(no name)'].flatMap((part) => (typeof part === 'string' ? [part] : []));
  return `${String(kind)} ${full.join('/')}`;
}
