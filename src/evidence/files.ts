// The few file operations that a directory store needs, each safe against links and each durable where it says so.
import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';

/** What lies at a path; `other` is a symbolic link, a device, a pipe or a socket. */
export type EntryKind = 'directory' | 'file' | 'other';

/** File operations; all reject with the errors of node:fs. Tests put failures and crashes in between. */
export interface FileSystem {
  /** What lies at the path itself, a link not followed; undefined if nothing does. */
  kindOf(path: string): Promise<EntryKind | undefined>;
  /** When the entry itself was last changed, in milliseconds since the epoch: of a directory, when its names were. */
  modifiedAt(path: string): Promise<number>;
  /** Names in the directory. */
  names(directory: string): Promise<string[]>;
  /** Makes one directory with mode 0700; rejects if anything is there. */
  makeDirectory(path: string): Promise<void>;
  /**
   * Makes a file with mode 0600 and brings its content to the disk as it comes; rejects if anything is there, a link too.
   */
  create(path: string, content: Uint8Array | AsyncIterable<Uint8Array>): Promise<void>;
  /** Reads a regular file of at most `maxBytes`; a link is not followed. */
  read(path: string, maxBytes: number): Promise<Uint8Array>;
  /** Brings the entries of a directory to the disk. */
  syncDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes whatever is there with everything below it; links are removed, not followed. */
  remove(path: string): Promise<void>;
}

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** Opens a regular file for reading, whatever was put in its place: a link fails, a pipe does not block. */
export const READ_FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;

/** The file system of the machine. */
export const localFiles: FileSystem = {
  kindOf: async (path) => {
    const stats = await lstat(path).catch(ignoreMissing);
    if (!stats) return undefined;
    if (stats.isDirectory()) return 'directory';
    return stats.isFile() ? 'file' : 'other';
  },
  modifiedAt: async (path) => (await lstat(path)).mtimeMs,
  names: (directory) => readdir(directory),
  makeDirectory: (path) => mkdir(path, { mode: 0o700 }).then(() => {}),
  create: async (path, content) => {
    await using file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    await file.writeFile(content);
    await file.sync();
  },
  read: async (path, maxBytes) => {
    await using file = await open(path, READ_FLAGS);
    const stats = await file.stat();
    if (!stats.isFile()) throw new Error(`${path} is not a regular file`);
    if (stats.size > maxBytes) throw new Error(`${path} has more than ${maxBytes} bytes`);
    return await file.readFile();
  },
  syncDirectory: async (path) => {
    await using directory = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    await directory.sync();
  },
  rename,
  remove: (path) => rm(path, { recursive: true, force: true }),
};

function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error;
}

/** The system's name of an error, e.g. `ENOSPC`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
