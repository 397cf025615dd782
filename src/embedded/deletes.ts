// DELETE: graceful for pods, held by finalizers for all, in phases for namespaces
// (k8s.io/apiserver/pkg/registry/rest/delete.go and the strategies of pods and namespaces).
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject, ObjectMeta } from '../api/meta.ts';
import { NAMESPACES, PODS } from '../kube/resources.ts';
import { admit } from './admission.ts';
import { isDryRun, serverTime, subjectOf, type Backend, type ObjectTarget } from './backend.ts';
import { frozen, listAt, objectAt, type JsonObject } from './json.ts';
import { badRequest, conflict, forbidden, notFound, preconditionFailed } from './status.ts';
import { objectKey } from './store.ts';

/** metav1.DeleteOptions as far as it is obeyed; propagation is always in the background. */
export interface DeleteOptions {
  gracePeriodSeconds?: number;
  preconditions?: { uid?: string; resourceVersion?: string };
  dryRun?: boolean;
}

/** What became of a deletion. */
export interface Deletion {
  /** The object as it is now, or as it was last. */
  object: KubeObject;
  /** Whether it is gone, not just going. */
  gone: boolean;
}

/** Namespaces that the server protects. */
const IMMORTAL = ['default', 'kube-system', 'kube-public'];

/** Reads options from a body, or without one from the query: with a body the query is not looked at. */
export function deleteOptions(body: string | undefined, query: URLSearchParams): DeleteOptions {
  return readOptions(body ? bodyOptions(body) : queryOptions(query));
}

/** Reads DeleteOptions; throws a 422 for a dry run that is none. */
export function readOptions(sent: JsonObject): DeleteOptions & { dryRun: boolean } {
  const { gracePeriodSeconds, preconditions } = sent;
  return {
    ...(typeof gracePeriodSeconds === 'number' && { gracePeriodSeconds }),
    ...(preconditions !== undefined && { preconditions: objectAt(preconditions) }),
    dryRun: isDryRun(listAt(sent['dryRun']), 'DeleteOptions'),
  };
}

function bodyOptions(body: string): JsonObject {
  try {
    return objectAt(JSON.parse(body));
  } catch {
    throw badRequest("couldn't get version/kind; json parse error: unexpected end of JSON input");
  }
}

function queryOptions(query: URLSearchParams): JsonObject {
  const grace = query.get('gracePeriodSeconds');
  return { ...(grace !== null && { gracePeriodSeconds: Number(grace) }), dryRun: query.getAll('dryRun') };
}

/** Deletes the object or starts its deletion; throws 404, 409 for a failed precondition, 403 for a refusal. */
export function deleteObject(
  backend: Backend,
  target: ObjectTarget,
  options: DeleteOptions,
  userAgent: string,
): Deletion {
  const current = currentOf(backend, target, options);
  admit(backend, {
    operation: 'DELETE',
    ...subjectOf(target),
    oldObject: current,
    dryRun: options.dryRun ?? false,
    userAgent,
  });
  return deleteAdmitted(backend, target, options);
}

/** The same for a deletion that was admitted in another form: an eviction. */
export function deleteAdmitted(backend: Backend, target: ObjectTarget, options: DeleteOptions): Deletion {
  const current = currentOf(backend, target, options);
  const going = marked(backend, target, options, current);
  if (going === current) return { object: current, gone: false };
  return settle(backend, target, going, options.dryRun ?? false);
}

function currentOf(backend: Backend, target: ObjectTarget, options: DeleteOptions): KubeObject {
  const current = backend.store.get(target.kind.resource, objectKey(target));
  if (!current) throw notFound(target.kind.resource, target.name);
  checkPreconditions(target, options, current);
  return current;
}

/** The object as the deletion leaves it: the same one when there is nothing to do but wait. */
function marked(
  backend: Backend,
  target: ObjectTarget,
  options: DeleteOptions,
  current: KubeObject,
): KubeObject {
  const now = backend.clock.now();
  if (target.kind.resource === NAMESPACES) return terminating(target, current, now);
  if (target.kind.resource === PODS) return gracefully(current, options.gracePeriodSeconds, now);
  if (current.metadata.deletionTimestamp !== undefined) return current;
  return withDeletion(current, now, 0);
}

/** Stores the mark where somebody must see it, and removes what nothing holds. */
function settle(backend: Backend, target: ObjectTarget, going: KubeObject, dryRun: boolean): Deletion {
  const { resource } = target.kind;
  const { deletionGracePeriodSeconds = 0, finalizers = [] } = going.metadata;
  const held = finalizers.length > 0 || deletionGracePeriodSeconds > 0 || resource === NAMESPACES;
  const isMarked = held || resource === PODS;
  const last = isMarked ? going : (backend.store.get(resource, objectKey(target)) ?? going);
  if (dryRun) return { object: last, gone: !held };
  const object = isMarked ? storedIfChanged(backend, target, going) : last;
  if (!held) backend.store.remove(resource, objectKey(target));
  return { object, gone: !held };
}

function storedIfChanged(backend: Backend, target: ObjectTarget, next: KubeObject): KubeObject {
  const { resource } = target.kind;
  const current = backend.store.get(resource, objectKey(target));
  return current && isDeepStrictEqual(current, next) ? current : backend.store.put(resource, next);
}

function checkPreconditions({ kind, name }: ObjectTarget, options: DeleteOptions, { metadata }: KubeObject) {
  const { uid = metadata.uid, resourceVersion = metadata.resourceVersion } = options.preconditions ?? {};
  const isNamespace = kind.resource === NAMESPACES;
  const refuse = (what: string, wanted: string, found: string, guess: string) =>
    isNamespace
      ? conflict(
          kind.resource,
          name,
          `Precondition failed: ${what} in precondition: ${wanted}, ${what} in object meta: ${found}`,
        )
      : preconditionFailed(
          kind.resource,
          name,
          `the ${what} in the precondition (${wanted}) does not match the ${what} in record (${found}). The object might have been ${guess}`,
        );
  if (uid !== metadata.uid) throw refuse('UID', uid, metadata.uid, 'deleted and then recreated');
  if (resourceVersion !== metadata.resourceVersion) {
    throw refuse('ResourceVersion', resourceVersion, metadata.resourceVersion, 'modified');
  }
}

function terminating({ kind, name }: ObjectTarget, current: KubeObject, now: number): KubeObject {
  if (IMMORTAL.includes(name)) throw forbidden(kind.resource, name, 'this namespace may not be deleted');
  if (current.metadata.deletionTimestamp !== undefined) return current;
  return frozen({
    ...current,
    metadata: { ...current.metadata, deletionTimestamp: serverTime(now) },
    status: { ...objectAt(current['status']), phase: 'Terminating' },
  });
}

/** A pod's deletion: the first call decides the grace, later ones can only shorten it. */
function gracefully(pod: KubeObject, asked: number | undefined, now: number): KubeObject {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata;
  const wanted = asked === undefined ? undefined : asked < 0 ? 1 : asked;
  if (deletionTimestamp === undefined) return withDeletion(pod, now, firstGrace(pod, wanted));
  if (deletionGracePeriodSeconds === 0) return withDeletion(pod, now, 0);
  if (wanted === undefined || wanted >= deletionGracePeriodSeconds) return pod;
  const end = Date.parse(deletionTimestamp) + (wanted - deletionGracePeriodSeconds) * 1000;
  const late = end < now && wanted !== 0;
  return withMetadata(pod, {
    deletionTimestamp: serverTime(Math.max(end, now)),
    deletionGracePeriodSeconds: late ? 1 : wanted,
  });
}

/** Seconds; none for a pod that never reached a node or has ended. */
function firstGrace(pod: KubeObject, wanted: number | undefined): number {
  const { nodeName, terminationGracePeriodSeconds = 0 } = objectAt(pod['spec']);
  const phase = objectAt(pod['status'])['phase'];
  if (!nodeName || phase === 'Failed' || phase === 'Succeeded') return 0;
  return wanted ?? Number(terminationGracePeriodSeconds);
}

function withDeletion(object: KubeObject, now: number, grace: number): KubeObject {
  const { deletionTimestamp, generation } = object.metadata;
  return withMetadata(object, {
    deletionTimestamp: deletionTimestamp ?? serverTime(now + grace * 1000),
    deletionGracePeriodSeconds: grace,
    ...(deletionTimestamp === undefined && generation !== undefined && { generation: generation + 1 }),
  });
}

function withMetadata(object: KubeObject, changes: Partial<ObjectMeta>): KubeObject {
  return frozen({ ...object, metadata: { ...object.metadata, ...changes } });
}
