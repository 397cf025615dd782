// Compares the files of a directory with what they should be, by their content. Nothing outside of the directory is read.
import { lstat, readdir } from 'node:fs/promises';
import type { Dirent } from 'node:fs';
import { join } from 'node:path';
import { hashed, type Digest } from './content.ts';
import { contentOf } from './directory-reader.ts';
import { decrypt, ENCRYPTED_ENDING } from './encrypt.ts';
import { messageOf } from './error-message.ts';
import type { EntryKind } from './files.ts';
import { RESERVED_FILES } from './manifest.ts';
import { isSafePath, parentsOf } from './path.ts';
import type { Difference, Layer } from './verify.ts';

/** A file as it should be; absent is what nobody knows. */
export interface ExpectedFile {
  path: string;
  size?: number;
  sha256: string;
  plain?: Digest | undefined;
}

/** What became of the comparison. */
export interface ComparedFiles {
  differences: Difference[];
  /** See `Verification`. */
  encrypted: number;
  opened: number;
}

type Entries = Map<string, EntryKind>;

/** See the file's first line. `identities` are private keys of age; without them what is encrypted is not looked into. */
export async function compareFiles(
  directory: string,
  expected: readonly ExpectedFile[],
  identities: readonly string[],
): Promise<ComparedFiles> {
  const differences: Difference[] = [];
  const entries = await walk(directory, differences);
  for (const name of RESERVED_FILES) if (entries.get(name) === 'file') entries.delete(name);
  let encrypted = 0;
  let opened = 0;
  for (const file of expected) {
    const found = await compare(directory, { file, entries, identities });
    if (found.difference) differences.push(found.difference);
    if (found.opened === true) opened += 1;
    if (file.path.endsWith(ENCRYPTED_ENDING)) encrypted += 1;
  }
  const parents = new Set(expected.flatMap((file) => parentsOf(file.path)));
  return { differences: [...differences, ...extras(entries, parents)], encrypted, opened };
}

interface Found {
  difference?: Difference | undefined;
  /** What is encrypted was looked at. */
  opened?: boolean;
}

interface Comparison {
  file: ExpectedFile;
  /** What is there; what belongs to the file is taken out. */
  entries: Entries;
  identities: readonly string[];
}

/** Looks at the file as it is stored, and at the content that was decrypted beside it or in its place. */
async function compare(directory: string, comparison: Comparison): Promise<Found> {
  const { file, entries, identities } = comparison;
  const { path, plain } = file;
  const opened = await compareOpened(directory, comparison);
  const kind = entries.get(path);
  entries.delete(path);
  if (opened && (opened.difference || kind === undefined)) return opened;
  if (kind === undefined)
    return {
      difference: {
        path,
        layer: 'file',
        kind: 'missing',
        detail: 'is in the manifest and not in the directory',
      },
    };
  const stored = storedAt(directory, path, kind);
  const { read } = stored;
  const difference = await compareOne(path, 'file', stored, file);
  if (difference || identities.length === 0 || !plain) return { difference, opened: opened !== undefined };
  const content = { kind, read: () => decrypt(identities, read()) };
  return { difference: await compareOne(path, 'content', content, plain), opened: true };
}

/** Undefined if nothing of the file was decrypted into this directory. */
async function compareOpened(
  directory: string,
  { file: { path, plain }, entries }: Comparison,
): Promise<Found | undefined> {
  if (!plain || !path.endsWith(ENCRYPTED_ENDING)) return undefined;
  const openPath = path.slice(0, -ENCRYPTED_ENDING.length);
  const kind = entries.get(openPath);
  if (kind === undefined) return undefined;
  entries.delete(openPath);
  const stored = storedAt(directory, openPath, kind);
  return { difference: await compareOne(openPath, 'content', stored, plain), opened: true };
}

/** What is compared. */
interface Content {
  kind: EntryKind;
  read: () => AsyncIterable<Uint8Array>;
  /** Bytes of it, where that is known without reading it. */
  size?: () => Promise<number>;
}

function storedAt(directory: string, path: string, kind: EntryKind): Content {
  const place = join(directory, path);
  return { kind, read: () => contentOf(place), size: async () => (await lstat(place)).size };
}

/** One content against what is known of it. */
async function compareOne(
  path: string,
  layer: Layer,
  content: Content,
  expected: { size?: number; sha256: string },
): Promise<Difference | undefined> {
  const changed = (detail: string): Difference => ({ path, layer, kind: 'changed', detail });
  if (content.kind !== 'file') return changed(`is a ${nameOf(content.kind)}, not a regular file`);
  const now = await measured(content, expected.size).catch((error: unknown) => messageOf(error));
  if (typeof now === 'string') return changed(`cannot be read: ${now}`);
  if (expected.size !== undefined && now.size !== expected.size)
    return changed(`has ${now.size} bytes, not ${expected.size}`);
  if (now.sha256 !== expected.sha256) return changed(`has SHA-256 ${now.sha256}, not ${expected.sha256}`);
  return undefined;
}

/** Size and hash. Content of another size is not read: a file that takes no room on disk can be endless. */
async function measured(
  { read, size }: Content,
  expected: number | undefined,
): Promise<{ size: number; sha256?: string }> {
  const known = expected === undefined ? undefined : await size?.();
  return known === undefined || known === expected ? digestOf(read()) : { size: known };
}

/** Reads content to its end. */
export async function digestOf(content: AsyncIterable<Uint8Array>): Promise<Digest> {
  const { content: all, digest } = hashed(content);
  const iterator = all[Symbol.asyncIterator]();
  while ((await iterator.next()).done !== true);
  return digest();
}

/**
 * Everything below the directory by its path relative to it. What cannot be in a manifest is not looked into: a name
 * that is no text has another one on the way back to the system, and may lead elsewhere.
 */
async function walk(directory: string, differences: Difference[], prefix = ''): Promise<Entries> {
  const found: Entries = new Map();
  for (const entry of await entriesOf(directory, prefix, differences)) {
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    found.set(path, kindOf(entry));
    if (!entry.isDirectory() || !isSafePath(path)) continue;
    for (const [below, kind] of await walk(directory, differences, path)) found.set(below, kind);
  }
  return found;
}

async function entriesOf(directory: string, path: string, differences: Difference[]): Promise<Dirent[]> {
  try {
    return await readdir(join(directory, path), { withFileTypes: true });
  } catch (error) {
    const detail = `is a directory that cannot be read: ${messageOf(error)}`;
    differences.push({ path: path || '.', layer: 'file', kind: 'changed', detail });
    return [];
  }
}

function kindOf(entry: { isFile(): boolean; isDirectory(): boolean }): EntryKind {
  if (entry.isDirectory()) return 'directory';
  return entry.isFile() ? 'file' : 'other';
}

function extras(entries: Entries, parents: ReadonlySet<string>): Difference[] {
  return [...entries]
    .filter(([path, kind]) => kind !== 'directory' || !parents.has(path))
    .map(([path, kind]) => ({
      path,
      layer: 'file',
      kind: 'extra',
      detail: `is a ${nameOf(kind)} that is not in the manifest`,
    }));
}

function nameOf(kind: EntryKind): string {
  return kind === 'other' ? 'link or special file' : kind;
}
