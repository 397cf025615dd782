// Remembers the ids of the last detections.

/** A set that forgets the oldest beyond its limit. */
export class RecentIds {
  readonly #limit: number;
  readonly #ids = new Set<string>();

  /** @param limit how many ids are remembered. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(id: string): void {
    this.#ids.add(id);
    if (this.#ids.size <= this.#limit) return;
    // A Set keeps the order of insertion.
    const [oldest] = this.#ids;
    if (oldest !== undefined) this.#ids.delete(oldest);
  }
}
