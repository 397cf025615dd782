// Steps through directories that an attacker writes to while we read: each step is relative to a directory that is open, and
// follows no link. Node has no openat(2); /proc/self/fd/N/name is resolved from that descriptor and is the same.
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  readlinkSync,
  type BigIntStats,
} from 'node:fs';
import { codeOf } from '../../../evidence/files.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
const DIRECTORY_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK;
const NAMES_AT_ONCE = 512;

/** Names and paths are bytes, a character each (latin1): names in Linux need not be text. */
export type ByteText = string;

/** What tells an inode from all others, as long as it exists. */
export type Inode = Pick<BigIntStats, 'dev' | 'ino'>;

/** Another entry than the one that was looked at lies there by now. */
export class ReplacedError extends Error {
  constructor() {
    super('it was replaced while it was read');
    this.name = 'ReplacedError';
  }
}

/** For node:fs, the path of an entry of an open directory. */
export function pathAt(fd: number, name: ByteText): Buffer {
  return Buffer.from(`/proc/self/fd/${fd}/${name}`, 'latin1');
}

/** Opens a directory by its path, whose last part may not be a link. The caller closes it. */
export function openDirectory(path: string): number {
  return openSync(path, DIRECTORY_FLAGS);
}

/**
 * Opens a directory within another. The caller closes it.
 * @param expected what it was found to be before; any when left out.
 * @throws ReplacedError, and the errors of node:fs: a link in its place is `ENOTDIR` or `ELOOP`
 */
export function openDirectoryAt(fd: number, name: ByteText, expected?: Inode): number {
  const child = openSync(pathAt(fd, name), DIRECTORY_FLAGS);
  if (expected === undefined || isSame(fstatSync(child, { bigint: true }), expected)) return child;
  closeSync(child);
  throw new ReplacedError();
}

/**
 * Opens a directory by the names from an open one on; with none, that one again. The caller closes it.
 * @throws the errors of node:fs
 */
export function openDirectoryBelow(fd: number, names: readonly ByteText[]): number {
  let at = openDirectoryAt(fd, '.');
  for (const name of names) {
    try {
      const next = openDirectoryAt(at, name);
      closeSync(at);
      at = next;
    } catch (error) {
      closeSync(at);
      throw error;
    }
  }
  return at;
}

/** Whether both are one inode. */
export function isSame(one: Inode, other: Inode): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

/** What lies there, a link not followed; undefined if nothing does. */
export function statAt(fd: number, name: ByteText): BigIntStats | undefined {
  try {
    return lstatSync(pathAt(fd, name), { bigint: true });
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Where a link leads to, as it says. */
export function linkAt(fd: number, name: ByteText): Buffer {
  return readlinkSync(pathAt(fd, name), { encoding: 'buffer' });
}

/** Names of a directory. */
export interface Names {
  /** In the order of their bytes. */
  names: ByteText[];
  /** There are more. */
  more: boolean;
}

/** The names in an open directory, at most `max` of them; they are read in parts, so that no more are held than that. */
export function namesIn(fd: number, max: number): Names {
  const directory = opendirSync(pathAt(fd, '.'), { encoding: 'latin1', bufferSize: NAMES_AT_ONCE });
  const names: ByteText[] = [];
  let more = false;
  try {
    for (;;) {
      const entry = directory.readSync();
      if (entry === null) break;
      if (names.length >= max) {
        more = true;
        break;
      }
      names.push(entry.name);
    }
  } finally {
    directory.closeSync();
  }
  return { names: names.toSorted(byBytes), more };
}

function byBytes(one: ByteText, other: ByteText): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
