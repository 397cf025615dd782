// A tar of files that may change while it is written: each entry has the size that it says, whatever happens to the file.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, fstatSync, readSync } from 'node:fs';
import { pack, type Pack } from 'tar-stream';
import { messageOf } from '../../../evidence/error-message.ts';
import { codeOf } from '../../../evidence/files.ts';
import { openFileAt } from './content.ts';
import { openDirectoryBelow, type ByteText, type Inode } from './walk-directory.ts';

/** A file whose content is to be kept. */
export interface KeptFile extends Inode {
  /** In the tar, e.g. `files/7`: names of ours only, the attacker's are in filesystem.ndjson. */
  name: string;
  /** Open directory that the path begins at. */
  root: number;
  path: ByteText;
  /** Bytes that were taken of the budget. */
  size: number;
  /** As it was when it was listed. */
  sha256: string;
}

/** What is told while a tar is written. */
export interface TarGiven {
  isOver: () => boolean;
  /** A file is not in it, or not as it was listed. */
  changed(file: KeptFile, why: string): void;
  /** The time was over, and this many files are not in it. */
  left(files: number): void;
}

const CHUNK_BYTES = 256 * 1024;

/**
 * The files as a tar. Each is opened again, without following a link anywhere; one that is gone or another one by now is left out,
 * one that has become shorter is filled up with zeros, one that has become longer is cut.
 */
export async function* tarOf(files: readonly KeptFile[], given: TarGiven): AsyncGenerator<Uint8Array> {
  const archive = pack();
  const ended = new AbortController();
  // Waits for the reader below whenever that one is slower.
  const writing = write(archive, files, { ...given, ended: ended.signal });
  writing.catch((error: unknown) => archive.destroy(error as Error));
  try {
    for await (const chunk of archive as AsyncIterable<Uint8Array>) yield chunk;
    await writing;
  } finally {
    ended.abort();
    archive.destroy();
    await writing.catch(() => {});
  }
}

interface Writing extends TarGiven {
  /** Nobody reads any more. */
  ended: AbortSignal;
}

async function write(archive: Pack, files: readonly KeptFile[], given: Writing): Promise<void> {
  for (const [index, file] of files.entries()) {
    if (given.ended.aborted) return;
    if (given.isOver()) {
      given.left(files.length - index);
      break;
    }
    await writeFile(archive, file, given);
  }
  archive.finalize();
}

async function writeFile(archive: Pack, file: KeptFile, given: Writing): Promise<void> {
  let fd: number | undefined;
  try {
    fd = openKept(file);
  } catch (error) {
    given.changed(file, `is not in the tar: ${codeOf(error) ?? messageOf(error)}`);
    return;
  }
  try {
    const { size, mtimeMs } = fstatSync(fd);
    const declared = Math.min(size, file.size);
    // Of the time no fraction and nothing before 1970, which would take a second header.
    const mtime = new Date(Math.min(Math.max(Math.floor(mtimeMs / 1000) * 1000, 0), MAX_TIME_MS));
    const entry = archive.entry({ name: file.name, size: declared, mode: 0o600, mtime });
    // Ends with the archive, whose errors are told.
    entry.on('error', () => {});
    const whole = await writeContent(entry, fd, declared, given);
    if (!whole || size !== file.size)
      given.changed(file, `was changed after it was listed: cut or filled up`);
    else if (whole.sha256 !== file.sha256)
      given.changed(file, 'was changed after it was listed: another content');
  } finally {
    closeSync(fd);
  }
}

/** 2242: what the field of a tar's header can hold. */
const MAX_TIME_MS = 8_589_934_591_000;

function openKept({ root, path, ...inode }: KeptFile): number {
  const names = path.split('/').filter((name) => name !== '');
  const directory = openDirectoryBelow(root, names.slice(0, -1));
  try {
    return openFileAt(directory, names.at(-1) ?? '', inode);
  } finally {
    closeSync(directory);
  }
}

/** @returns undefined when it had to be filled up. */
async function writeContent(
  entry: ReturnType<Pack['entry']>,
  fd: number,
  size: number,
  { ended, isOver }: Writing,
): Promise<{ sha256: string } | undefined> {
  const hash = createHash('sha256');
  let filled = false;
  for (let at = 0; at < size;) {
    const chunk: Buffer = Buffer.alloc(Math.min(CHUNK_BYTES, size - at));
    // What is left is sent all the same, as zeros: the file would be damaged otherwise.
    const got: number = filled || isOver() ? 0 : readOrNothing(fd, chunk, at);
    filled ||= got === 0;
    const part: Buffer = filled ? chunk : chunk.subarray(0, got);
    hash.update(part);
    at += part.length;
    if (!entry.write(part)) await once(entry, 'drain', { signal: ended });
  }
  const finished = once(entry, 'finish', { signal: ended });
  entry.end(undefined);
  await finished;
  return filled ? undefined : { sha256: hash.digest('hex') };
}

function readOrNothing(fd: number, chunk: Buffer, at: number): number {
  try {
    return readSync(fd, chunk, 0, chunk.length, at);
  } catch {
    return 0;
  }
}
