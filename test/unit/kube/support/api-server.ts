// A scripted API server for watches: it keeps objects, serves lists in pages, and lets a test do to its watches what
// real ones do: end them, break them, fall silent, forget versions.
import type { KubeObject } from '../../../../src/api/meta.ts';
import type { HttpRequest, HttpResponse } from '../../../../src/kube/transport.ts';
import { json, LiveBody, queryOf, recorded, refusal, answer } from './fake-transport.ts';
import { list, pod } from './fixtures.ts';

interface Change {
  version: number;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  object: KubeObject;
}

/** See the file's first line. It holds pods, of one namespace per path. */
export class ScriptedServer {
  readonly #objects = new Map<string, KubeObject>();
  readonly #changes: Change[] = [];
  #version = 100;
  /** Versions before this one are forgotten. */
  #compacted = 0;
  /** Answers given instead of the next requests; `undefined` lets one through. */
  readonly faults: (HttpResponse | Error | undefined)[] = [];
  /** Watches that are open. */
  watches: { body: LiveBody; namespace: string | undefined }[] = [];
  pageSize = 500;
  readonly #wire = recorded((request) => this.#serve(request));
  readonly transport = this.#wire.transport;

  get requests(): readonly HttpRequest[] {
    return this.#wire.requests;
  }

  /** `list` or `watch` of each request. */
  get verbs(): string[] {
    return this.requests.map((request) => (queryOf(request)['watch'] === '1' ? 'watch' : 'list'));
  }

  get watch(): LiveBody {
    const last = this.watches.at(-1);
    if (last === undefined) throw new Error('no watch is open');
    return last.body;
  }

  /** Creates or changes a pod. */
  set(name: string, rest: Partial<KubeObject['metadata']> = {}): void {
    const object = pod(name, String(++this.#version), rest);
    const key = keyOf(object);
    const type = this.#objects.has(key) ? 'MODIFIED' : 'ADDED';
    this.#objects.set(key, object);
    this.#tell({ version: this.#version, type, object });
  }

  delete(name: string, namespace = 'shop'): void {
    const object = pod(name, String(++this.#version), { namespace });
    this.#objects.delete(keyOf(object));
    this.#tell({ version: this.#version, type: 'DELETED', object });
  }

  bookmark(): void {
    for (const { body } of this.watches)
      body.event('BOOKMARK', { kind: 'Pod', metadata: { resourceVersion: String(this.#version) } });
  }

  /** Forgets old versions: watches from there, and pages begun there, get 410. */
  compact(): void {
    this.#compacted = this.#version;
  }

  /** Ends all watches as servers do from time to time. */
  endWatches(): void {
    for (const { body } of this.watches.splice(0)) body.end();
  }

  breakWatches(error: Error): void {
    for (const { body } of this.watches.splice(0)) body.fail(error);
  }

  /** The watches stay open and hear nothing any more. */
  silence(): void {
    this.watches = [];
  }

  #serve(request: HttpRequest): HttpResponse {
    const fault = this.faults.shift();
    if (fault instanceof Error) throw fault;
    if (fault !== undefined) return fault;
    const query = queryOf(request);
    const namespace = /namespaces\/([^/]+)\//.exec(request.path)?.[1];
    return query['watch'] === '1' ? this.#watch(query, namespace) : this.#list(query, namespace);
  }

  #list(query: Record<string, string>, namespace: string | undefined): HttpResponse {
    const [offset = 0, version = this.#version] = (query['continue'] ?? '')
      .split('@')
      .filter(Boolean)
      .map(Number);
    if (version < this.#compacted && offset > 0) return refusal(410, 'Expired');
    const all = [...this.#objects.values()].filter((object) => isIn(object, namespace));
    const end = offset + this.pageSize;
    const next = end < all.length ? `${end}@${version}` : undefined;
    return json(list(all.slice(offset, end), String(version), next));
  }

  #watch(query: Record<string, string>, namespace: string | undefined): HttpResponse {
    const from = Number(query['resourceVersion']);
    if (from < this.#compacted) return refusal(410, 'Expired', { message: 'too old resource version' });
    const body = new LiveBody();
    this.watches.push({ body, namespace });
    const missed = this.#changes.filter((change) => change.version > from && isIn(change.object, namespace));
    for (const { type, object } of missed) body.event(type, object);
    return answer(200, body);
  }

  #tell(change: Change): void {
    this.#changes.push(change);
    for (const { body, namespace } of this.watches)
      if (isIn(change.object, namespace)) body.event(change.type, change.object);
  }
}

const keyOf = ({ metadata }: KubeObject) => `${metadata.namespace}/${metadata.name}`;
const isIn = ({ metadata }: KubeObject, namespace: string | undefined) =>
  namespace === undefined || metadata.namespace === namespace;
