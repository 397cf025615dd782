// PATCH bodies: JSON Patch and JSON Merge Patch as the real server applies them.
import { applyPatch, Pointer, type Operation } from 'rfc6902';
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../api/meta.ts';
import type { Backend } from './backend.ts';
import { isJsonObject, objectAt, textAt, type JsonObject } from './json.ts';
import type { ServedKind } from './kinds.ts';
import { decodeProblem, invalidValue } from './metadata.ts';
import { badRequest, invalid, patchRefused, unsupportedMediaType } from './status.ts';
import { strictDecodingError, unknownFields } from './validators.ts';

const JSON_PATCH = 'application/json-patch+json';
const MERGE_PATCH = 'application/merge-patch+json';
const APPLY_PATCH = 'application/apply-patch+yaml';
/** What a real server names for a custom resource. */
const REAL_MEDIA_TYPES = [JSON_PATCH, MERGE_PATCH, APPLY_PATCH];

/** A patch that can be applied to the stored object. */
export type Patch = (current: KubeObject) => JsonObject;

/**
 * Reads a patch. A content type that is not served is refused at once (415); everything else when the patch is
 * applied, since the server looks for the object first. Strategic merge patches and server-side apply are not served.
 */
export function parsePatch(
  backend: Backend,
  kind: ServedKind,
  { contentType, body, strict }: { contentType: string; body: string; strict: boolean },
): Patch {
  const mediaType = contentType.split(';')[0]?.trim() ?? '';
  const apply = PATCHES[mediaType];
  if (!apply) throw unsupportedMediaType(REAL_MEDIA_TYPES, mediaType === APPLY_PATCH);
  return (current) => {
    const patched = apply(current, body);
    refuseUndecodable(patched, kind, strict ? unknownFields(backend, kind, patched) : []);
    return patched;
  };
}

const PATCHES: Readonly<Record<string, (current: KubeObject, body: string) => JsonObject>> = {
  [JSON_PATCH]: (current, body) => {
    const operations = parsed(body);
    if (!Array.isArray(operations)) throw undecodable(operations, '[]handlers.jsonPatchOp');
    return jsonPatched(current, ESCAPED.test(body) ? comparedAsWritten(operations, body) : operations);
  },
  [MERGE_PATCH]: (current, body) => {
    const patch = parsed(body);
    if (!isJsonObject(patch)) throw undecodable(patch, 'map[string]interface {}');
    return objectAt(mergePatched(current, patch));
  },
};

/** What Go's encoder writes as an escape. */
const ESCAPED = /[<>&\u2028\u2029]/;
/** Equal to nothing that is stored. */
const WRITTEN_OTHERWISE = Symbol('a text that is not written as Go writes it');

/**
 * The operations, where a `test` for a text that Go would write with an escape fails unless the body writes it so too: the
 * server's library compares texts as they are written.
 */
function comparedAsWritten(operations: readonly unknown[], body: string): unknown[] {
  const mark = (_: string, value: unknown, { source }: { source?: string }) =>
    typeof value === 'string' && ESCAPED.test(source ?? '') ? WRITTEN_OTHERWISE : value;
  const marked = JSON.parse(body, mark as (key: string, value: unknown) => unknown) as unknown[];
  return operations.map((operation, index) => {
    const isTest = isJsonObject(operation) && operation['op'] === 'test';
    return isTest ? { ...operation, value: objectAt(marked[index])['value'] } : operation;
  });
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw badRequest('error decoding patch: unexpected end of JSON input');
  }
}

function undecodable(value: unknown, wanted: string) {
  const found = Array.isArray(value) ? 'array' : isJsonObject(value) ? 'object' : typeof value;
  return badRequest(`error decoding patch: json: cannot unmarshal ${found} into Go value of type ${wanted}`);
}

/**
 * Applies RFC 6902 with the habits of the server's library (evanphx/json-patch): `replace` adds a member that is not
 * there, and a `test` for null (or without a value) passes on a member that is not there. Throws a 422 with empty
 * details when an operation does not apply.
 */
export function jsonPatched(document: unknown, operations: readonly unknown[]): JsonObject {
  const draft: unknown = structuredClone(document);
  for (const operation of operations) if (!applied(draft, operation)) throw patchRefused();
  return objectAt(draft);
}

function applied(draft: unknown, operation: unknown): boolean {
  if (!isJsonObject(operation) || typeof operation['path'] !== 'string') return false;
  // No field has such a name; assigning it would change what the object inherits.
  if (operation['path'].split('/').includes('__proto__')) return false;
  try {
    if (operation['op'] === 'test') return testHolds(draft, operation['path'], operation['value'] ?? null);
    const [problem] = applyPatch(draft, [asAdd(draft, operation) as unknown as Operation]);
    return !problem;
  } catch {
    // The library throws for a malformed pointer, and when a pointer leads through a scalar.
    return false;
  }
}

function testHolds(draft: unknown, path: string, wanted: unknown): boolean {
  const { parent, value } = locate(draft, path);
  if (path !== '' && (typeof parent !== 'object' || parent === null)) return false;
  return isDeepStrictEqual(value ?? null, wanted);
}

function locate(draft: unknown, path: string): { parent: unknown; value: unknown } {
  return Pointer.fromJSON(path).evaluate(draft);
}

function asAdd(draft: unknown, operation: JsonObject): JsonObject {
  if (operation['op'] !== 'replace') return operation;
  const { parent, value } = locate(draft, textAt(operation['path']));
  return isJsonObject(parent) && value === undefined ? { ...operation, op: 'add' } : operation;
}

/** Applies RFC 7386: null removes a member, objects are merged, everything else replaces. */
export function mergePatched(document: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const before = new Map(Object.entries(objectAt(document)));
  const kept = [...before].filter(([key]) => !Object.hasOwn(patch, key));
  const changed = Object.entries(patch).filter(([, value]) => value !== null);
  return Object.fromEntries([
    ...kept,
    ...changed.map(([key, value]): [string, unknown] => [key, mergePatched(before.get(key), value)]),
  ]);
}

/** What cannot be decoded after the patch is a 422 about the field `patch`, which names no object. */
function refuseUndecodable(patched: JsonObject, kind: ServedKind, unknown: readonly string[]): void {
  const detail =
    decodeProblem(objectAt(patched['metadata'])) ??
    (patched['kind'] !== kind.resource.kind
      ? `no kind "${textAt(patched['kind'])}" is registered for this resource`
      : undefined) ??
    (unknown.length > 0 ? strictDecodingError(unknown) : undefined);
  if (detail === undefined) return;
  throw invalid({ group: '', kind: '' }, '', [invalidValue('patch', JSON.stringify(patched), detail)]);
}
