// From a URL path to what it names.
import type { ObjectTarget } from './backend.ts';
import { findKind, SERVED_KINDS, type ServedKind } from './kinds.ts';
import { unknownResource } from './status.ts';

/** What a path names: a collection, an object, or a part of one. */
export interface Route {
  kind: ServedKind;
  namespace: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
}

/** Subresources besides `status`. */
const SUBRESOURCES: Readonly<Record<string, readonly string[]>> = { pods: ['log', 'eviction'] };

/**
 * Reads a path without its query. Undefined for a group that is not served and for an unknown kind of a CRD's group,
 * where the real server answers with plain text; throws a 404 Status for other kinds and versions of a served group.
 */
export function parsePath(path: string): Route | undefined {
  const [root, ...rest] = path.split('/').slice(1).map(decodeURIComponent);
  if (root !== 'api' && root !== 'apis') return undefined;
  const [group = '', version = '', ...parts] = root === 'api' ? ['', ...rest] : rest;
  const known = SERVED_KINDS.filter(({ resource }) => resource.group === group);
  if (known.length === 0) return undefined;
  const place = placeOf(parts);
  const kind = findKind(group, version, place.plural);
  if (!kind || (place.namespace !== undefined && !kind.resource.namespaced)) {
    if (known.some(({ custom }) => custom)) return undefined;
    throw unknownResource();
  }
  if (!isServed(kind, place.subresource)) throw unknownResource();
  return { kind, namespace: place.namespace, name: place.name, subresource: place.subresource };
}

interface Place {
  plural: string;
  namespace: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
}

function placeOf(parts: readonly string[]): Place {
  const [first = '', second, third, fourth, fifth] = parts;
  // `namespaces/x/status` is a part of the namespace, `namespaces/x/pods` is in it.
  if (first === 'namespaces' && third !== undefined && third !== 'status') {
    return { plural: third, namespace: second, name: fourth, subresource: fifth };
  }
  return { plural: first, namespace: undefined, name: second, subresource: third };
}

function isServed({ resource, status }: ServedKind, subresource: string | undefined): boolean {
  if (subresource === undefined) return true;
  if (subresource === 'status') return status;
  return resource.group === '' && (SUBRESOURCES[resource.plural] ?? []).includes(subresource);
}

/** The object that a route names; a route without a name, or without the namespace it needs, names none. */
export function targetOf({ kind, namespace, name }: Route): ObjectTarget | undefined {
  if (name === undefined || kind.resource.namespaced !== (namespace !== undefined)) return undefined;
  return { kind, namespace, name };
}
