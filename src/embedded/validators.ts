// Schemas: of custom resources as they are given from outside, of built-in kinds as far as our writes can break them.
import type { KubeObject } from '../api/meta.ts';
import { unknownFieldMessage, type Validator } from '../api/validate.ts';
import { CORE_EVENTS } from '../kube/resources.ts';
import type { Backend } from './backend.ts';
import { builtInProblems, unknownBuiltInFields } from './built-ins.ts';
import { objectAt, type JsonObject } from './json.ts';
import type { ServedKind } from './kinds.ts';
import { unknownMetadata } from './metadata.ts';
import { badRequest, invalid } from './status.ts';

/** Validators of custom resources by plural. A custom kind without one is stored as it comes. */
export type Validators = Readonly<Record<string, Validator | undefined>>;

/** Paths of fields that the schema does not know. */
export function unknownFields(backend: Backend, kind: ServedKind, object: JsonObject): readonly string[] {
  const ofKind = kind.custom
    ? validatorOf(backend, kind)?.(object).unknownFields
    : unknownBuiltInFields(kind.resource, object);
  return [...unknownMetadata(objectAt(object['metadata'])), ...(ofKind ?? [])].toSorted();
}

/** The text of a strict decoding error. */
export function strictDecodingError(fields: readonly string[]): string {
  return `strict decoding error: ${fields.map(unknownFieldMessage).join(', ')}`;
}

/** Refuses (400) an object with fields that the schema does not know. */
export function refuseUnknownFields(backend: Backend, kind: ServedKind, object: JsonObject): void {
  const fields = unknownFields(backend, kind, object);
  if (fields.length === 0) return;
  const { resource } = kind;
  throw badRequest(
    `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: ${strictDecodingError(fields)}`,
  );
}

/** The object with defaults; throws a 422 that names every wrong field. */
export function validated(
  backend: Backend,
  kind: ServedKind,
  next: KubeObject,
  old?: KubeObject,
): KubeObject {
  const verdict = validatorOf(backend, kind)?.(next, old);
  const problems = verdict?.problems ?? builtInProblems(kind.resource, next, old);
  // Both APIs of events say that they are of the core group.
  const about = kind.resource.kind === 'Event' ? CORE_EVENTS : kind.resource;
  if (problems.length > 0) throw invalid(about, next.metadata.name, problems);
  return verdict ? { ...verdict.value, metadata: next.metadata } : next;
}

function validatorOf(backend: Backend, kind: ServedKind): Validator | undefined {
  return kind.custom ? backend.validators[kind.resource.plural] : undefined;
}
