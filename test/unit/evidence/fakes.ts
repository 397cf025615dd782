// A small API server and the records that the evidence tests start from.
import type { Target } from '../../../src/api/incident.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import type { BundleFile, BundleWriter, StoredFile } from '../../../src/evidence/bundle.ts';
import type { CollectContext } from '../../../src/evidence/collector.ts';
import { sha256 } from '../../../src/evidence/manifest.ts';
import type { CallOptions, KubeClient, Selection } from '../../../src/kube/client.ts';
import type { Clock } from '../../../src/kube/clock.ts';
import { KubeError, statusError } from '../../../src/kube/errors.ts';
import type { ObjectPath, Resource } from '../../../src/kube/resources.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

export const UID = '11111111-2222-3333-4444-555555555555';

export const TARGET: Target = {
  namespace: 'shop',
  name: 'web-1',
  uid: UID,
  nodeName: 'node-a',
  labels: { app: 'web' },
  containers: [{ name: 'app', image: 'registry.example/web:1' }],
};

export const INCIDENT = { namespace: 'shop', name: 'web-1-0123456789-1', uid: 'incident-uid' };

export const SUBJECT = { incident: INCIDENT, target: TARGET };

/** An object as the API server sends it. */
export function object(
  name: string,
  rest: Partial<KubeObject['metadata']> & Record<string, unknown> = {},
): KubeObject {
  const { spec, status, uid = `uid-of-${name}`, ...metadata } = rest;
  return {
    metadata: { name, uid, resourceVersion: '1', creationTimestamp: '2026-11-22T00:00:00Z', ...metadata },
    ...(spec !== undefined && { spec }),
    ...(status !== undefined && { status }),
  };
}

/** The answer to a request for a log; `error` is an HTTP status. */
export interface FakeLog {
  text?: string;
  truncated?: boolean;
  error?: number;
  /** What it says of the rest, which did not come. */
  failure?: string;
}

/** Reads that the collectors use; everything else throws, so that a write would fail the test. */
export class FakeApi {
  /** By `<Kind>/<name>`; an Error is what the read rejects with. */
  readonly objects = new Map<string, KubeObject | Error>();
  /** By kind. */
  readonly lists = new Map<string, KubeObject[] | Error>();
  /** By `<container>/<current|previous>[-end]`. */
  readonly logs = new Map<string, FakeLog>();
  readonly requests: string[] = [];
  readonly timeouts: (number | undefined)[] = [];
  /** Awaited before each answer. */
  before: (request: string, options?: CallOptions) => Promise<void> = () => Promise.resolve();

  readonly client = this as unknown as KubeClient;

  async get(resource: Resource, { name = '' }: ObjectPath, options?: CallOptions): Promise<KubeObject> {
    await this.#answering(`get ${resource.kind}/${name}`, options);
    const found = this.objects.get(`${resource.kind}/${name}`) ?? notFound(`get ${resource.kind} ${name}`);
    if (found instanceof Error) throw found;
    return found;
  }

  async list(resource: Resource, selection: Selection & { limit: number }, options?: CallOptions) {
    const { namespace, fieldSelector = '' } = selection;
    await this.#answering(`list ${resource.kind} ${namespace ?? ''} ${fieldSelector}`.trim(), options);
    const found = this.lists.get(resource.kind) ?? [];
    if (found instanceof Error) throw found;
    const more = found.length > selection.limit;
    return {
      metadata: { resourceVersion: '7', ...(more && { continue: 'token' }) },
      items: found.slice(0, selection.limit),
    };
  }

  async readText(
    ...[, , query, maxBytes, options]: Parameters<KubeClient['readText']>
  ): ReturnType<KubeClient['readText']> {
    const end = query['tailLines'] === undefined ? '' : '-end';
    const key = `${query['container']}/${query['previous'] === 'true' ? 'previous' : 'current'}${end}`;
    await this.#answering(`log ${key}`, options);
    const { text = '', truncated = false, error, failure } = this.logs.get(key) ?? { error: 400 };
    if (error !== undefined)
      throw statusError(`read the log ${key}`, { status: error, body: statusBody(error) });
    const bytes = Buffer.from(text);
    return {
      bytes: bytes.subarray(0, maxBytes),
      truncated: truncated || bytes.length > maxBytes,
      ...(failure !== undefined && { failure: new KubeError(failure, { status: 0, reason: 'Timeout' }) }),
    };
  }

  async #answering(request: string, options?: CallOptions): Promise<void> {
    this.requests.push(request);
    this.timeouts.push(options?.timeoutMs);
    await this.before(request, options);
    options?.signal?.throwIfAborted();
  }
}

function notFound(doing: string): Error {
  return statusError(doing, { status: 404, body: { ...statusBody(404), reason: 'NotFound' } });
}

/** The error of a read that RBAC refuses. */
export function forbidden(doing: string): Error {
  return statusError(doing, {
    status: 403,
    body: { ...statusBody(403), reason: 'Forbidden', message: 'no right' },
  });
}

function statusBody(code: number) {
  return { kind: 'Status', status: 'Failure', code, message: `answer ${code}` };
}

/** A context whose clock stands still unless a test advances it. */
export function contextOf(api: FakeApi, rest: Partial<CollectContext> = {}): CollectContext {
  const clock: Clock = new VirtualClock();
  return { ...SUBJECT, client: api.client, clock, signal: new AbortController().signal, ...rest };
}

/** A bundle that only remembers. */
export class RecordingBundle implements BundleWriter {
  readonly files = new Map<string, BundleFile & { content: Buffer }>();
  readonly problems: string[] = [];
  readonly missing: string[] = [];

  async add(file: BundleFile): Promise<StoredFile> {
    if (this.files.has(file.path)) throw new Error(`${file.path} was added before`);
    const bytes = await bytesOf(file.content);
    this.files.set(file.path, { ...file, content: bytes });
    return { path: file.path, size: bytes.length, sha256: sha256(bytes), truncated: file.truncated ?? false };
  }

  failed(collector: string, message: string): void {
    this.problem(collector, message);
    this.missing.push(collector);
  }

  problem(collector: string, message: string): void {
    this.problems.push(`${collector}: ${message}`);
  }

  json(path: string): Record<string, unknown> {
    const content = this.files.get(path)?.content;
    if (content === undefined)
      throw new Error(`${path} was not added; there are ${[...this.files.keys()].join(', ')}`);
    return JSON.parse(content.toString()) as Record<string, unknown>;
  }
}

async function bytesOf(content: BundleFile['content']): Promise<Buffer> {
  if (typeof content === 'string') return Buffer.from(content);
  return content instanceof Uint8Array ? Buffer.from(content) : Buffer.concat(await Array.fromAsync(content));
}

/** A file for a bundle. */
export function fileOf(
  path: string,
  content: BundleFile['content'] = 'content',
  rest: Partial<BundleFile> = {},
): BundleFile {
  return {
    path,
    content,
    collector: 'test',
    contentType: 'text/plain',
    source: 'a test',
    collectedAt: '2026-11-22T00:00:00.000Z',
    ...rest,
  };
}
