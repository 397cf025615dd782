// From any object to a valid policy, or to everything for which the API server or die-operator would refuse it.
import { isObject, type JsonObject } from '../api/defaulting.ts';
import { API_VERSION, GROUP } from '../api/names.ts';
import { POLICY_KINDS, type PolicyKind } from '../api/policy.ts';
import { validators } from '../api/validate.ts';
import { validateSpec } from '../decide/validate.ts';
import type { LintedPolicy, LintObject, Remark } from './finding.ts';

const VALIDATORS = {
  DriftPolicy: validators.driftpolicies,
  ClusterDriftPolicy: validators.clusterdriftpolicies,
} as const;
// Records of what happened: nobody keeps them in files to apply them.
const NOT_JUDGED: readonly unknown[] = ['DriftIncident'];
const OBJECT_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const NAMESPACE_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** A policy, or why there is none. */
export interface Reading {
  policy?: LintedPolicy;
  remarks: Remark[];
}

/** Whether the object is, or was meant to be, a policy: of our group, or of the name of our kinds. */
export function isOurs({ apiVersion, kind }: LintObject['object']): boolean {
  if (NOT_JUDGED.includes(kind)) return false;
  return isPolicyKind(kind) || (typeof apiVersion === 'string' && apiVersion.split('/')[0] === GROUP);
}

/** Reads one of our objects. */
export function readPolicy(object: LintObject['object']): Reading {
  const { apiVersion, kind } = object;
  if (!isPolicyKind(kind)) {
    return refused([invalid('kind', `${quote(kind)} is no kind of this version`, known(POLICY_KINDS))]);
  }
  if (apiVersion !== API_VERSION) {
    return refused([
      invalid('apiVersion', `${quote(apiVersion)} is not served for ${kind}`, known([API_VERSION])),
    ]);
  }
  const { problems, unknownFields, value } = VALIDATORS[kind](object);
  const remarks = [
    ...metadataRemarks(object.metadata, kind),
    ...unknownFields.map((path) =>
      invalid(path, 'this version does not know the field', 'Remove it, or correct its name.'),
    ),
    ...problems.map(({ field, message }) => invalid(field, message)),
  ];
  // Only what the schema allows can be understood any further.
  const validation = problems.length === 0 ? validateSpec(value['spec'], kind) : undefined;
  if (validation?.valid === false) {
    return refused([...remarks, ...validation.problems.map(({ path, message }) => invalid(path, message))]);
  }
  if (remarks.length > 0 || !validation) return refused(remarks);
  return understood(kind, object.metadata as JsonObject, validation.spec);
}

function understood(kind: PolicyKind, metadata: JsonObject, spec: LintedPolicy['spec']): Reading {
  const { name, namespace } = metadata as { name: string; namespace?: string };
  const isCluster = kind === 'ClusterDriftPolicy';
  const policy = {
    kind,
    name,
    namespace: isCluster ? '' : (namespace ?? ''),
    spec,
    rungs: spec.responses ?? [],
  };
  const remark: Remark = {
    code: 'NoNamespace',
    path: 'metadata.namespace',
    message: 'is not there: the policy goes to the namespace that kubectl is set to',
  };
  return { policy, remarks: isCluster || namespace !== undefined ? [] : [remark] };
}

function metadataRemarks(metadata: unknown, kind: PolicyKind): Remark[] {
  const { name, namespace } = isObject(metadata) ? metadata : {};
  const isNamed = typeof name === 'string' && name.length <= 253 && OBJECT_NAME.test(name);
  const isPlaced =
    namespace === undefined ||
    (typeof namespace === 'string' && namespace.length <= 63 && NAMESPACE_NAME.test(namespace));
  const misplaced = kind === 'ClusterDriftPolicy' && namespace !== undefined;
  return [
    ...(isNamed ? [] : [invalid('metadata.name', `${quote(name)} is no name of an object`, LOWER_CASE)]),
    ...(isPlaced
      ? []
      : [invalid('metadata.namespace', `${quote(namespace)} is no name of a namespace`, LOWER_CASE)]),
    ...(misplaced
      ? [invalid('metadata.namespace', 'a ClusterDriftPolicy has no namespace', 'Remove it.')]
      : []),
  ];
}

const LOWER_CASE = 'Write lower-case letters, digits and dashes.';

function refused(remarks: Remark[]): Reading {
  return { remarks };
}

function invalid(path: string, message: string, cure?: string): Remark {
  return { code: 'Invalid', path, message, ...(cure !== undefined && { cure }) };
}

function isPolicyKind(kind: unknown): kind is PolicyKind {
  return (POLICY_KINDS as readonly unknown[]).includes(kind);
}

function quote(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 100);
}

function known(values: readonly string[]): string {
  return `Write ${values.join(' or ')}.`;
}
