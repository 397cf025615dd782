// The segments of a journal on the disk: what is written goes to the last one, and the oldest go when nothing in them is
// needed any more.
import type { Clock } from '../../kube/clock.ts';
import type { Logger } from '../../observe/log.ts';
import { throttle } from '../../observe/throttle.ts';
import { removeIfThere, type JournalDisk } from './disk.ts';
import { isTakenOver } from './errors.ts';
import { segmentName, draftName } from './file-names.ts';
import type { Entry, Ledger, Segment } from './ledger.ts';
import type { Owner } from './owner.ts';
import { encodeRecord, MAX_LINE_BYTES } from './record.ts';
import type { Scan } from './scan.ts';

/** What is written together and brought to the disk by one fsync. */
export interface Group {
  /** Ids of detections that have their outcome. They come first: a detection that is here too was sent again. */
  settled: readonly string[];
  entries: readonly Entry[];
}

/** Options of {@link Segments}. */
export interface SegmentsOptions {
  disk: JournalDisk;
  clock: Clock;
  owner: Owner;
  log: Logger;
  /** A segment that is longer gets no more groups. */
  segmentBytes: number;
}

const NOTHING: Group = { settled: [], entries: [] };
// In characters; a draft of all that is pending need not be in memory once more.
const CHUNK_LENGTH = 1024 * 1024;
const LOG_EVERY_MS = 10_000;

/** See the file's first line. Operations must not overlap; all reject with errors of the disk, or `TakenOver`. */
export class Segments {
  readonly #options: SegmentsOptions;
  readonly #logDue: (kind: string) => boolean;
  /** The oldest first. */
  readonly #all: Segment[];
  readonly #ledger: Ledger;
  /** The one that groups are written to; undefined before the first, and after a failure. */
  #active: Segment | undefined;
  #generation: number;
  #number = 0;
  /** Files that a failure left: they go before anything new is written, so that they do not add up. */
  readonly #leftovers: Set<string>;

  constructor(options: SegmentsOptions, scan: Scan) {
    this.#options = options;
    this.#logDue = throttle(options.clock, LOG_EVERY_MS);
    this.#all = [...scan.segments];
    this.#ledger = scan.ledger;
    this.#generation = scan.generation;
    this.#leftovers = new Set(scan.drafts);
  }

  /** Bytes on the disk. */
  get bytes(): number {
    return this.#all.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /**
   * Resolves when the group is on the disk. A segment whose writing failed is given up, as after a failed fsync the kernel
   * may have dropped what it could not write while later calls succeed; what is in it is written again to a new one.
   */
  async store(group: Group): Promise<void> {
    const text = Buffer.from(linesOf(group).join(''));
    try {
      if (this.#active && fits(this.#active, text, this.#options.segmentBytes)) {
        await this.#append(this.#active, text);
        for (const entry of group.entries) this.#ledger.place(entry, this.#active);
        return;
      }
      await this.#begin(group, this.#endangered());
    } catch (error) {
      if (isTakenOver(error)) throw error;
      const message = 'writing to the journal failed; a new segment is tried';
      if (this.#logDue('failed')) this.#options.log.warn({ err: error }, message);
      await this.#begin(group, this.#endangered());
    }
  }

  /** Starts a new segment, at open and after a failure, with what the others may not really have. */
  async restart(): Promise<void> {
    await this.#probe();
    await this.#begin(NOTHING, this.#endangered());
  }

  /** Writes all that is pending to a new segment, so that the others can go. */
  async compact(): Promise<void> {
    await this.#begin(NOTHING, this.#ledger.stored());
  }

  /**
   * Removes the oldest segments as long as nothing in them is pending. Only ever the oldest, and one after the other: a
   * record must not outlive the line, in a later segment, that it is settled.
   */
  async removeSettled(): Promise<void> {
    for (let [oldest] = this.#all; oldest && this.#isUseless(oldest); [oldest] = this.#all) {
      await removeIfThere(this.#options.disk, oldest.name);
      await this.#options.disk.syncDirectory();
      this.#all.shift();
    }
  }

  // A full disk often has room for an empty file: that it works again is said when the longest line fits.
  async #probe(): Promise<void> {
    const name = draftName(this.#nextName(this.#generation));
    await this.#removeLeftovers();
    this.#leftovers.add(name);
    await this.#options.disk.create(name, Buffer.alloc(MAX_LINE_BYTES));
    await this.#removeLeftovers();
  }

  #nextName(generation: number): string {
    return segmentName({ generation, number: ++this.#number, owner: this.#options.owner.id });
  }

  #isUseless(segment: Segment): boolean {
    return segment !== this.#active && segment.entries.size === 0;
  }

  /** Entries whose last copy may not be on the disk. */
  #endangered(): Entry[] {
    return this.#ledger.stored().filter(({ segment }) => segment?.doubtful);
  }

  async #append(segment: Segment, text: Buffer): Promise<void> {
    segment.bytes += text.length;
    try {
      await this.#options.disk.append(segment.name, text);
    } catch (error) {
      this.#giveUp([segment]);
      throw error;
    }
  }

  #giveUp(segments: readonly Segment[]): void {
    for (const segment of segments) segment.doubtful = true;
    if (this.#active?.doubtful) this.#active = undefined;
  }

  /**
   * Starts a segment with these entries and the group. It gets its name when it is whole. With all that is pending in it,
   * it starts a generation, before which no other file counts. That is how it is at open, so that whatever a former owner
   * still leaves counts no more, be it a week later: its generation is below, as the name of its draft is there before it
   * asks for the last time whether the journal is still its own.
   */
  async #begin(group: Group, carried: readonly Entry[]): Promise<void> {
    const complete = carried.length === this.#ledger.stored().length;
    const generation = this.#generation + (complete ? 1 : 0);
    const name = this.#nextName(generation);
    const segment: Segment = { name, bytes: 0, entries: new Set(), doubtful: false };
    await this.#removeLeftovers();
    try {
      await this.#draft(segment, [...carried.map(({ line }) => line), ...linesOf(group)]);
      // Whoever took over reads the older segments now: they must not be replaced under its eyes.
      await this.#options.owner.check();
      await this.#publish(segment, generation);
    } catch (error) {
      await this.#removeLeftovers().catch(() => {});
      throw error;
    }
    this.#all.push(segment);
    this.#active = segment;
    for (const entry of [...carried, ...group.entries]) this.#ledger.place(entry, segment);
  }

  async #draft(segment: Segment, lines: readonly string[]): Promise<void> {
    const { disk } = this.#options;
    const name = draftName(segment.name);
    this.#leftovers.add(name);
    await disk.create(name, Buffer.alloc(0));
    for (const chunk of chunksOf(lines)) {
      await disk.append(name, chunk);
      segment.bytes += chunk.length;
    }
  }

  async #publish(segment: Segment, generation: number): Promise<void> {
    const { disk } = this.#options;
    this.#leftovers.add(segment.name);
    const before = this.#generation;
    // From here on it may have its name, also after a crash, whatever an error says.
    this.#generation = generation;
    try {
      await disk.rename(draftName(segment.name), segment.name);
      await disk.syncDirectory();
    } catch (error) {
      // Then the older files do not count, and the next segment has to hold everything again.
      if (generation > before) this.#giveUp(this.#all);
      throw error;
    }
    this.#leftovers.delete(draftName(segment.name));
    this.#leftovers.delete(segment.name);
  }

  async #removeLeftovers(): Promise<void> {
    for (const name of this.#leftovers) {
      await removeIfThere(this.#options.disk, name);
      this.#leftovers.delete(name);
    }
  }
}

function linesOf({ settled, entries }: Group): string[] {
  return [...settled.map((id) => encodeRecord({ settled: id })), ...entries.map(({ line }) => line)];
}

function fits(segment: Segment, text: Buffer, segmentBytes: number): boolean {
  return segment.bytes + text.length <= segmentBytes;
}

function* chunksOf(lines: readonly string[]): Generator<Buffer> {
  let chunk = '';
  for (const line of lines) {
    chunk += line;
    if (chunk.length < CHUNK_LENGTH) continue;
    yield Buffer.from(chunk);
    chunk = '';
  }
  if (chunk !== '') yield Buffer.from(chunk);
}
