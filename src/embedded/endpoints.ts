// What each method does on a collection, an object or a subresource: the table of the API.
import { SELF_SUBJECT_ACCESS_REVIEWS, SELF_SUBJECT_REVIEWS } from '../kube/resources.ts';
import type { HttpRequest } from '../kube/transport.ts';
import { REVIEWS_PATH, reviewAccess } from './access-reviews.ts';
import { writeMode, type Backend, type ObjectTarget, type WriteMode } from './backend.ts';
import { createObject } from './creates.ts';
import { deleteObject, deleteOptions } from './deletes.ts';
import { evictPod } from './evictions.ts';
import { objectAt, type JsonObject } from './json.ts';
import { parsePatch } from './patches.ts';
import { readPodLog, type PodLogs } from './pod-logs.ts';
import { getObject, getObjectSince, isWatch, listObjects } from './reads.ts';
import { parsePath, targetOf, type Route } from './routes.ts';
import { reviewSelf, SELF_REVIEWS_PATH } from './self-reviews.ts';
import { ApiError, badRequest, detailsOf, methodNotAllowed, success, unrecognized } from './status.ts';
import { replacement, updateObject, type Part } from './updates.ts';
import { watchObjects, type WatchLine } from './watches.ts';

/** An answer before it is written out. */
export type Answer =
  | { code: number; body: object }
  | { code: number; text: string }
  | { code: 204 }
  | { code: 200; lines: AsyncGenerator<WatchLine, void, void> };

/** One request with everything that an endpoint asks about it. */
interface Call {
  backend: Backend;
  logs: PodLogs;
  request: HttpRequest;
  route: Route;
  query: URLSearchParams;
}

type Endpoint = (call: Call) => Answer;

/** By what the path names and the method; what is not here is a 405. */
const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  'collection GET': ({ backend, request, route, query }) =>
    isWatch(query)
      ? { code: 200, lines: watchObjects(backend, route, query, request.signal) }
      : { code: 200, body: listObjects(backend, route, query) },
  'collection POST': create,
  'object GET': (call) => ({ code: 200, body: getObjectSince(call.backend, targetIn(call), call.query) }),
  'object PUT': (call) => replace(call, 'object'),
  'object PATCH': (call) => patch(call, 'object'),
  'object DELETE': remove,
  'status GET': (call) => ({ code: 200, body: getObject(call.backend, targetIn(call)) }),
  'status PUT': (call) => replace(call, 'status'),
  'status PATCH': (call) => patch(call, 'status'),
  'eviction POST': evict,
  'log GET': readLog,
};

/** Answers a request; never throws for what a client can do wrong. */
export function answer(backend: Backend, logs: PodLogs, request: HttpRequest): Answer {
  try {
    const [path = '', search = ''] = request.path.split('?', 2);
    const query = new URLSearchParams(search);
    if (path === REVIEWS_PATH) return review(backend, request, query);
    if (path === SELF_REVIEWS_PATH) return whoAsks(backend, request, query);
    const route = parsePath(path);
    if (!route) return { code: 404, text: '404 page not found\n' };
    const what = route.subresource ?? (route.name === undefined ? 'collection' : 'object');
    const endpoint = ENDPOINTS[`${what} ${request.method}`];
    if (!endpoint) throw methodNotAllowed();
    return endpoint({ backend, logs, request, route, query });
  } catch (error) {
    if (error instanceof ApiError) return { code: error.code, body: error.status };
    throw error;
  }
}

function review(backend: Backend, request: HttpRequest, query: URLSearchParams): Answer {
  if (request.method !== 'POST') throw methodNotAllowed();
  const mode = writeMode(query, 'CreateOptions', agentOf(request));
  const sent = parseObject(request.body, SELF_SUBJECT_ACCESS_REVIEWS.kind);
  return { code: 201, body: reviewAccess(backend, sent, mode) };
}

function whoAsks(backend: Backend, request: HttpRequest, query: URLSearchParams): Answer {
  if (request.method !== 'POST') throw methodNotAllowed();
  const mode = writeMode(query, 'CreateOptions', agentOf(request));
  const sent = parseObject(request.body, SELF_SUBJECT_REVIEWS.kind);
  return { code: 201, body: reviewSelf(backend, sent, mode) };
}

function targetIn({ route }: Call): ObjectTarget {
  const found = targetOf(route);
  if (!found) throw methodNotAllowed();
  return found;
}

function modeOf({ query, request }: Call, optionsKind: string): WriteMode {
  return writeMode(query, optionsKind, agentOf(request));
}

function agentOf({ headers }: HttpRequest): string {
  return headers['user-agent'] ?? '';
}

function create(call: Call): Answer {
  const { backend, request, route } = call;
  if (route.kind.resource.namespaced !== (route.namespace !== undefined)) throw methodNotAllowed();
  const mode = modeOf(call, 'CreateOptions');
  const sent = parseObject(request.body, route.kind.resource.kind);
  return { code: 201, body: createObject(backend, route, sent, mode) };
}

function replace(call: Call, part: Part): Answer {
  const { backend, request, route } = call;
  const mode = modeOf(call, 'UpdateOptions');
  const sent = parseObject(request.body, route.kind.resource.kind);
  const target = targetIn(call);
  return {
    code: 200,
    body: updateObject(backend, target, replacement(backend, target, part, { sent, mode }), mode),
  };
}

function patch(call: Call, part: Part): Answer {
  const { backend, request, route } = call;
  const mode = modeOf(call, 'PatchOptions');
  const produce = parsePatch(backend, route.kind, {
    contentType: request.headers['content-type'] ?? '',
    body: request.body ?? '',
    strict: mode.strict,
  });
  return { code: 200, body: updateObject(backend, targetIn(call), { part, produce }, mode) };
}

function remove(call: Call): Answer {
  const { backend, request, query } = call;
  const target = targetIn(call);
  const { resource } = target.kind;
  const { object, gone } = deleteObject(
    backend,
    target,
    deleteOptions(request.body, query),
    agentOf(request),
  );
  if (!gone || target.kind.returnsDeleted) return { code: 200, body: object };
  const details = { ...detailsOf(resource, target.name), uid: object.metadata.uid };
  return { code: 200, body: success({ details }) };
}

function evict(call: Call): Answer {
  const { backend, request } = call;
  const mode = modeOf(call, 'CreateOptions');
  evictPod(backend, targetIn(call), parseObject(request.body, 'Eviction'), mode);
  return { code: 201, body: success({ code: 201 }) };
}

function readLog(call: Call): Answer {
  const text = readPodLog(call.backend, call.logs, targetIn(call), call.query);
  return text === undefined ? { code: 204 } : { code: 200, text };
}

function parseObject(body: string | undefined, kind: string): JsonObject {
  try {
    return objectAt(JSON.parse(body ?? ''));
  } catch {
    const why = "couldn't get version/kind; json parse error: unexpected end of JSON input";
    throw badRequest(unrecognized(kind, body ?? '', why));
  }
}
