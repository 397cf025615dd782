// A map with secondary indexes.

/** A value under a key, with what the store needs to find it again. */
export interface Entry<P> {
  /** UID of the object: another one under the same key is another object. */
  uid: string;
  resourceVersion: string;
  value: P;
  /** For each index the terms under which the value is found. */
  terms: ReadonlyMap<string, readonly string[]>;
}

/** Entries by key, and by each term of each index. */
export class IndexedStore<P> {
  readonly #entries = new Map<string, Entry<P>>();
  readonly #indexes: ReadonlyMap<string, Map<string, Map<string, P>>>;

  /** @param indexes names of the indexes; entries may have terms for these only. */
  constructor(indexes: readonly string[]) {
    this.#indexes = new Map(indexes.map((name) => [name, new Map()]));
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): Entry<P> | undefined {
    return this.#entries.get(key);
  }

  values(): readonly P[] {
    return [...this.#entries.values()].map((entry) => entry.value);
  }

  /** Values with that term. Throws for an index that does not exist. */
  byIndex(index: string, term: string): readonly P[] {
    const terms = this.#indexes.get(index);
    if (terms === undefined) throw new Error(`there is no index ${index}`);
    return [...(terms.get(term)?.values() ?? [])];
  }

  set(key: string, entry: Entry<P>): void {
    this.delete(key);
    this.#entries.set(key, entry);
    this.#eachTerm(entry, (values, term) => {
      values.set(term, (values.get(term) ?? new Map<string, P>()).set(key, entry.value));
    });
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#eachTerm(entry, (values, term) => {
      const found = values.get(term);
      found?.delete(key);
      if (found?.size === 0) values.delete(term);
    });
  }

  #eachTerm(entry: Entry<P>, visit: (values: Map<string, Map<string, P>>, term: string) => void): void {
    for (const [index, terms] of entry.terms) {
      const values = this.#indexes.get(index);
      if (values !== undefined) for (const term of terms) visit(values, term);
    }
  }
}
