// A Kubernetes cluster inside this process: the API as a transport, its controllers, two nodes. For the demo, policy
// tests, flow tests and fault simulation; never part of the production image. Faults are put around `transport`.
import type { Cancel, Clock, Random } from '../kube/clock.ts';
import type { HttpResponse, Transport } from '../kube/transport.ts';
import { validators as ourSchemas } from '../api/validate.ts';
import type { AccessHook } from './access-reviews.ts';
import type { AdmissionHook } from './admission.ts';
import { createAudit, type AuditEntry } from './audit.ts';
import type { Backend } from './backend.ts';
import { createControllers, type ClusterTimings } from './controllers/controllers.ts';
import { createDirectApi, type DirectApi } from './direct.ts';
import { answer, type Answer } from './endpoints.ts';
import { createPodLogs, type PodLogs } from './pod-logs.ts';
import { seedCluster } from './seed.ts';
import { Store } from './store.ts';
import type { Validators } from './validators.ts';
import type { WatchLine } from './watches.ts';

export { ApiError } from './status.ts';
export type { AccessAttributes, AccessHook } from './access-reviews.ts';
export type { AdmissionHook, AdmissionRequest, Denial } from './admission.ts';
export type { AuditEntry } from './audit.ts';
export type { ClusterTimings } from './controllers/controllers.ts';
export type { DirectApi } from './direct.ts';
export type { ContainerLog, PodLogs } from './pod-logs.ts';
export type { Validators } from './validators.ts';

/** What a cluster is made of. */
export interface EmbeddedClusterOptions {
  clock: Clock;
  random: Random;
  /** Schemas of custom resources by plural; those of `api` by default. */
  validators?: Validators;
  /** Names of the nodes; `node-1` and `node-2` by default. */
  nodes?: readonly string[];
  timings?: Partial<ClusterTimings>;
  /** Changes of each kind that watches and paged lists can go back; 1,000 by default. */
  historyLimit?: number;
}

/** See the file's first line. */
export interface EmbeddedCluster {
  readonly transport: Transport;
  /** Starts the controllers, which then act on what is there. The API works without them. */
  start(): void;
  /** Stops the controllers. */
  stop(): void;
  /** The latest 10,000 requests over the transport, in order. */
  readonly audit: readonly AuditEntry[];
  /** Calls `listener` for each request when its answer is known. */
  onRequest(listener: (entry: AuditEntry) => void): Cancel;
  /** Tests add hooks that refuse writes, also those of the controllers. */
  readonly admission: AdmissionHook[];
  /** Tests add hooks that answer access reviews. Without one everything is allowed. */
  readonly access: AccessHook[];
  /** Rights by verbs that no request has, as `manage quarantines.die-operator.dev`; tests add to them. */
  readonly grants: Set<string>;
  /** Image (as a pod names it) to digest (`sha256:<64 hex>`); one that is not here gets a digest made from its name. */
  readonly images: Map<string, string>;
  readonly logs: PodLogs;
  /** Can be changed while the cluster runs. */
  readonly timings: ClusterTimings;
  /** Reads and writes without the wire. */
  readonly api: DirectApi;
}

const HISTORY_LIMIT = 1000;
const AUDIT_LIMIT = 10_000;

/** A cluster with its namespaces and nodes; its controllers wait for `start`. */
export function createEmbeddedCluster(options: EmbeddedClusterOptions): EmbeddedCluster {
  const { clock, random, validators = ourSchemas } = options;
  const admission: AdmissionHook[] = [];
  const access: AccessHook[] = [];
  const grants = new Set<string>();
  const store = new Store(options.historyLimit ?? HISTORY_LIMIT);
  const backend: Backend = { store, clock, random, validators, admission, access, grants };
  const logs = createPodLogs();
  const audit = createAudit(AUDIT_LIMIT);
  const images = new Map<string, string>();
  const controllers = createControllers({ backend, images, timings: options.timings ?? {} });
  seedCluster(createDirectApi(backend, 'kubelet'), options.nodes);
  return {
    transport: async (request) => {
      await nextTurn();
      request.signal.throwIfAborted();
      const given = answer(backend, logs, request);
      audit.record(request, given.code);
      return toResponse(given);
    },
    start: controllers.start,
    stop: controllers.stop,
    audit: audit.entries,
    onRequest: audit.onRequest,
    admission,
    access,
    grants,
    images,
    logs,
    timings: controllers.timings,
    api: createDirectApi(backend, 'kubectl'),
  };
}

/** Like the network, the API never answers within the turn in which it is asked. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function toResponse(given: Answer): HttpResponse {
  if ('lines' in given) return response(200, JSON_TYPE, encodedLines(given.lines));
  if ('text' in given) return response(given.code, 'text/plain; charset=utf-8', chunk(given.text));
  if (!('body' in given)) return { status: given.code, headers: {}, body: chunk('') };
  return response(given.code, JSON_TYPE, chunk(JSON.stringify(given.body)), retryAfter(given.body));
}

const JSON_TYPE = 'application/json';

function response(
  status: number,
  contentType: string,
  body: AsyncIterable<Uint8Array>,
  headers: Record<string, string> = {},
): HttpResponse {
  return { status, headers: { 'content-type': contentType, ...headers }, body };
}

/** The header that goes with `details.retryAfterSeconds`. */
function retryAfter(body: object): Record<string, string> {
  const seconds = (body as { details?: { retryAfterSeconds?: number } }).details?.retryAfterSeconds;
  return seconds === undefined ? {} : { 'retry-after': String(seconds) };
}

async function* chunk(text: string): AsyncGenerator<Uint8Array, void, void> {
  if (text !== '') yield Buffer.from(text);
}

async function* encodedLines(
  lines: AsyncGenerator<WatchLine, void, void>,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const line of lines) yield Buffer.from(`${JSON.stringify(line)}\n`);
}
