// Projections of all objects of a kind, kept up to date by watches and found by name or index.
import type { KubeObject } from '../api/meta.ts';
import { isIdentified } from './answer.ts';
import type { KubeClient } from './client.ts';
import type { Cancel, Clock, Random } from './clock.ts';
import { IndexedStore, type Entry } from './indexed-store.ts';
import type { Log } from './log.ts';
import type { Resource } from './resources.ts';
import { watchResource, type WatcherEvent } from './watch.ts';

/** What is cached, how, and with what. */
export interface ResourceCacheOptions<P> {
  client: KubeClient;
  resource: Resource;
  /** Namespaces to watch, each by a watch of its own; undefined: all, by one watch. */
  namespaces?: readonly string[] | undefined;
  /** What is kept of an object. The object itself must not be part of it: it is several times larger. */
  project: (object: KubeObject) => P;
  /** By name: the terms under which a value is found. */
  indexes?: Readonly<Record<string, (value: P) => readonly string[]>>;
  clock: Clock;
  random: Random;
  log: Log;
}

/**
 * One change. A `set` has the value before if there was one. A `delete` has the last value that is known: with `isLast` that at
 * the very end, without what it was when it was last heard of.
 */
export interface CacheChange<P> {
  type: 'set' | 'delete';
  /** `namespace/name`; of a cluster-scoped object `/name`. */
  key: string;
  value: P;
  previous?: P;
  isLast?: true;
}

/** Is told of each change once the cache holds it. */
export type CacheListener<P> = (change: CacheChange<P>) => void;

/** The objects of one watch. */
interface Shard<P> {
  namespace: string | undefined;
  keys: Set<string>;
  /** The list that is being read. */
  listed: Map<string, Entry<P>>;
  synced: boolean;
  /** Ends the watch that runs, so that another one begins with a list. */
  restart?: AbortController;
  /** Those who wait for a list that begins later than now. */
  waiting: (() => void)[];
  /** Those who wait for the end of the list that is being read. */
  promised: (() => void)[];
}

/** Key of an object in a cache; a cluster-scoped one has no namespace. */
export function cacheKey(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`;
}

/** See the file's first line. Nothing happens before `run`. */
export class ResourceCache<P> {
  readonly #options: ResourceCacheOptions<P>;
  readonly #store: IndexedStore<P>;
  readonly #shards: readonly Shard<P>[];
  readonly #listeners = new Set<CacheListener<P>>();
  readonly #synced = Promise.withResolvers<undefined>();

  constructor(options: ResourceCacheOptions<P>) {
    this.#options = options;
    this.#store = new IndexedStore(Object.keys(options.indexes ?? {}));
    const namespaces = options.namespaces === undefined ? [undefined] : [...new Set(options.namespaces)];
    this.#shards = namespaces.map((namespace) => ({
      namespace,
      keys: new Set(),
      listed: new Map(),
      synced: false,
      waiting: [],
      promised: [],
    }));
    if (this.isSynced) this.#synced.resolve(undefined);
  }

  /** Resolves when every watch has finished its first list; never, if the signal of `run` fires before. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  get isSynced(): boolean {
    return this.#shards.every((shard) => shard.synced);
  }

  get size(): number {
    return this.#store.size;
  }

  /** The value of that object; a cluster-scoped one has no namespace. */
  get(namespace: string | undefined, name: string): P | undefined {
    return this.#store.get(cacheKey(namespace, name))?.value;
  }

  /** All values, as of now. */
  values(): readonly P[] {
    return this.#store.values();
  }

  /** Values with that term, as of now. Throws for an index that does not exist. */
  byIndex(index: string, term: string): readonly P[] {
    return this.#store.byIndex(index, term);
  }

  /** Calls `listener` for each change from now on; what is cached already is not replayed. */
  subscribe(listener: CacheListener<P>): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Lists everything anew, past the API server's own cache. Resolves when what is held is as new as this call; never, if
   * the signal of `run` fires before.
   */
  async refresh(): Promise<void> {
    await Promise.all(
      this.#shards.map((shard) => {
        const refreshed = new Promise<void>((resolve) => shard.waiting.push(resolve));
        shard.restart?.abort();
        return refreshed;
      }),
    );
  }

  /** Watches until the signal fires. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#shards.map((shard) => this.#follow(shard, signal)));
  }

  async #follow(shard: Shard<P>, signal: AbortSignal): Promise<void> {
    const { client, resource, clock, random, log } = this.#options;
    const selection = shard.namespace === undefined ? {} : { namespace: shard.namespace };
    while (!signal.aborted) {
      shard.restart = new AbortController();
      shard.promised.push(...shard.waiting.splice(0));
      const either = AbortSignal.any([signal, shard.restart.signal]);
      const events = watchResource({ client, resource, selection, clock, random, log, signal: either });
      for await (const event of events) this.#handle(shard, event);
    }
  }

  #handle(shard: Shard<P>, event: WatcherEvent): void {
    switch (event.type) {
      case 'Init':
        shard.listed = new Map();
        break;
      case 'InitApply':
        this.#project(event.object, (key, entry) => shard.listed.set(key, entry));
        break;
      case 'InitDone':
        this.#swap(shard);
        break;
      case 'Apply':
        this.#project(event.object, (key, entry) => this.#notify(this.#set(shard, key, entry)));
        break;
      case 'Delete':
        this.#notify(this.#deleteAs(shard, event.object));
        break;
    }
  }

  /** Replaces all objects of a watch by the list, before anyone hears of it. */
  #swap(shard: Shard<P>): void {
    const { listed } = shard;
    shard.listed = new Map();
    const gone = [...shard.keys].filter((key) => !listed.has(key));
    const changes = gone.flatMap((key) => this.#delete(shard, key));
    for (const [key, entry] of listed) changes.push(...this.#set(shard, key, entry));
    shard.synced = true;
    this.#notify(changes);
    for (const resolve of shard.promised.splice(0)) resolve();
    if (this.isSynced) this.#synced.resolve(undefined);
  }

  #set(shard: Shard<P>, key: string, entry: Entry<P>): CacheChange<P>[] {
    const before = this.#store.get(key);
    if (before?.uid === entry.uid && before.resourceVersion === entry.resourceVersion) return [];
    const { value } = entry;
    const isSame = before?.uid === entry.uid;
    const changes = isSame ? [] : this.#delete(shard, key);
    this.#store.set(key, entry);
    shard.keys.add(key);
    changes.push({ type: 'set', key, value, ...(before && isSame ? { previous: before.value } : {}) });
    return changes;
  }

  /** An object that the watch says was deleted; it comes as it was at its end. */
  #deleteAs(shard: Shard<P>, object: KubeObject): CacheChange<P>[] {
    let last: Entry<P> | undefined;
    this.#project(object, (_key, entry) => (last = entry));
    const changes = this.#delete(shard, keyOf(object));
    return changes.map((change) =>
      last?.uid === object.metadata.uid && last.resourceVersion === object.metadata.resourceVersion
        ? { ...change, value: last.value, isLast: true }
        : change,
    );
  }

  #delete(shard: Shard<P>, key: string): CacheChange<P>[] {
    const before = this.#store.get(key);
    if (before === undefined) return [];
    this.#store.delete(key);
    shard.keys.delete(key);
    return [{ type: 'delete', key, value: before.value }];
  }

  /** An object that cannot be projected keeps what is known of it, if it is the same object. */
  #project(object: KubeObject, keep: (key: string, entry: Entry<P>) => void): void {
    const { project, indexes = {}, log, resource } = this.#options;
    if (!isIdentified(object)) {
      log.error({ resource: resource.plural }, 'an object without name, UID or version is passed over');
      return;
    }
    const key = keyOf(object);
    const { uid, resourceVersion } = object.metadata;
    let entry = this.#store.get(key);
    try {
      const value = project(object);
      const terms = new Map(Object.entries(indexes).map(([name, termsOf]) => [name, termsOf(value)]));
      entry = { uid, resourceVersion, value, terms };
    } catch (err) {
      log.error({ err, resource: resource.plural, key }, 'an object cannot be read and is passed over');
    }
    if (entry?.uid === uid) keep(key, entry);
  }

  #notify(changes: readonly CacheChange<P>[]): void {
    for (const change of changes) for (const listener of this.#listeners) this.#tell(listener, change);
  }

  #tell(listener: CacheListener<P>, change: CacheChange<P>): void {
    try {
      listener(change);
    } catch (err) {
      const { log, resource } = this.#options;
      log.error({ err, resource: resource.plural, key: change.key }, 'a listener of the cache failed');
    }
  }
}

function keyOf({ metadata }: KubeObject): string {
  return cacheKey(metadata.namespace, metadata.name);
}
