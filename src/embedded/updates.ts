// PUT and PATCH: a stored object is replaced by one that is made from it.
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../api/meta.ts';
import { DEPLOYMENTS, PODS } from '../kube/resources.ts';
import { admit } from './admission.ts';
import { desiredState, subjectOf, type Backend, type ObjectTarget, type WriteMode } from './backend.ts';
import { decoded } from './creates.ts';
import { withDefaults } from './defaults.ts';
import { frozen, objectAt, textAt, type JsonObject } from './json.ts';
import type { ServedKind } from './kinds.ts';
import {
  addedFinalizers,
  immutableProblems,
  invalidValue,
  metadataProblems,
  normalizedMetadata,
} from './metadata.ts';
import { readmittedPod } from './pod-admission.ts';
import { badRequest, conflict, invalid, notFound } from './status.ts';
import { objectKey } from './store.ts';
import { refuseUnknownFields, validated } from './validators.ts';

/**
 * Which part is written: the object, its status, or (by the scheduler only, in place of the Binding) the node of a pod.
 */
export type Part = 'object' | 'status' | 'binding';

/** A write: the part, and what becomes of the stored object. */
export interface Write {
  part: Part;
  produce: (current: KubeObject) => JsonObject;
}

const MODIFIED =
  'the object has been modified; please apply your changes to the latest version and try again';

/** The write that a PUT asks for; throws a 400 for a body that is not of that kind. */
export function replacement(
  backend: Backend,
  { kind, namespace, name }: ObjectTarget,
  part: Part,
  { sent, mode }: { sent: JsonObject; mode: WriteMode },
): Write {
  const object = decoded(kind, sent);
  if (mode.strict) refuseUnknownFields(backend, kind, object);
  const uid = textAt(objectAt(object['metadata'])['uid']);
  const produce = (current: KubeObject): JsonObject => {
    if (uid === '' || uid === current.metadata.uid) return object;
    const path = [kind.resource.plural, namespace, name].filter((step) => step !== undefined).join('/');
    const why = `StorageError: invalid object, Code: 4, Key: /registry/${path}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.metadata.uid}`;
    throw conflict(kind.resource, name, why);
  };
  return { part, produce };
}

/**
 * Replaces the object by what `produce` makes of it, and returns what is stored then. What the part does not own is
 * kept as it was. Nothing is stored and no resourceVersion used up when nothing changes. Removes the object when its
 * last finalizer goes after its deletion.
 */
export function updateObject(
  backend: Backend,
  target: ObjectTarget,
  { part, produce }: Write,
  mode: WriteMode,
): KubeObject {
  const { kind, name } = target;
  const key = objectKey(target);
  const current = backend.store.get(kind.resource, key);
  if (!current) throw notFound(kind.resource, name);
  const candidate = produce(current);
  checkIdentity(target, candidate, current);
  const next = completed(backend, target, ownedParts(kind, part, candidate, current), part);
  admit(backend, {
    operation: 'UPDATE',
    ...subjectOf(target),
    ...(part !== 'object' && { subresource: part }),
    object: next,
    oldObject: current,
    dryRun: mode.dryRun,
    userAgent: mode.userAgent,
  });
  if (mode.dryRun) return next;
  if (isReleased(next, current)) {
    backend.store.remove(kind.resource, key);
    return next;
  }
  return isDeepStrictEqual(next, current) ? current : backend.store.put(kind.resource, next);
}

function checkIdentity({ kind, namespace, name }: ObjectTarget, candidate: JsonObject, current: KubeObject) {
  const metadata = objectAt(candidate['metadata']);
  if (metadata['name'] !== name) {
    throw badRequest(
      `the name of the object (${textAt(metadata['name'])}) does not match the name on the URL (${name})`,
    );
  }
  if ((metadata['namespace'] ?? namespace) !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  const version = metadata['resourceVersion'] ?? '';
  if (version === '' && !kind.unconditionalUpdate) {
    const problem = invalidValue('metadata.resourceVersion', 0, 'must be specified for an update');
    throw invalid({ group: kind.resource.group, kind: kind.resource.plural }, name, [problem]);
  }
  if (version !== '' && version !== current.metadata.resourceVersion) {
    throw conflict(kind.resource, name, MODIFIED);
  }
}

function completed(backend: Backend, target: ObjectTarget, merged: JsonObject, part: Part): KubeObject {
  const { kind, name } = target;
  const current = backend.store.get(kind.resource, objectKey(target));
  if (!current) throw notFound(kind.resource, name);
  const metadata = keptMetadata(objectAt(merged['metadata']), current);
  const problems = [
    ...metadataProblems(metadata, true),
    ...immutableProblems(metadata, { ...current.metadata }),
    ...addedFinalizers(metadata, { ...current.metadata }),
  ];
  if (problems.length > 0) throw invalid(kind.resource, name, problems);
  const filled = withDefaults(kind.resource.kind, { ...merged, metadata });
  const isPod = kind.resource === PODS && part === 'object';
  const draft = (isPod ? readmittedPod(filled) : filled) as unknown as KubeObject;
  // A binding is no change of the spec by a person: no generation, no rules for updates.
  if (part === 'binding') return frozen(draft);
  const next = validated(backend, kind, draft, current);
  const wish = (object: KubeObject) => [
    desiredState(object),
    kind.resource === DEPLOYMENTS && object.metadata.annotations,
  ];
  const changed = kind.generation && !isDeepStrictEqual(wish(next), wish(current));
  const generation = (current.metadata.generation ?? 0) + 1;
  return frozen(changed ? { ...next, metadata: { ...next.metadata, generation } } : next);
}

/** Each part writes its own fields only; labels and annotations count as part of a pod's status. */
function ownedParts(kind: ServedKind, part: Part, candidate: JsonObject, current: KubeObject): JsonObject {
  if (part === 'status') {
    const { ownerReferences } = current.metadata;
    const isPod = kind.resource === PODS;
    const metadata = isPod ? { ...objectAt(candidate['metadata']), ownerReferences } : current.metadata;
    return withStatus({ ...current, metadata }, candidate['status']);
  }
  const object = { ...candidate, apiVersion: current.apiVersion, kind: current.kind };
  return kind.status && part === 'object' ? withStatus(object, current['status']) : object;
}

function withStatus(object: JsonObject, status: unknown): JsonObject {
  const { status: _other, ...rest } = object;
  return status === undefined || status === null ? rest : { ...rest, status };
}

/** What only the server changes is as it was. */
function keptMetadata(candidate: JsonObject, current: KubeObject): JsonObject {
  const { deletionTimestamp, deletionGracePeriodSeconds, uid } = current.metadata;
  return normalizedMetadata({
    ...candidate,
    uid: candidate['uid'] ?? uid,
    namespace: current.metadata.namespace,
    resourceVersion: current.metadata.resourceVersion,
    generation: current.metadata.generation,
    creationTimestamp: current.metadata.creationTimestamp,
    deletionTimestamp: deletionTimestamp ?? candidate['deletionTimestamp'],
    deletionGracePeriodSeconds: candidate['deletionGracePeriodSeconds'] ?? deletionGracePeriodSeconds,
  });
}

/** Whether the deletion of the object waited for nothing but the finalizers that are now gone. */
function isReleased(next: KubeObject, current: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = current.metadata;
  return (
    deletionTimestamp !== undefined &&
    deletionGracePeriodSeconds === 0 &&
    (next.metadata.finalizers ?? []).length === 0
  );
}
