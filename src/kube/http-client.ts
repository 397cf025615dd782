// A small Kubernetes client: plain JSON over a Transport, with deadlines, retries and limits.
import type { KubeObject } from '../api/meta.ts';
import { OPERATOR_NAME } from '../api/names.ts';
import { hasMetadata, isSuccess, readError, readJson } from './answer.ts';
import { orAbort, readUpTo, silenceLimit } from './body.ts';
import type {
  CallOptions,
  DeletionOptions,
  JsonPatchOp,
  KubeClient,
  KubeList,
  Selection,
  TextRead,
  WatchEvent,
  WriteOptions,
} from './client.ts';
import type { Clock, Random } from './clock.ts';
import {
  brokenAnswer,
  isNotConnected,
  isThrottled,
  isUnavailable,
  networkError,
  type KubeError,
} from './errors.ts';
import * as calls from './request.ts';
import type { Call } from './request.ts';
import type { ObjectPath, Resource } from './resources.ts';
import { withRetries } from './retry.ts';
import type { HttpResponse, Transport } from './transport.ts';
import { watchEvents } from './watch-request.ts';

const DEFAULT_TIMEOUT_MS = 10_000;

/** What a client is made of. */
export interface KubeClientOptions {
  transport: Transport;
  clock: Clock;
  random: Random;
  /** Default `die-operator`. Its part before a slash is the field manager of our writes. */
  userAgent?: string;
}

/** A client as `KubeClient` promises. */
export function createKubeClient(options: KubeClientOptions): KubeClient {
  return new HttpKubeClient(options);
}

type Read<T> = (response: HttpResponse, signal: AbortSignal) => Promise<T>;
type Named = ObjectPath & { name: string };

class HttpKubeClient implements KubeClient {
  readonly #options: KubeClientOptions;

  constructor(options: KubeClientOptions) {
    this.#options = options;
  }

  async get<T extends KubeObject>(resource: Resource, at: Named, options?: CallOptions): Promise<T> {
    const call = calls.readCall('get', resource, at);
    return (await this.#read(call, options, jsonOf(call))) as T;
  }

  async list<T extends KubeObject>(
    resource: Resource,
    selection: Selection & { limit?: number; continue?: string; resourceVersion?: string } = {},
    options?: CallOptions,
  ): Promise<KubeList<T>> {
    const { limit, continue: next, resourceVersion } = selection;
    const query = { ...calls.selectionQuery(selection), limit, continue: next, resourceVersion };
    const call = calls.readCall('list', resource, calls.selectionPath(selection), { query });
    return toList<T>(call, await this.#read(call, options, jsonOf(call)));
  }

  async create<T extends KubeObject>(
    resource: Resource,
    at: ObjectPath,
    body: object,
    options?: WriteOptions,
  ): Promise<T> {
    return (await this.#write(calls.createCall(resource, at, body, options?.dryRun), options)) as T;
  }

  async jsonPatch<T extends KubeObject>(
    resource: Resource,
    at: Named,
    ops: readonly JsonPatchOp[],
    options?: WriteOptions,
  ): Promise<T> {
    return (await this.#write(calls.patchCall(resource, at, ops, options?.dryRun), options)) as T;
  }

  async delete(resource: Resource, at: Named, uid: string, options: DeletionOptions = {}): Promise<void> {
    await this.#write(calls.deleteCall(resource, at, uid, options), options);
  }

  async readText(
    ...[resource, at, query, maxBytes, options = {}]: Parameters<KubeClient['readText']>
  ): Promise<TextRead> {
    const call = calls.readCall('get', resource, at, { query, accept: '*/*' });
    let came: Uint8Array[] = [];
    const attempt = async (limit: AbortSignal) => {
      const { signal, heard, done } = this.#silence(options.idleMs, limit);
      const read: Read<TextRead> = ({ body }) => {
        heard();
        came = [];
        return readUpTo(body, maxBytes, signal, (bytes) => {
          heard();
          came.push(bytes);
        });
      };
      return this.#attempt(call, signal, read).finally(done);
    };
    try {
      return await this.#withRetries(attempt, options, isRetriableRead);
    } catch (error) {
      if (came.length === 0) throw error;
      return { bytes: Buffer.concat(came), truncated: true, failure: error as KubeError };
    }
  }

  watch(
    resource: Resource,
    selection: Selection & { resourceVersion: string; timeoutSeconds: number },
    options: { signal: AbortSignal; idleMs: number },
  ): AsyncIterable<WatchEvent> {
    const { resourceVersion, timeoutSeconds } = selection;
    const watching = { watch: 1, allowWatchBookmarks: 'true', resourceVersion, timeoutSeconds };
    const query = { ...calls.selectionQuery(selection), ...watching };
    const call = calls.readCall('watch', resource, calls.selectionPath(selection), { query });
    const open = (signal: AbortSignal) => this.#send(call, signal, true);
    return watchEvents({ doing: call.doing, open, clock: this.#options.clock, ...options });
  }

  #read<T>(call: Call, options: CallOptions | undefined, read: Read<T>): Promise<T> {
    return this.#withRetries((signal) => this.#attempt(call, signal, read), options, isRetriableRead);
  }

  #write(call: Call, options: CallOptions | undefined): Promise<object> {
    const attempt = (signal: AbortSignal) => this.#attempt(call, signal, jsonOf(call));
    return this.#withRetries(attempt, options, isRetriableWrite);
  }

  #withRetries<T>(
    attempt: (signal: AbortSignal) => Promise<T>,
    { timeoutMs = DEFAULT_TIMEOUT_MS, retry, signal }: CallOptions = {},
    mayRetry: (error: unknown) => boolean,
  ): Promise<T> {
    const { clock, random } = this.#options;
    return withRetries(attempt, { clock, random, timeoutMs, retry, signal, mayRetry });
  }

  #silence(idleMs: number | undefined, signal: AbortSignal): ReturnType<typeof silenceLimit> {
    if (idleMs !== undefined) return silenceLimit(this.#options.clock, idleMs, signal);
    return { signal, heard: () => {}, done: () => {} };
  }

  async #attempt<T>(call: Call, signal: AbortSignal, read: Read<T>): Promise<T> {
    try {
      const response = await orAbort(this.#send(call, signal, false), signal);
      if (!isSuccess(response)) throw await readError(call.doing, response, signal);
      return await read(response, signal);
    } catch (error) {
      throw networkError(call.doing, error, signal);
    }
  }

  async #send(call: Call, signal: AbortSignal, streaming: boolean): Promise<HttpResponse> {
    signal.throwIfAborted();
    const { transport, userAgent = OPERATOR_NAME } = this.#options;
    const { method, path, body } = call;
    const headers = { ...call.headers, 'user-agent': userAgent };
    return transport({
      method,
      path,
      headers,
      streaming,
      signal,
      ...(body === undefined ? {} : { body }),
    });
  }
}

const isRetriableRead = (error: unknown) => isThrottled(error) || isUnavailable(error);
const isRetriableWrite = (error: unknown) => isThrottled(error) || isNotConnected(error);

const jsonOf =
  (call: Call): Read<object> =>
  (response, signal) =>
    readJson(call.doing, response, signal);

/** Go writes an empty list as null. */
function toList<T extends KubeObject>(call: Call, answer: object): KubeList<T> {
  const { metadata, items } = answer as { metadata?: KubeList<T>['metadata']; items?: T[] | null };
  const objects = items ?? [];
  const isList =
    typeof metadata?.resourceVersion === 'string' && Array.isArray(objects) && objects.every(hasMetadata);
  if (!isList) throw brokenAnswer(call.doing, 'the answer is no list of objects');
  return { metadata, items: objects };
}
