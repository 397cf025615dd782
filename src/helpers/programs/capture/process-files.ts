// Bounded reading in /proc: no file is too long, no folder too large, and nobody waits for an answer that does not come.
import { constants } from 'node:fs';
import { open, opendir, readlink, type FileHandle } from 'node:fs/promises';
import type { Clock } from '../../../kube/clock.ts';
import { isGone } from '../proc-stat.ts';

const CHUNK = 65_536;
const READ_WITHOUT_WAITING = constants.O_RDONLY | constants.O_NONBLOCK;

/** The beginning of a file. */
export interface Beginning {
  bytes: Buffer;
  /** There is more. */
  more: boolean;
}

/** Reads of /proc; all reject with the errors of node:fs. Tests change the tree in between. */
export interface ProcFiles {
  read(path: string, maxBytes: number): Promise<Beginning>;
  link(path: string): Promise<string>;
  /** At most `max` names; the others are counted. */
  names(path: string, max: number): Promise<{ names: string[]; more: number }>;
  /** For reading, without waiting for a pipe. */
  open(path: string): Promise<FileHandle>;
}

/** Those of the machine. */
export const procFiles: ProcFiles = {
  read: async (path, maxBytes) => {
    await using handle = await open(path, 'r');
    return await beginningOf(handle, maxBytes);
  },
  link: (path) => readlink(path),
  names: async (path, max) => {
    const names: string[] = [];
    let more = 0;
    // A list of hundreds of thousands is read in parts.
    for await (const { name } of await opendir(path, { bufferSize: 1024 })) {
      if (names.length < max) names.push(name);
      else more += 1;
    }
    return { names, more };
  },
  open: (path) => open(path, READ_WITHOUT_WAITING),
};

async function beginningOf(handle: FileHandle, maxBytes: number): Promise<Beginning> {
  const parts: Buffer[] = [];
  let size = 0;
  // One byte more than is wanted tells that there is more. Files of /proc have no size: they end where a read is empty.
  while (size <= maxBytes) {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK, maxBytes + 1 - size));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) break;
    parts.push(buffer.subarray(0, bytesRead));
    size += bytesRead;
  }
  return { bytes: Buffer.concat(parts).subarray(0, maxBytes), more: size > maxBytes };
}

/** What was not read since an answer did not come. */
export class Unanswered extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Unanswered';
  }
}

/** How long an answer may take, in milliseconds. */
const PATIENCE_MS = 2_000;
// Node reads files with 4 threads. One that hangs is lost until it is answered; the last is for all others.
const MAX_HANGING = 3;

/** Does what may never be answered. @param late is given what comes too late. */
export type Patience = <T>(work: () => Promise<T>, late?: (answer: T) => unknown) => Promise<T>;

/**
 * For what the attacker can leave unanswered: memory and files of a process may lie in a filesystem that a process of his own
 * serves (FUSE, userfaultfd). After a few of these nothing more is tried.
 * @returns what rejects with {@link Unanswered} when there is no answer in time, or nothing is tried any more.
 */
export function patience(clock: Clock): Patience {
  let hanging = 0;
  return (work, late) =>
    new Promise((resolve, reject) => {
      if (hanging >= MAX_HANGING)
        return reject(new Unanswered(`not tried, since ${hanging} reads before it are still unanswered`));
      let isLate = false;
      const cancel = clock.after(PATIENCE_MS, () => {
        isLate = true;
        hanging += 1;
        reject(new Unanswered(`no answer within ${PATIENCE_MS} ms: something keeps its reader waiting`));
      });
      const ended = () => {
        cancel();
        if (isLate) hanging -= 1;
      };
      work().then(
        (answer) => {
          ended();
          if (isLate) late?.(answer);
          else resolve(answer);
        },
        (error: unknown) => {
          ended();
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
}

/** Why something was not read, in a few words. */
export function whyNot(error: unknown): string {
  if (isGone(error)) return 'it is gone';
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  return /^E(ACCES|PERM)$/.test(code) ? `refused (${code})` : error.message.slice(0, 200);
}

/** A text of at most `max` characters, none of them half. */
export function cut(text: string, max: number): string {
  return text.length <= max ? text : text.slice(0, max).toWellFormed();
}
