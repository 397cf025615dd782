// The files that processes run. Each is opened once, while its process lives, and hashed and copied through that opening: so
// the hash and the copy are of what runs, also when it has no name any more or something else has taken its name.
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { ProcessRecord } from '../../../api/process-record.ts';
import type { Patience, ProcFiles } from './process-files.ts';
import { whyNot } from './process-files.ts';

const CHUNK = 262_144;
/** Different files that are held open at a time. */
const MAX_OPEN = 512;

/** One file that processes run. */
export interface Executable {
  handle: FileHandle;
  /** Two with the same are one file. */
  key: string;
  size: number;
  /** `device:inode`. */
  inode: string;
  /** It is gone when the last process that runs it is. */
  nameless: boolean;
  /** The first process that was seen to run it. */
  pid: number;
  sha256?: string;
  /** Why it was not hashed, or not kept. */
  problem?: string;
  /** Its path in the bundle. */
  kept?: string;
}

/** All that processes of the pod run, each once. */
export interface Executables {
  /**
   * Takes one over; it is closed with all others.
   * @returns the same file as it was taken over before, if it was: then the new opening is closed.
   * @throws where too many are open.
   */
  take(executable: Executable): Executable;
  /** Those without a name first. */
  all(): Executable[];
  close(): void;
}

/** None yet. */
export function executables(): Executables {
  const known = new Map<string, Executable>();
  return {
    take: (executable) => {
      const same = known.get(executable.key);
      if (!same && known.size < MAX_OPEN) {
        known.set(executable.key, executable);
        return executable;
      }
      closeExecutable(executable);
      if (!same) throw new Error(`not read: ${MAX_OPEN} other files are open already`);
      same.nameless ||= executable.nameless;
      return same;
    },
    all: () => [...known.values()].toSorted((one, other) => Number(other.nameless) - Number(one.nameless)),
    close: () => {
      for (const executable of known.values()) closeExecutable(executable);
    },
  };
}

/** Closes it. Nobody waits for that: it would wait for a read that is not answered. */
export function closeExecutable({ handle }: Pick<Executable, 'handle'>): void {
  handle.close().catch(() => {});
}

/** Opens what a process runs, by the link to it. @throws the errors of node:fs; Unanswered. */
export async function openExecutable(
  { files, patience }: { files: ProcFiles; patience: Patience },
  path: string,
  of: Pick<Executable, 'pid' | 'nameless'>,
): Promise<Executable> {
  const handle = await patience(
    () => files.open(path),
    (late) => late.close(),
  );
  try {
    const stats = await patience(() => handle.stat({ bigint: true }));
    if (!stats.isFile()) throw new Error('not a regular file');
    const inode = `${stats.dev}:${stats.ino}`;
    // An inode may be used again, and a file be written to: then its times differ.
    const key = `${inode}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
    return { ...of, handle, key, inode, size: Number(stats.size) };
  } catch (error) {
    closeExecutable({ handle });
    throw error;
  }
}

/** How reading of contents is bounded. */
export interface ReadLimits {
  patience: Patience;
  signal: AbortSignal;
  maxFileBytes: number;
}

/** Sets the hash of an executable, or the problem with it. */
export async function hashExecutable(executable: Executable, limits: ReadLimits): Promise<void> {
  const { size } = executable;
  if (size > limits.maxFileBytes) {
    executable.problem = `not hashed: it has ${size} bytes, the limit is ${limits.maxFileBytes}`;
    return;
  }
  const hash = createHash('sha256');
  try {
    for await (const chunk of contentOf(executable, limits)) hash.update(chunk);
    executable.sha256 = hash.digest('hex');
  } catch (error) {
    executable.problem = `not hashed: ${whyNot(error)}`;
  }
}

/**
 * The bytes of an executable, as many as it had when it was opened.
 * @throws where it has fewer, it cannot be read, or time is over.
 */
export async function* contentOf(
  { handle, size }: Executable,
  { patience, signal }: ReadLimits,
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size;) {
    if (signal.aborted) throw new Error('the time for it was over');
    const from = at;
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK, size - from));
    const { bytesRead } = await patience(() => handle.read(buffer, 0, buffer.length, from));
    if (bytesRead === 0) throw new Error(`it ended after ${at} of ${size} bytes`);
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** What a record says about the executable of its process. */
export function withExecutable(record: ProcessRecord, found: Executable | undefined): ProcessRecord {
  if (!found) return record;
  const { size, inode, sha256, kept, problem } = found;
  const added = {
    size,
    inode,
    ...(sha256 !== undefined && { sha256 }),
    ...(kept !== undefined && { kept }),
    ...(problem !== undefined && { problem: problem.slice(0, 512) }),
  };
  return { ...record, executable: { ...record.executable, ...added } };
}
