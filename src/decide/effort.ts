// How much of the policies of others one judgement looks at: tenants write policies of a megabyte, and a leader that reads
// them all loses its lease meanwhile.

/** Rules, and what these list, that are looked at: some 50 ms. */
const MAX_PARTS = 5_000;

/** What is left of it. */
export class Effort {
  #left = MAX_PARTS;

  /** Whether there is enough left for that part, which is then taken off. */
  takes(part: unknown): boolean {
    const parts = partsOf(part);
    if (parts > this.#left) return false;
    this.#left -= parts;
    return true;
  }
}

function partsOf(part: unknown): number {
  if (typeof part !== 'object' || part === null) return 1;
  const lists = Object.values(part).filter((value) => Array.isArray(value));
  return lists.reduce((sum, list) => sum + list.length, 1);
}
