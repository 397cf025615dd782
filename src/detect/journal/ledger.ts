// What the journal knows in memory: the detections without an outcome, in order, and in which segment each is safe.
import type { Detection } from '../../api/detection.ts';

/** A file of the journal. */
export interface Segment {
  readonly name: string;
  /** On the disk, as far as known; for what was written in part: at most. */
  bytes: number;
  /** What would be lost with the file. */
  readonly entries: Set<Entry>;
  /**
   * What the disk really has is unknown: a write or fsync failed, or an earlier process wrote it and what is read may be in
   * the memory of the kernel only.
   */
  doubtful: boolean;
}

/** A detection without an outcome. */
export interface Entry {
  readonly id: string;
  /** Kept, so that it can be written again. */
  readonly line: string;
  readonly bytes: number;
  /** Set if the last process left it. */
  readonly left: Detection | undefined;
  /** Where its last copy is; undefined before it was written. */
  segment: Segment | undefined;
  /** Resolves when it is on the disk. */
  readonly stored: PromiseWithResolvers<undefined>;
}

/** See the file's first line. Entries keep the order in which they were added. */
export class Ledger {
  readonly #entries = new Map<string, Entry>();
  #storedBytes = 0;

  /** All entries, the oldest first. */
  get entries(): Iterable<Entry> {
    return this.#entries.values();
  }

  /** Number of entries. */
  get size(): number {
    return this.#entries.size;
  }

  /** Bytes of all entries that are in a segment, each counted once. */
  get storedBytes(): number {
    return this.#storedBytes;
  }

  get(id: string): Entry | undefined {
    return this.#entries.get(id);
  }

  /** Adds an entry that has no place yet. */
  add(id: string, line: string, left?: Detection): Entry {
    const stored = Promise.withResolvers<undefined>();
    const entry: Entry = { id, line, bytes: Buffer.byteLength(line), left, segment: undefined, stored };
    this.#entries.set(id, entry);
    return entry;
  }

  /** Notes that the last copy is in that segment. Does nothing for an entry that was removed meanwhile. */
  place(entry: Entry, segment: Segment): void {
    if (this.#entries.get(entry.id) !== entry) return;
    if (entry.segment) entry.segment.entries.delete(entry);
    else this.#storedBytes += entry.bytes;
    entry.segment = segment;
    segment.entries.add(entry);
  }

  /** Forgets an entry, unless another one has its id by now. */
  remove(entry: Entry): void {
    if (this.#entries.get(entry.id) !== entry) return;
    this.#entries.delete(entry.id);
    if (!entry.segment) return;
    entry.segment.entries.delete(entry);
    this.#storedBytes -= entry.bytes;
  }

  /** Entries that are in a segment, the oldest first. */
  stored(): Entry[] {
    return [...this.#entries.values()].filter((entry) => entry.segment !== undefined);
  }
}
