// Reads a file that its owner may change meanwhile: what is said of it is right, or it is said why nothing is.
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, type BigIntStats } from 'node:fs';
import { messageOf } from '../../../evidence/error-message.ts';
import { codeOf, READ_FLAGS } from '../../../evidence/files.ts';
import { contentKind, HEAD_BYTES, type ContentKind } from './content-kind.ts';
import { isSame, pathAt, ReplacedError, type ByteText, type Inode } from './walk-directory.ts';

/** What was read of a file. */
export interface Content {
  /** Of all of it, 64 hex digits; absent where `problem` says why. */
  sha256?: string;
  /** By its first bytes; absent where it could not be opened. */
  kind?: ContentKind;
  problem?: string;
}

/** Limits of reading, and what is told of it. */
export interface Reading {
  /** A longer file is not hashed: a sparse one would take for ever, and a hash of a part would be a wrong one. */
  maxFileBytes: number;
  isOver(): boolean;
  /** Called after each part of so many bytes. */
  did(work: { bytes: number }): Promise<void>;
}

const CHUNK_BYTES = 256n * 1024n;

/**
 * Opens a regular file in an open directory: never a link, and nothing that would block. The caller closes it.
 * @param seen what lay there before.
 * @throws ReplacedError when something else does now, and the errors of node:fs
 */
export function openFileAt(fd: number, name: ByteText, seen: Inode): number {
  const file = openSync(pathAt(fd, name), READ_FLAGS);
  const stats = fstatSync(file, { bigint: true });
  if (stats.isFile() && isSame(stats, seen)) return file;
  closeSync(file);
  throw new ReplacedError();
}

/** Hashes a regular file and looks at its first bytes. @param seen what lay there before. @throws never */
export async function readContent(
  fd: number,
  name: ByteText,
  seen: BigIntStats,
  reading: Reading,
): Promise<Content> {
  let file: number | undefined;
  try {
    file = openFileAt(fd, name, seen);
    return await readOpen(file, reading);
  } catch (error) {
    return { problem: `could not be read: ${codeOf(error) ?? messageOf(error)}` };
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

async function readOpen(file: number, reading: Reading): Promise<Content> {
  const before = fstatSync(file, { bigint: true });
  // One byte more than there should be: a file that grows is noticed, and not read on.
  const buffer = Buffer.allocUnsafe(Number(before.size < CHUNK_BYTES ? before.size + 1n : CHUNK_BYTES));
  let got = readSync(file, buffer, 0, buffer.length, 0);
  const kind = contentKind(buffer.subarray(0, Math.min(got, HEAD_BYTES)));
  if (before.size > BigInt(reading.maxFileBytes)) {
    return { kind, problem: `not hashed: it has more than ${reading.maxFileBytes} bytes` };
  }
  const hash = createHash('sha256');
  let at = 0n;
  while (got > 0 && at <= before.size) {
    if (reading.isOver()) return { kind, problem: 'not hashed: the time was over' };
    hash.update(buffer.subarray(0, got));
    at += BigInt(got);
    await reading.did({ bytes: got });
    got = at < before.size ? readSync(file, buffer, 0, buffer.length, at) : 0;
  }
  if (at !== before.size || changedSince(file, before))
    return { kind, problem: 'not hashed: it changed while it was read' };
  return { kind, sha256: hash.digest('hex') };
}

function changedSince(file: number, before: BigIntStats): boolean {
  const now = fstatSync(file, { bigint: true });
  return now.size !== before.size || now.mtimeNs !== before.mtimeNs || now.ctimeNs !== before.ctimeNs;
}
