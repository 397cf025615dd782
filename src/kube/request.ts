// The requests that a client makes, as data: path, query, headers, body and what they are called in messages.
import type { JsonPatchOp, Selection } from './client.ts';
import { resourcePath, type ObjectPath, type Resource } from './resources.ts';
import type { HttpRequest } from './transport.ts';

/** Query parameters; undefined ones are left out. */
export type Query = Readonly<Record<string, string | number | undefined>>;

/** A request before it is sent. */
export interface Call {
  /** Verb and object for messages: `patch Pod shop/web-1`. */
  doing: string;
  method: HttpRequest['method'];
  /** Path with query. */
  path: string;
  headers: Readonly<Record<string, string>>;
  body?: string;
}

const JSON_TYPE = 'application/json';
const PATCH_TYPE = 'application/json-patch+json';

/** Path with query, all of it escaped. */
export function pathWithQuery(path: string, query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`;
}

/** `patch Pod shop/web-1 status`, `list Pod in shop`: verb and object for messages. */
export function describe(verb: string, resource: Resource, at: ObjectPath): string {
  const place = at.namespace === undefined ? 'in all namespaces' : `in ${at.namespace}`;
  const path = [at.namespace, at.name].filter(Boolean).join('/');
  const object = at.name === undefined ? (resource.namespaced ? place : '') : path;
  return [verb, resource.kind, object, at.subresource].filter(Boolean).join(' ');
}

/** A GET that expects JSON, or with `text` anything. */
export function readCall(
  verb: string,
  resource: Resource,
  at: ObjectPath,
  { query = {}, accept = JSON_TYPE }: { query?: Query; accept?: string } = {},
): Call {
  return {
    doing: describe(verb, resource, at),
    method: 'GET',
    path: pathWithQuery(resourcePath(resource, at), query),
    headers: { accept },
  };
}

/** Query of a list or watch. */
export function selectionQuery({ labelSelector, fieldSelector }: Selection): Query {
  return { labelSelector, fieldSelector };
}

/** Where the selected objects are. */
export function selectionPath({ namespace }: Selection): ObjectPath {
  return namespace === undefined ? {} : { namespace };
}

const writeQuery = (dryRun: boolean | undefined): Query => ({
  fieldValidation: 'Strict',
  dryRun: dryRun ? 'All' : undefined,
});

/** A POST of an object, or of a subresource. */
export function createCall(resource: Resource, at: ObjectPath, body: object, dryRun?: boolean): Call {
  // A created object has its name in the body, not in the path.
  const path = at.subresource === undefined ? selectionPath(at) : at;
  return {
    doing: describe('create', resource, at),
    method: 'POST',
    path: pathWithQuery(resourcePath(resource, path), writeQuery(dryRun)),
    headers: { accept: JSON_TYPE, 'content-type': JSON_TYPE },
    body: JSON.stringify(body),
  };
}

/**
 * JSON as Go writes it. The API server's JSON patch compares a tested text with the stored one byte by byte, as both
 * are written: a literal `>` is then another text than Go's escape of it, and the test fails for ever.
 */
function asGoWrites(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A PATCH by JSON patch. */
export function patchCall(
  resource: Resource,
  at: ObjectPath,
  ops: readonly JsonPatchOp[],
  dryRun?: boolean,
): Call {
  return {
    doing: describe('patch', resource, at),
    method: 'PATCH',
    path: pathWithQuery(resourcePath(resource, at), writeQuery(dryRun)),
    headers: { accept: JSON_TYPE, 'content-type': PATCH_TYPE },
    body: asGoWrites(ops),
  };
}

/** A DELETE of the object with that UID. All options go in the body: where there is one, the server reads no others. */
export function deleteCall(
  resource: Resource,
  at: ObjectPath,
  uid: string,
  options: {
    dryRun?: boolean | undefined;
    gracePeriodSeconds?: number | undefined;
    resourceVersion?: string | undefined;
  },
): Call {
  const body = {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    preconditions: { uid, resourceVersion: options.resourceVersion },
    gracePeriodSeconds: options.gracePeriodSeconds,
    dryRun: options.dryRun ? ['All'] : undefined,
  };
  return {
    doing: describe('delete', resource, at),
    method: 'DELETE',
    path: resourcePath(resource, at),
    headers: { accept: JSON_TYPE, 'content-type': JSON_TYPE },
    body: JSON.stringify(body),
  };
}
