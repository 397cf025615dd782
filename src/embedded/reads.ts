// GET of one object and LIST, page by page, from one moment.
import type { KubeObject } from '../api/meta.ts';
import { apiVersionOf } from '../kube/resources.ts';
import type { Backend, Collection, ObjectTarget } from './backend.ts';
import { isJsonObject, type JsonObject } from './json.ts';
import { parseFieldSelector, parseLabelSelector, type Predicate } from './selectors.ts';
import { ApiError, badRequest, expired, notFound, tooLargeRevision } from './status.ts';
import { objectKey } from './store.ts';

const CONTINUE_EXPIRED =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.';

/** Where a paged list goes on; `rv` -1 is the present, at the price of consistency. */
interface ContinueToken {
  v: 'meta.k8s.io/v1';
  rv: number;
  /** Key of the last object that was sent. */
  start: string;
}

/** The object, or a 404. */
export function getObject(backend: Backend, { kind, namespace, name }: ObjectTarget): KubeObject {
  const object = backend.store.get(kind.resource, objectKey({ namespace, name }));
  if (!object) throw notFound(kind.resource, name);
  return object;
}

/** The object at that revision or a later one: of the future there is none (504). */
export function getObjectSince(backend: Backend, target: ObjectTarget, query: URLSearchParams): KubeObject {
  requireRevision(backend, query.get('resourceVersion') ?? '');
  return getObject(backend, target);
}

/** Whether a GET of a collection is a watch. */
export function isWatch(query: URLSearchParams): boolean {
  return ['true', '1'].includes(query.get('watch') ?? '');
}

/** What the namespace and the selectors of a query select. */
export function selectionOf({ kind, namespace }: Collection, query: URLSearchParams): Predicate {
  const labelsMatch = parseLabelSelector(query.get('labelSelector') ?? '');
  const fieldsMatch = parseFieldSelector(query.get('fieldSelector') ?? '', kind);
  return (object) =>
    (namespace === undefined || object.metadata.namespace === namespace) &&
    labelsMatch(object.metadata.labels ?? {}) &&
    fieldsMatch(object);
}

/** A list or a page of it, with the resourceVersion of the moment at which the first page was taken. */
export function listObjects(backend: Backend, at: Collection, query: URLSearchParams): JsonObject {
  const selected = selectionOf(at, query);
  const limit = wholeNumber(query.get('limit') ?? '0');
  const token = tokenIn(query);
  if (!token) requireRevision(backend, query.get('resourceVersion') ?? '');
  const revision = token && token.rv !== -1 ? token.rv : backend.store.revision;
  const objects = backend.store.listAt(at.kind.resource, revision);
  if (!objects) throw continueExpired(token?.start ?? '');
  const rest = objects.filter(
    (object) => selected(object) && (!token || objectKey(object.metadata) > token.start),
  );
  const page = limit > 0 ? rest.slice(0, limit) : rest;
  const more = pageMetadata(page, rest.length, revision, hasSelectors(query));
  return listBody(at, { resourceVersion: String(revision), ...more }, page);
}

function hasSelectors(query: URLSearchParams): boolean {
  return query.has('labelSelector') || query.has('fieldSelector');
}

function pageMetadata(
  page: readonly KubeObject[],
  total: number,
  revision: number,
  selective: boolean,
): JsonObject {
  const last = page.at(-1);
  if (!last || page.length === total) return {};
  const token = encodeToken({ v: 'meta.k8s.io/v1', rv: revision, start: objectKey(last.metadata) });
  // With a selector the real server cannot tell how many are left.
  return { continue: token, ...(!selective && { remainingItemCount: total - page.length }) };
}

function listBody({ kind }: Collection, metadata: JsonObject, page: readonly KubeObject[]): JsonObject {
  return {
    kind: `${kind.resource.kind}List`,
    apiVersion: apiVersionOf(kind.resource),
    // Lists of custom resources always carry the token, also an empty one.
    metadata: kind.custom ? { continue: '', ...metadata } : metadata,
    items: kind.custom ? page : page.map(({ apiVersion: _apiVersion, kind: _kind, ...item }) => item),
  };
}

/** Refuses a revision that is not reached yet (504); an older one is satisfied by the present. */
function requireRevision(backend: Backend, text: string): void {
  const asked = revisionOf(text) ?? 0;
  if (asked > backend.store.revision) throw tooLargeRevision(asked, backend.store.revision);
}

/** The number in a `resourceVersion` parameter; undefined for none, a 400 for text that is no number. */
export function revisionOf(text: string): number | undefined {
  if (text === '') return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  throw badRequest(
    `invalid resource version: resourceVersion: Invalid value: "${text}": strconv.ParseUint: parsing "${text}": invalid syntax`,
  );
}

/** A number in a query, or a 400. */
export function wholeNumber(text: string): number {
  if (/^-?\d+$/.test(text)) return Number(text);
  throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
}

function encodeToken(token: ContinueToken): string {
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

/** The token of a query; it says by itself which moment is meant. */
function tokenIn(query: URLSearchParams): ContinueToken | undefined {
  const text = query.get('continue') ?? '';
  if (text === '') return undefined;
  const token = parseToken(text);
  if (['', '0'].includes(query.get('resourceVersion') ?? '')) return token;
  throw badRequest('specifying resource version is not allowed when using continue');
}

function parseToken(text: string): ContinueToken {
  const token = jsonOf(Buffer.from(text, 'base64url').toString());
  if (isJsonObject(token) && typeof token['rv'] === 'number' && typeof token['start'] === 'string') {
    return { v: 'meta.k8s.io/v1', rv: token['rv'], start: token['start'] };
  }
  throw badRequest('invalid continue token: continue key is not valid');
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** 410, with a token that goes on from the present. */
function continueExpired(start: string): ApiError {
  const { status } = expired(CONTINUE_EXPIRED);
  const token = encodeToken({ v: 'meta.k8s.io/v1', rv: -1, start });
  return new ApiError(410, { ...status, metadata: { continue: token } });
}
