// Hands each change of a watched object to a handler: objects side by side, each object in order, failures again.
import type { KubeObject } from '../api/meta.ts';
import { watchResource, type WatcherEvent, type WatchResourceOptions } from '../kube/watch.ts';
import { classify, outcomeOf } from './errors.ts';
import type { Outcome } from './outcome.ts';
import { KeyedQueue } from './queue.ts';
import { metaOf, type EventType, type ResourceEvent } from './resource-event.ts';

/** What to watch, and who is told. */
export interface WatchObjectsOptions extends WatchResourceOptions {
  /**
   * Told of the latest state of an object; states that came while it worked on an older one are passed over. When it
   * rejects it is called again with backoff, or after a `TerminalError` with the next change.
   */
  onEvent: (event: ResourceEvent) => Promise<void>;
}

/** A watch that goes on until its signal fires. */
export interface ObjectWatch {
  /** Resolves when every object that was there at the start was handed over; never, if the signal fires before. */
  synced: Promise<void>;
  /** Resolves when the signal fired and the running handlers ended. Never rejects. */
  ended: Promise<void>;
}

/** Starts the watch. Objects are told apart by UID, so that a deletion and a new object of that name are two things. */
export function watchObjects(options: WatchObjectsOptions): ObjectWatch {
  const handover = new Handover(options);
  return { synced: handover.synced, ended: handover.run() };
}

class Handover {
  readonly #options: WatchObjectsOptions;
  readonly #queue: KeyedQueue;
  readonly #synced = Promise.withResolvers<undefined>();
  /** By UID: what exists as far as we know, to tell after a new list what was deleted meanwhile. */
  #known = new Map<string, KubeObject>();
  #listed = new Map<string, KubeObject>();
  /** By UID: what the handler has not yet handled with success. */
  readonly #pending = new Map<string, ResourceEvent>();

  constructor(options: WatchObjectsOptions) {
    this.#options = options;
    const { clock, random } = options;
    this.#queue = new KeyedQueue({ clock, random, worker: (uid) => this.#handle(uid) });
  }

  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  async run(): Promise<void> {
    const working = this.#queue.run(this.#options.signal);
    for await (const event of watchResource(this.#options)) this.#note(event);
    await working;
  }

  #note(event: WatcherEvent): void {
    switch (event.type) {
      case 'Init':
        this.#listed = new Map();
        break;
      case 'InitApply':
        this.#listed.set(event.object.metadata.uid, event.object);
        break;
      case 'InitDone':
        this.#replaceAll();
        break;
      case 'Apply':
        this.#apply(event.object);
        break;
      case 'Delete':
        this.#delete(event.object);
        break;
    }
  }

  #replaceAll(): void {
    for (const [uid, object] of this.#known) if (!this.#listed.has(uid)) this.#delete(object);
    for (const object of this.#listed.values()) this.#apply(object);
    this.#listed = new Map();
    this.#synced.resolve(undefined);
  }

  #apply(object: KubeObject): void {
    const { uid, resourceVersion } = object.metadata;
    const before = this.#known.get(uid);
    this.#known.set(uid, object);
    if (before?.metadata.resourceVersion === resourceVersion) return;
    // To a handler that did not yet succeed for it, the object is still new.
    const isNew = !before || this.#pending.get(uid)?.type === 'ADDED';
    this.#offer(isNew ? 'ADDED' : 'MODIFIED', object);
  }

  #delete(object: KubeObject): void {
    this.#known.delete(object.metadata.uid);
    this.#offer('DELETED', object);
  }

  #offer(type: EventType, object: KubeObject): void {
    const { uid } = object.metadata;
    this.#pending.set(uid, { type, meta: metaOf(this.#options.resource, object), object });
    this.#queue.add(uid);
  }

  async #handle(uid: string): Promise<Outcome> {
    const event = this.#pending.get(uid);
    if (!event) return { kind: 'done' };
    try {
      await this.#options.onEvent(event);
    } catch (err) {
      const { kind, namespace, name } = event.meta;
      const { message } = classify(err);
      this.#options.log.warn(
        { err, kind, namespace, name },
        `the handler of a ${event.type} event failed: ${message}`,
      );
      return outcomeOf(err);
    }
    this.#forget(uid, event);
    return { kind: 'done' };
  }

  #forget(uid: string, handled: ResourceEvent): void {
    const latest = this.#pending.get(uid);
    if (latest === handled) this.#pending.delete(uid);
    else if (latest?.type === 'ADDED') this.#pending.set(uid, { ...latest, type: 'MODIFIED' });
  }
}
