// What a watched object did, and the short description of it that the verbs take.
import type { KubeObject } from '../api/meta.ts';
import { apiVersionOf, type Resource } from '../kube/resources.ts';

/** As in a watch. */
export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** Names one object in one version of it. */
export interface ResourceMeta {
  /** Kind of the object as `<plural>.<apiVersion>`. */
  id: string;
  name: string;
  namespace?: string;
  uid: string;
  resourceVersion: string;
  apiVersion: string;
  kind: string;
}

/** The latest that is known of an object, and what became of it since its handler last succeeded. */
export interface ResourceEvent {
  type: EventType;
  meta: ResourceMeta;
  object: KubeObject;
}

/** Describes an object of that kind. Objects of a list carry neither kind nor version. */
export function metaOf(resource: Resource, object: KubeObject): ResourceMeta {
  const { name, namespace, uid, resourceVersion } = object.metadata;
  const apiVersion = apiVersionOf(resource);
  return {
    id: `${resource.plural}.${apiVersion}`,
    name,
    ...(namespace !== undefined && { namespace }),
    uid,
    resourceVersion,
    apiVersion,
    kind: resource.kind,
  };
}

/** The kind that a description is about. */
export function resourceOf({ id, apiVersion, kind, namespace }: ResourceMeta): Resource {
  const [version = '', group = ''] = apiVersion.split('/').toReversed();
  const plural = id.slice(0, id.indexOf('.'));
  return { group, version, plural, kind, namespaced: namespace !== undefined };
}
