// An API server for one kind as a KubeClient: versions, patches with tests, finalizers, watches, and faults on demand.
import { applyPatch } from 'rfc6902';
import type { KubeObject } from '../../../src/api/meta.ts';
import type { JsonPatchOp, KubeClient, KubeList, WatchEvent } from '../../../src/kube/client.ts';
import { statusError } from '../../../src/kube/errors.ts';
import type { Resource } from '../../../src/kube/resources.ts';

/** The kind that it serves. */
export const WIDGETS: Resource = {
  group: 'example.dev',
  version: 'v1',
  plural: 'widgets',
  kind: 'Widget',
  namespaced: true,
};

/** The error that a call of the client rejects with when the server answers so. */
export function refusal(status: number, reason: string, details: object = { name: 'w' }): Error {
  const body = { kind: 'Status', status: 'Failure', reason, message: `it is ${reason}`, details };
  return statusError('patch Widget shop/w', { status, body });
}

/** One call as the client was asked for it. */
export interface SeenCall {
  verb: 'get' | 'list' | 'create' | 'jsonPatch' | 'watch';
  at: object;
  body?: unknown;
}

/** See the file's first line. */
export class FakeApi implements KubeClient {
  readonly objects = new Map<string, KubeObject>();
  readonly calls: SeenCall[] = [];
  /** Called before each call is answered; what it throws is the answer. */
  fault: (call: SeenCall) => void = () => {};
  #version = 0;
  readonly #history: { version: number; event: WatchEvent }[] = [];
  readonly #watchers = new Set<(event: WatchEvent) => void>();

  /** Stores an object as another client would, and tells the watches. */
  put(name: string, change: Partial<KubeObject['metadata']> = {}, more: object = {}): KubeObject {
    const before = this.objects.get(name)?.metadata;
    const metadata = {
      name,
      namespace: 'shop',
      uid: `uid-${name}`,
      creationTimestamp: '2026-11-22T00:00:00Z',
      ...before,
      ...change,
      resourceVersion: String(++this.#version),
    };
    const object: KubeObject = { ...this.objects.get(name), ...more, metadata };
    this.#store(object, before === undefined ? 'ADDED' : 'MODIFIED');
    return object;
  }

  remove(name: string): void {
    const object = this.objects.get(name);
    this.objects.delete(name);
    this.#version += 1;
    if (object) this.#tell({ type: 'DELETED', object });
  }

  /** Ends the open watches with an expired version; what happens from now on they do not see. */
  breakWatches(): void {
    const status: unknown = { kind: 'Status', status: 'Failure', code: 410, reason: 'Expired' };
    this.#tell({ type: 'ERROR', object: status as KubeObject });
    this.#watchers.clear();
  }

  get watching(): boolean {
    return this.#watchers.size > 0;
  }

  async get<T extends KubeObject>(_resource: Resource, at: { name: string }): Promise<T> {
    this.#note({ verb: 'get', at });
    return this.#find(at.name) as T;
  }

  async list<T extends KubeObject>(_resource: Resource, selection: object = {}): Promise<KubeList<T>> {
    this.#note({ verb: 'list', at: selection });
    return {
      metadata: { resourceVersion: String(this.#version) },
      items: [...this.objects.values()].map((object) => structuredClone(object) as T),
    };
  }

  async create<T extends KubeObject>(_resource: Resource, at: object, body: object): Promise<T> {
    this.#note({ verb: 'create', at, body });
    return body as T;
  }

  async jsonPatch<T extends KubeObject>(
    _resource: Resource,
    at: { name: string },
    ops: readonly JsonPatchOp[],
  ): Promise<T> {
    this.#note({ verb: 'jsonPatch', at, body: ops });
    const object = structuredClone(this.#find(at.name));
    const failed = applyPatch(object, [...ops]).some((error) => error !== null);
    if (failed) throw refusal(422, 'Invalid', {});
    object.metadata.resourceVersion = String(++this.#version);
    const isGone =
      object.metadata.deletionTimestamp !== undefined && object.metadata.finalizers?.length === 0;
    if (isGone) this.remove(at.name);
    else this.#store(object, 'MODIFIED');
    return structuredClone(object) as T;
  }

  async *watch(
    _resource: Resource,
    selection: { resourceVersion: string },
    { signal }: { signal: AbortSignal },
  ): AsyncGenerator<WatchEvent> {
    this.#note({ verb: 'watch', at: selection });
    const since = this.#history.filter(({ version }) => version > Number(selection.resourceVersion));
    const events = since.map(({ event }) => event);
    let wake = () => {};
    const push = (event: WatchEvent) => {
      events.push(event);
      wake();
    };
    signal.addEventListener('abort', () => wake());
    this.#watchers.add(push);
    while (!signal.aborted) {
      for (let next = events.shift(); next; next = events.shift()) yield next;
      await new Promise<void>((resolve) => (wake = resolve));
    }
    this.#watchers.delete(push);
  }

  delete(): Promise<void> {
    throw new Error('no verb deletes');
  }

  readText(): Promise<{ bytes: Uint8Array; truncated: boolean }> {
    throw new Error('no verb reads text');
  }

  #note(call: SeenCall): void {
    this.calls.push(call);
    this.fault(call);
  }

  #find(name: string): KubeObject {
    const object = this.objects.get(name);
    if (!object) throw refusal(404, 'NotFound');
    return structuredClone(object);
  }

  #store(object: KubeObject, type: 'ADDED' | 'MODIFIED'): void {
    this.objects.set(object.metadata.name, object);
    this.#tell({ type, object: structuredClone(object) });
  }

  #tell(event: WatchEvent): void {
    if (event.type !== 'ERROR') this.#history.push({ version: this.#version, event });
    for (const watcher of this.#watchers) watcher(event);
  }
}
