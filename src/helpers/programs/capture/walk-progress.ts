// How far a walk has come and what it had to leave out, which becomes a few problems however much it was.
import type { ByteText } from './walk-directory.ts';

/** Directories within each other; each one that is open takes a descriptor. */
export const MAX_DEPTH = 512;
/** Linux takes no longer ones at once than 4,095; there is room for the name of a volume. */
export const MAX_PATH_BYTES = 4_000;
/** Directories that are named among those that could not be read. */
const MAX_NAMED = 3;
/** Longest part of a path in a message. */
const MAX_SHOWN = 120;
/** After so much work others get their turn: reads block. */
const TURN_ENTRIES = 64;
const TURN_BYTES = 4 * 1024 * 1024;

/** Limits and the count of what they left out. */
export interface Progress {
  /** No more is to be read: the time is over. */
  isOver(): boolean;
  /** Entries that may still be looked at. */
  entriesLeft(): number;
  /** Counts an entry or some bytes that were read, and lets others have their turn from time to time. */
  did(work: { entries?: number; bytes?: number }): Promise<void>;
  tooMany(path: ByteText): void;
  tooDeep(): void;
  tooLong(entries: number): void;
  unreadable(path: ByteText, why: string): void;
  /** A sentence for each limit that was met. */
  problems(): string[];
}

/** Begins a walk of at most `maxEntries` entries. @param signal fires when the time is over. */
export function startProgress(maxEntries: number, signal: AbortSignal): Progress {
  let left = maxEntries;
  const turn = { entries: 0, bytes: 0 };
  const met = { many: [] as string[], deep: 0, long: 0, unread: 0, named: [] as string[] };
  return {
    isOver: () => signal.aborted,
    entriesLeft: () => left,
    did: async ({ entries = 0, bytes = 0 }) => {
      left -= entries;
      turn.entries += entries;
      turn.bytes += bytes;
      if (turn.entries < TURN_ENTRIES && turn.bytes < TURN_BYTES) return;
      turn.entries = 0;
      turn.bytes = 0;
      await new Promise((resolve) => setImmediate(resolve));
    },
    tooMany: (path) => met.many.push(shown(path)),
    tooDeep: () => (met.deep += 1),
    tooLong: (entries) => (met.long += entries),
    unreadable: (path, why) => {
      met.unread += 1;
      if (met.named.length < MAX_NAMED) met.named.push(`${shown(path)} (${why})`);
    },
    problems: () => [
      ...said(
        met.many.length,
        `the limit of ${maxEntries} entries was met: ${met.many.length} directories are not listed to their end, the first is ${met.many[0] ?? ''}`,
      ),
      ...said(met.deep, `${met.deep} directories lie deeper than ${MAX_DEPTH} and were not entered`),
      ...said(met.long, `${met.long} entries have paths of more than ${MAX_PATH_BYTES} bytes: not listed`),
      ...said(met.unread, `${met.unread} directories could not be read: ${met.named.join(', ')}`),
      ...said(signal.aborted ? 1 : 0, 'the time was over before everything was read'),
    ],
  };
}

function said(count: number, message: string): string[] {
  return count > 0 ? [message] : [];
}

/** A path for a message: printable, in quotes, and cut. */
export function shown(path: ByteText): string {
  const text = Buffer.from(path === '' ? '/' : path, 'latin1').toString('utf8');
  const printable = JSON.stringify(text.slice(0, MAX_SHOWN)).replaceAll(
    /[^\u0020-\u007e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return text.length > MAX_SHOWN ? `${printable}...` : printable;
}
