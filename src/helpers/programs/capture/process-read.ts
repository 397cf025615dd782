// Reads one process of the pod, and tells whether all that was read is of that one process.
import type { ProcessRecord } from '../../../api/process-record.ts';
import { closeExecutable, type Executable } from './executables.ts';
import { whyNot } from './process-files.ts';
import { look, type FoundProcess, type Look } from './process-find.ts';
import { bareRecord, MAX_PROBLEMS, readPieces, type Pieces, type Reader } from './process-pieces.ts';

/** A process, and what of it is not in its record. */
export interface ReadProcess {
  found: FoundProcess;
  record: ProcessRecord;
  executable?: Executable;
  /** Inodes of the sockets that it holds. */
  sockets: number[];
  /** Something was there and not read. */
  incomplete: boolean;
}

/**
 * Reads a process. One that runs another program by the end is read once more; if its PID is another process by then, that one
 * is read instead if it is the pod's. What has ended is still recorded. Nothing is kept of what may be of a process that is not
 * the pod's.
 */
export async function readProcess(reader: Reader, found: FoundProcess, again = true): Promise<ReadProcess[]> {
  const before = await lookAgain(reader, found);
  if (!isSame(before, found)) return replaced(reader, found, before, again);
  const pieces = await readPieces(reader, found);
  const after = await lookAgain(reader, found);
  if (!after) return [accept(reader, pieces, 'it ended before all was read')];
  if (!isSame(after, found)) {
    discard(pieces);
    return replaced(reader, found, after, again);
  }
  if (!after.found) return [accept(reader, pieces, 'it left the cgroup of its container by now')];
  if (after.found.executable === found.executable) return [accept(reader, pieces)];
  if (!again)
    return [accept(reader, pieces, 'it ran another program while it was read: this may be of both')];
  discard(pieces);
  return readProcess(reader, after.found, false);
}

async function lookAgain(reader: Reader, { pid }: FoundProcess): Promise<Look | undefined> {
  return look(reader, pid).catch(() => undefined);
}

function isSame(seen: Look | undefined, found: FoundProcess): boolean {
  return seen?.stat.startTicks === found.stat.startTicks;
}

async function replaced(
  reader: Reader,
  found: FoundProcess,
  by: Look | undefined,
  again: boolean,
): Promise<ReadProcess[]> {
  const next = again && by?.found ? await readProcess(reader, by.found, false) : [];
  return [unread(reader, found, 'it ended before it was read'), ...next];
}

function accept(reader: Reader, pieces: Pieces, note?: string): ReadProcess {
  const { found, environ, sockets } = pieces;
  let { record } = pieces;
  if (environ) reader.environments.add(record, environ);
  let executable: Executable | undefined;
  try {
    executable = pieces.executable && reader.executables.take(pieces.executable);
  } catch (error) {
    record = { ...record, executable: { ...record.executable, problem: whyNot(error) } };
  }
  const incomplete = record.problems.length > 0 || record.executable.problem !== undefined;
  const notes = found.leaderless ? ['its first thread has ended: it was read by one that runs'] : [];
  if (note !== undefined) notes.push(note);
  const problems = [...notes, ...record.problems].slice(0, MAX_PROBLEMS);
  return { found, record: { ...record, problems }, ...(executable && { executable }), sockets, incomplete };
}

function discard({ executable }: Pieces): void {
  if (executable) closeExecutable(executable);
}

/** A process of which only is known how it was found. */
export function unread(reader: Reader, found: FoundProcess, why: string): ReadProcess {
  return { found, record: bareRecord(reader, found, why), sockets: [], incomplete: false };
}
