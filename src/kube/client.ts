// The calls that die-operator makes to an API server, as plain JSON.
import type { KubeObject } from '../api/meta.ts';
import type { KubeError } from './errors.ts';
import type { ObjectPath, Resource } from './resources.ts';

/** One operation of RFC 6902 as far as we send it. */
export type JsonPatchOp =
  { op: 'add' | 'replace' | 'test'; path: string; value: unknown } | { op: 'remove'; path: string };

/** A list as the API server sends it. */
export interface KubeList<T> {
  metadata: { resourceVersion: string; continue?: string };
  items: T[];
}

/** One line of a watch. `object` of an ERROR is a `Status`, of a BOOKMARK has only a resourceVersion. */
export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: KubeObject;
}

/** How long a call is tried again where its caller would rather go on without an answer. */
export interface RetryLimit {
  /** Times that the request is sent at most. */
  tries: number;
  /** Milliseconds from the start of the call in which it is sent again. */
  withinMs: number;
}

/** Options of every call. */
export interface CallOptions {
  /** Milliseconds until the call is given up, retries included. Default 10,000. */
  timeoutMs?: number;
  /** Default: as often as the deadline allows. */
  retry?: RetryLimit;
  signal?: AbortSignal;
}

/** Options of reading a text. */
export interface TextOptions extends CallOptions {
  /** Milliseconds in which nothing comes after which the answer is given up. Default: only the deadline counts. */
  idleMs?: number;
}

/** A text, or its beginning. */
export interface TextRead {
  bytes: Uint8Array;
  /** There was more. */
  truncated: boolean;
  /** Why the rest did not come: the connection broke, or the time was over. */
  failure?: KubeError;
}

/** Options of every write. */
export interface WriteOptions extends CallOptions {
  /** Everything is checked, nothing is stored. */
  dryRun?: boolean;
}

/** Options of a deletion. */
export interface DeletionOptions extends WriteOptions {
  gracePeriodSeconds?: number;
  resourceVersion?: string;
}

/** What a list or watch selects. */
export interface Selection {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

/**
 * Every method rejects with a `KubeError` (see errors.ts): an answer with an error status, no answer in time, or a
 * broken connection. Reads are retried within the deadline on 429, 500, 502, 503, 504 and broken connections, and
 * obey Retry-After; writes are retried only where the server says that it did not start on them (429 without a
 * DisruptionBudget cause, connection refused).
 */
export interface KubeClient {
  get<T extends KubeObject>(
    resource: Resource,
    at: ObjectPath & { name: string },
    options?: CallOptions,
  ): Promise<T>;
  /** One page. */
  list<T extends KubeObject>(
    resource: Resource,
    selection?: Selection & { limit?: number; continue?: string; resourceVersion?: string },
    options?: CallOptions,
  ): Promise<KubeList<T>>;
  /** Creates an object, or with name and subresource posts to a subresource (eviction). Sends fieldValidation=Strict. */
  create<T extends KubeObject>(
    resource: Resource,
    at: ObjectPath,
    body: object,
    options?: WriteOptions,
  ): Promise<T>;
  /** RFC 6902; a failed `test` rejects with a KubeError for which `isTestFailure` holds. */
  jsonPatch<T extends KubeObject>(
    resource: Resource,
    at: ObjectPath & { name: string },
    ops: readonly JsonPatchOp[],
    options?: WriteOptions,
  ): Promise<T>;
  /** Deletes by UID: the precondition is not optional. With a version only that very version. */
  delete(
    resource: Resource,
    at: ObjectPath & { name: string },
    uid: string,
    options?: DeletionOptions,
  ): Promise<void>;
  /**
   * Reads what is no object, such as the subresource `log`, up to `maxBytes`. Once bytes have come it resolves with those,
   * whatever happens.
   */
  readText(
    resource: Resource,
    at: ObjectPath,
    query: Readonly<Record<string, string>>,
    maxBytes: number,
    options?: TextOptions,
  ): Promise<TextRead>;
  /**
   * One watch request. Ends when the server ends it; rejects on a broken connection, an error status, or when nothing
   * (not even a bookmark) came for `idleMs`.
   */
  watch(
    resource: Resource,
    selection: Selection & { resourceVersion: string; timeoutSeconds: number },
    options: { signal: AbortSignal; idleMs: number },
  ): AsyncIterable<WatchEvent>;
}
