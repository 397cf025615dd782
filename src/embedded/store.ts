// All objects and their recent history. One counter gives every change its resourceVersion, as etcd does.
import type { KubeObject } from '../api/meta.ts';
import type { Cancel } from '../kube/clock.ts';
import type { Resource } from '../kube/resources.ts';
import { formsOf, sharedBy, type Form } from './event-forms.ts';
import { frozen } from './json.ts';
import { resourceKey } from './kinds.ts';

/** One change of one object. Objects are frozen. */
export interface Change {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  resource: Resource;
  revision: number;
  /** As it is now; of a deletion the last state with the deletion's resourceVersion. */
  object: KubeObject;
  /** As it was before; absent for ADDED. */
  before?: KubeObject;
}

/** Called after each change, in order. */
export type ChangeListener = (change: Change) => void;

interface Shelf {
  objects: Map<string, KubeObject>;
  history: Change[];
  /** Changes up to this revision are no longer in the history. */
  forgotten: number;
}

/** Key of an object within its kind; sorts like the keys of etcd. */
export function objectKey(metadata: { namespace?: string | undefined; name: string }): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}

/** See the file's first line. */
export class Store {
  #revision = 1;
  readonly #shelves = new Map<string, Shelf>();
  readonly #listeners = new Set<ChangeListener>();
  readonly #historyLimit: number;

  /** @param historyLimit changes of each kind that a watch or a paged list can go back. */
  constructor(historyLimit: number) {
    this.#historyLimit = historyLimit;
  }

  /** The revision of the latest change. */
  get revision(): number {
    return this.#revision;
  }

  get(resource: Resource, key: string): KubeObject | undefined {
    return this.#shelf(resource).objects.get(key);
  }

  /** Objects of a kind in the order of their keys. */
  list(resource: Resource): KubeObject[] {
    return sorted(this.#shelf(resource).objects);
  }

  /** Objects of a kind as they were at that revision, or undefined if that is forgotten. */
  listAt(resource: Resource, revision: number): KubeObject[] | undefined {
    const shelf = this.#shelf(resource);
    if (revision < shelf.forgotten) return undefined;
    const past = new Map(shelf.objects);
    for (const change of shelf.history.filter((event) => event.revision > revision).toReversed()) {
      if (change.before) past.set(objectKey(change.before.metadata), change.before);
      else past.delete(objectKey(change.object.metadata));
    }
    return sorted(past);
  }

  /** Changes of a kind after that revision, or undefined if some of them are forgotten. */
  changesSince(resource: Resource, revision: number): readonly Change[] | undefined {
    const { history, forgotten } = this.#shelf(resource);
    if (revision < forgotten) return undefined;
    const first = history.findIndex((change) => change.revision > revision);
    return first === -1 ? [] : history.slice(first);
  }

  /** Stores the object under a new resourceVersion and returns what was stored. */
  put(resource: Resource, object: KubeObject): KubeObject {
    this.#revision += 1;
    const changes = formsOf(resource, object).map((form) => this.#shelve(form));
    this.#tell(changes);
    return changes[0]?.object ?? object;
  }

  /** Removes the object; returns its last state with the deletion's resourceVersion. */
  remove(resource: Resource, key: string): KubeObject | undefined {
    if (!this.get(resource, key)) return undefined;
    this.#revision += 1;
    const changes = sharedBy(resource).flatMap((shared) => this.#unshelve(shared, key));
    this.#tell(changes);
    return changes[0]?.object;
  }

  /** Calls `listener` after each change until cancelled. */
  subscribe(listener: ChangeListener): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #shelve({ resource, object }: Form): Change {
    const { objects } = this.#shelf(resource);
    const key = objectKey(object.metadata);
    const before = objects.get(key);
    const stored = this.#stamped(object);
    objects.set(key, stored);
    const type = before ? 'MODIFIED' : 'ADDED';
    return this.#recorded({ type, resource, object: stored, ...(before && { before }) });
  }

  #unshelve(resource: Resource, key: string): Change[] {
    const { objects } = this.#shelf(resource);
    const before = objects.get(key);
    if (!before) return [];
    objects.delete(key);
    return [this.#recorded({ type: 'DELETED', resource, object: this.#stamped(before), before })];
  }

  #stamped(object: KubeObject): KubeObject {
    return frozen({
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(this.#revision) },
    });
  }

  #recorded(what: Omit<Change, 'revision'>): Change {
    const shelf = this.#shelf(what.resource);
    const change: Change = { ...what, revision: this.#revision };
    shelf.history.push(change);
    if (shelf.history.length > this.#historyLimit) shelf.forgotten = shelf.history.shift()?.revision ?? 0;
    return change;
  }

  #tell(changes: readonly Change[]): void {
    for (const change of changes) for (const listener of this.#listeners) listener(change);
  }

  #shelf(resource: Resource): Shelf {
    const key = resourceKey(resource);
    const shelf = this.#shelves.get(key) ?? { objects: new Map(), history: [], forgotten: 0 };
    this.#shelves.set(key, shelf);
    return shelf;
  }
}

function sorted(objects: ReadonlyMap<string, KubeObject>): KubeObject[] {
  return [...objects].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
}
