// What waits to be written: detections, and the ids of those that have their outcome.
import type { Entry } from './ledger.ts';
import type { Group } from './segments.ts';

/** Bytes of detections that one fsync may keep waiting. */
const GROUP_BYTES = 1024 * 1024;

/** See the file's first line. */
export class Backlog {
  readonly #waiting = new Set<Entry>();
  readonly #settled = new Set<string>();
  #bytes = 0;

  /** Bytes of the detections that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  get hasEntries(): boolean {
    return this.#waiting.size > 0;
  }

  get hasSettled(): boolean {
    return this.#settled.size > 0;
  }

  /** Ids whose settling is not on the disk yet. */
  get settled(): Iterable<string> {
    return this.#settled;
  }

  add(entry: Entry): void {
    this.#waiting.add(entry);
    this.#bytes += entry.bytes;
  }

  /** A detection that still waits is not written at all; of any other it must be told that it is settled. */
  settle(entry: Entry): void {
    if (this.#waiting.delete(entry)) this.#bytes -= entry.bytes;
    else this.#settled.add(entry.id);
  }

  /** The next group, with all that was settled: a detection that was sent again after that must come behind it. */
  take(): Group {
    const settled = [...this.#settled];
    this.#settled.clear();
    const entries: Entry[] = [];
    let bytes = 0;
    for (const entry of this.#waiting) {
      if (bytes >= GROUP_BYTES) break;
      bytes += entry.bytes;
      entries.push(entry);
      this.#waiting.delete(entry);
    }
    this.#bytes -= bytes;
    return { settled, entries };
  }

  /** A group could not be written: what it says is settled waits again. */
  putBack({ settled }: Group): void {
    for (const id of settled) this.#settled.add(id);
  }

  /** Gives up the detections that wait. */
  takeEntries(): Entry[] {
    const entries = [...this.#waiting];
    this.#waiting.clear();
    this.#bytes = 0;
    return entries;
  }
}
