// Reads what is in the folder of a journal.
import type { DiskFile, JournalDisk } from './disk.ts';
import { isMissing, JournalError } from './errors.ts';
import { generationOf, kindOfFile, type FileKind } from './file-names.ts';
import { Ledger, type Entry, type Segment } from './ledger.ts';
import { decodeLine, type JournalRecord } from './record.ts';

/** What was found. */
export interface Scan {
  /** The oldest first, those of no use included. */
  segments: Segment[];
  /** The highest that any file has, or is about to have; 0 if there is none. */
  generation: number;
  /** What has no outcome. */
  ledger: Ledger;
  /** The lines that cannot be read, with their ends, by segment. */
  damage: Map<Segment, Buffer>;
  /** Records that cannot be read. */
  damaged: number;
  /** Records whose writing was cut off by the end of the process: nobody was told that they are safe. */
  torn: number;
  /** Segments with records of a version that is not known here. */
  newer: Set<string>;
  /** Files that an earlier process did not get to finish. */
  drafts: string[];
  /** Files in which damaged records were set aside. */
  setAside: Set<string>;
  /** Files that are no business of the journal. */
  foreign: string[];
}

/** One more must still have a name. No journal gets near it: it would take a compaction each second for three years. */
const MAX_GENERATION = 99_000_000;
// A former owner removes at most what was there when it lost the journal.
const MAX_TRIES = 100;
const NEWLINE = 0x0a;

/** Reads all there is. Rejects with errors of the disk. */
export async function scanJournal(disk: JournalDisk): Promise<Scan> {
  for (let attempt = 1; attempt <= MAX_TRIES; attempt++) {
    const scan = await tryScan(disk, await disk.list());
    if (scan) return scan;
  }
  const message = `the journal at ${disk.location}: files vanish while they are read. Another program removes them: stop it.`;
  throw new JournalError('Failed', message);
}

// A former owner that does not know it yet may remove a segment in between. What it holds is then in a newer one, which
// is not in this list.
async function tryScan(disk: JournalDisk, files: readonly DiskFile[]): Promise<Scan | undefined> {
  const scan = sortFiles(files);
  if (scan.generation > MAX_GENERATION) throw strangeNames(disk);
  const newest = Math.max(0, ...scan.segments.map(({ name }) => generationOf(name)));
  const useful = scan.segments.filter(({ name }) => generationOf(name) === newest);
  try {
    for (const segment of useful) {
      readSegment(scan, segment, await disk.read(segment.name), segment === useful.at(-1));
    }
    return scan;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function strangeNames({ location }: JournalDisk): JournalError {
  const message =
    `the journal at ${location}: the first number in the name of a file is above ${MAX_GENERATION}, which no journal ` +
    'reaches. Find out who made it, and move it away.';
  return new JournalError('Failed', message);
}

function sortFiles(files: readonly DiskFile[]): Scan {
  const named = (kind: FileKind) =>
    files.filter(({ name }) => kindOfFile(name) === kind).map(({ name }) => name);
  // Names of equal form: the order of their letters is that of generation, number and owner.
  const segments = files
    .filter(({ name }) => kindOfFile(name) === 'Segment')
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, bytes }) => ({ name, bytes, entries: new Set<Entry>(), doubtful: true }));
  const drafts = named('Draft');
  return {
    segments,
    generation: Math.max(0, ...[...drafts, ...segments.map(({ name }) => name)].map(generationOf)),
    ledger: new Ledger(),
    damage: new Map(),
    damaged: 0,
    torn: 0,
    newer: new Set(),
    drafts,
    setAside: new Set(named('Damaged')),
    foreign: named('Foreign'),
  };
}

function readSegment(scan: Scan, segment: Segment, content: Buffer, last: boolean): void {
  const damage = new DamagedLines();
  for (const { start, end, whole } of linesOf(content)) {
    const text = content.subarray(start, whole ? end - 1 : end);
    const line = decodeLine(text);
    if (line.kind === 'Record') applyRecord(scan.ledger, segment, line.record, text);
    else if (line.kind === 'Newer') scan.newer.add(segment.name);
    // Only the last segment was being written: a torn end anywhere else was once whole, or its disk failed.
    else if (!whole && last) scan.torn++;
    else damage.add(start, end);
  }
  if (damage.lines === 0) return;
  scan.damaged += damage.lines;
  scan.damage.set(segment, damage.in(content));
}

function* linesOf(content: Buffer): Generator<{ start: number; end: number; whole: boolean }> {
  for (let start = 0, end: number; start < content.length; start = end) {
    const newline = content.indexOf(NEWLINE, start);
    end = newline < 0 ? content.length : newline + 1;
    yield { start, end, whole: newline >= 0 };
  }
}

// Neighbours become one range: a file of nothing but line ends costs no more memory than it has bytes.
class DamagedLines {
  readonly #ranges: { start: number; end: number }[] = [];
  lines = 0;

  add(start: number, end: number): void {
    this.lines++;
    const last = this.#ranges.at(-1);
    if (last?.end === start) last.end = end;
    else this.#ranges.push({ start, end });
  }

  in(content: Buffer): Buffer {
    return Buffer.concat(this.#ranges.map(({ start, end }) => content.subarray(start, end)));
  }
}

function applyRecord(ledger: Ledger, segment: Segment, record: JournalRecord, text: Buffer): void {
  if ('settled' in record) {
    const entry = ledger.get(record.settled);
    if (entry) ledger.remove(entry);
    return;
  }
  const { detection } = record;
  const { id } = detection.summary;
  // Written again, and with it all that came after: the last copy tells its place in the order.
  const before = ledger.get(id);
  if (before) ledger.remove(before);
  const entry = ledger.add(id, `${text.toString('utf8')}\n`, detection);
  entry.stored.resolve(undefined);
  ledger.place(entry, segment);
}
