// What was asked of the API over its transport, in order.
import type { Cancel } from '../kube/clock.ts';
import type { HttpRequest } from '../kube/transport.ts';
import { isWatch } from './reads.ts';
import { parsePath } from './routes.ts';

/** One answered request. */
export interface AuditEntry {
  /** As in RBAC: get, list, watch, create, update, patch, delete. */
  verb: string;
  method: HttpRequest['method'];
  /** With the query. */
  path: string;
  status: number;
  userAgent: string;
  /** As it was sent. */
  body?: string;
}

/** The latest requests, and a call for each new one. */
export interface Audit {
  readonly entries: readonly AuditEntry[];
  record: (request: HttpRequest, status: number) => void;
  onRequest: (listener: (entry: AuditEntry) => void) => Cancel;
}

const VERBS = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' } as const;

/** @param limit entries that are kept; older ones are dropped. */
export function createAudit(limit: number): Audit {
  const entries: AuditEntry[] = [];
  const listeners = new Set<(entry: AuditEntry) => void>();
  return {
    entries,
    record: (request, status) => {
      const entry = entryOf(request, status);
      entries.push(entry);
      if (entries.length > limit) entries.shift();
      for (const listener of listeners) listener(entry);
    },
    onRequest: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function entryOf(request: HttpRequest, status: number): AuditEntry {
  const { method, path, headers, body } = request;
  return {
    verb: method === 'GET' ? readVerb(path) : VERBS[method],
    method,
    path,
    status,
    userAgent: headers['user-agent'] ?? '',
    ...(body !== undefined && { body }),
  };
}

function readVerb(pathWithQuery: string): string {
  const [path = '', search] = pathWithQuery.split('?', 2);
  if (isWatch(new URLSearchParams(search))) return 'watch';
  return namesCollection(path) ? 'list' : 'get';
}

function namesCollection(path: string): boolean {
  try {
    const route = parsePath(path);
    return route !== undefined && route.name === undefined;
  } catch {
    return false;
  }
}
