// A cluster on a virtual clock with a client of one line, for the tests of this room.
import type { KubeObject } from '../../../src/api/meta.ts';
import {
  createEmbeddedCluster,
  type EmbeddedCluster,
  type EmbeddedClusterOptions,
} from '../../../src/embedded/api-server.ts';
import { ensureNamespace } from '../../../src/embedded/seed.ts';
import type { Status } from '../../../src/embedded/status.ts';
import type { WatchLine } from '../../../src/embedded/watches.ts';
import { PODS } from '../../../src/kube/resources.ts';
import type { HttpRequest } from '../../../src/kube/transport.ts';
import { drain, VirtualClock } from '../../support/virtual-clock.ts';

export const JSON_PATCH = 'application/json-patch+json';
export const MERGE_PATCH = 'application/merge-patch+json';

/** An answer; `body` is parsed when it is JSON. */
export interface Reply {
  status: number;
  headers: Readonly<Record<string, string>>;
  text: string;
  /** The body as an object, whatever it is. */
  object: KubeObject;
  /** The body as a Status, whatever it is. */
  refusal: Status;
}

/** A cluster for tests. */
export interface Lab {
  cluster: EmbeddedCluster;
  clock: VirtualClock;
  call: (method: HttpRequest['method'], path: string, body?: unknown, contentType?: string) => Promise<Reply>;
  /** Opens a watch; `lines` fills as they come. */
  watch: (path: string) => Promise<OpenWatch>;
  /** A pod of the namespace `shop` as it is stored. */
  pod: (name: string) => KubeObject | undefined;
}

/** A watch that is read as fast as it goes. */
export interface OpenWatch {
  lines: WatchLine[];
  /** `<type> <name>` of each line. */
  summary(): string[];
  /** Ends it as a client that goes away does. */
  abort(): void;
  /** Resolves when the stream is over. */
  ended: Promise<void>;
}

/** A Random that gives the same numbers each time (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A cluster with the namespace `shop`; its controllers wait for `cluster.start()`. */
export function createLab(options: Partial<EmbeddedClusterOptions> = {}): Lab {
  const clock = new VirtualClock();
  const cluster = createEmbeddedCluster({ clock, random: seededRandom(7), ...options });
  ensureNamespace(cluster.api, 'shop');
  const send = (request: Partial<HttpRequest> & { path: string }, signal: AbortSignal) =>
    cluster.transport({ method: 'GET', headers: {}, streaming: false, ...request, signal });
  return {
    cluster,
    clock,
    pod: (name) => cluster.api.get(PODS, { namespace: 'shop', name }),
    call: async (method, path, body, contentType = 'application/json') => {
      const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
      const headers = { 'user-agent': 'test', ...(body !== undefined && { 'content-type': contentType }) };
      const request = { method, path, headers, ...(text !== undefined && { body: text }) };
      const { status, headers: answered, body: chunks } = await send(request, new AbortController().signal);
      return reply(status, answered, await readAll(chunks));
    },
    watch: async (path) => {
      const gone = new AbortController();
      const { status, body } = await send({ path, streaming: true }, gone.signal);
      if (status !== 200) throw new Error(`the watch was refused with ${status}`);
      return openWatch(body, () => gone.abort());
    },
  };
}

function openWatch(body: AsyncIterable<Uint8Array>, abort: () => void): OpenWatch {
  const lines: WatchLine[] = [];
  const read = async () => {
    for await (const chunk of body) {
      for (const line of Buffer.from(chunk).toString().trim().split('\n')) {
        lines.push(JSON.parse(line) as WatchLine);
      }
    }
  };
  return {
    lines,
    summary: () =>
      lines.map(({ type, object }) => `${type} ${(object as KubeObject).metadata.name ?? ''}`.trim()),
    abort,
    ended: read(),
  };
}

function reply(status: number, headers: Readonly<Record<string, string>>, text: string): Reply {
  const body: unknown = headers['content-type'] === 'application/json' ? JSON.parse(text) : {};
  return { status, headers, text, object: body as KubeObject, refusal: body as Status };
}

/** Everything that a body holds, as text. */
export async function readAll(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Waits until what was started is at rest. */
export const settled: () => Promise<void> = drain;

/** Path of a kind in the namespace `shop`, or of one object of it. */
export function at(plural: string, name?: string, api = '/api/v1'): string {
  return [`${api}/namespaces/shop/${plural}`, ...(name === undefined ? [] : [name])].join('/');
}

/** A pod that can be created. */
export function newPod(
  name: string,
  change: { metadata?: object; spec?: object } = {},
): { metadata: object; spec: object } {
  return {
    metadata: { name, labels: { app: 'web' }, ...change.metadata },
    spec: { containers: [{ name: 'web', image: 'registry.example/web:1' }], ...change.spec },
  };
}

/** A Deployment `web` that can be created. */
export function newDeployment(replicas: number, image = 'registry.example/web:1'): object {
  return {
    metadata: { name: 'web' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'web', image }] },
      },
    },
  };
}
