// The API without the wire: for the controllers, for seeds, and for a test's own hands. Rules and admission hold as on
// the wire; nothing of it is in the audit.
import type { KubeObject } from '../api/meta.ts';
import type { Resource } from '../kube/resources.ts';
import type { Backend, ObjectTarget, WriteMode } from './backend.ts';
import { createObject } from './creates.ts';
import { deleteObject, type DeleteOptions } from './deletes.ts';
import type { JsonObject } from './json.ts';
import { kindOf } from './kinds.ts';
import { objectKey } from './store.ts';
import { updateObject, type Part, type Write } from './updates.ts';

/** Names one object. */
export interface At {
  namespace?: string | undefined;
  name: string;
}

/** See the file's first line. Every call is done when it returns; refusals are thrown as `ApiError`. */
export interface DirectApi {
  /** The object, frozen, or undefined. */
  get(resource: Resource, at: At): KubeObject | undefined;
  /** Frozen objects by key, of one namespace or of all. */
  list(resource: Resource, namespace?: string): KubeObject[];
  create(resource: Resource, namespace: string | undefined, object: object): KubeObject;
  /** Stores what `produce` makes of the object, if it is there and that is something else. */
  update(resource: Resource, at: At, part: Part, produce: Write['produce']): void;
  /** Deletes the object if it is there. */
  delete(resource: Resource, at: At, options?: DeleteOptions): void;
}

/** @param userAgent what admission hooks see. */
export function createDirectApi(backend: Backend, userAgent: string): DirectApi {
  const { store } = backend;
  const mode: WriteMode = { dryRun: false, strict: false, userAgent };
  const targetOf = (resource: Resource, { namespace, name }: At): ObjectTarget => ({
    kind: kindOf(resource),
    namespace,
    name,
  });
  const get = (resource: Resource, at: At) => store.get(resource, objectKey(at));
  return {
    get,
    list: (resource, namespace) =>
      store
        .list(resource)
        .filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace),
    create: (resource, namespace, object) =>
      createObject(backend, { kind: kindOf(resource), namespace }, object as JsonObject, mode),
    update: (resource, at, part, produce) => {
      if (get(resource, at)) updateObject(backend, targetOf(resource, at), { part, produce }, mode);
    },
    delete: (resource, at, options = {}) => {
      if (get(resource, at)) deleteObject(backend, targetOf(resource, at), options, userAgent);
    },
  };
}
