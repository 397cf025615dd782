// Checks a finished bundle against its manifest, and names every difference.
import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { localFiles, READ_FLAGS, type EntryKind } from './files.ts';
import { MANIFEST_FILE, MAX_MANIFEST_BYTES, parseManifest, sha256, type ManifestFile } from './manifest.ts';
import { messageOf } from './error-message.ts';
import { isSafePath } from './path.ts';

/** One way in which a directory is not what its manifest says. */
export interface Difference {
  /** Relative to the directory. */
  path: string;
  /** `invalid`: the manifest cannot be read or has another hash than expected. */
  kind: 'missing' | 'extra' | 'changed' | 'invalid';
  /** In words. */
  detail: string;
}

/**
 * Hashes everything in the directory again and names every difference: files that are missing, changed, or not in the
 * manifest. Links are not followed. Without `expectedSha256` (from `status.evidence` of the incident, or wherever else
 * the manifest's hash is kept) a manifest that was rewritten together with its files passes.
 */
export async function verifyManifest(directory: string, expectedSha256?: string): Promise<Difference[]> {
  const manifest = await readManifest(directory, expectedSha256);
  if ('kind' in manifest) return [manifest];
  const differences: Difference[] = [];
  const entries = await walk(directory, differences);
  entries.delete(MANIFEST_FILE);
  for (const file of manifest.files) {
    const detail = await compare(directory, file, entries.get(file.path));
    if (detail) differences.push(detail);
    entries.delete(file.path);
  }
  const parents = new Set(manifest.files.flatMap((file) => parentsOf(file.path)));
  return [...differences, ...extras(entries, parents)];
}

async function readManifest(
  directory: string,
  expected: string | undefined,
): Promise<Difference | { files: ManifestFile[] }> {
  const invalid = (detail: string): Difference => ({ path: MANIFEST_FILE, kind: 'invalid', detail });
  try {
    const bytes = await localFiles.read(join(directory, MANIFEST_FILE), MAX_MANIFEST_BYTES);
    const hash = sha256(bytes);
    if (expected !== undefined && hash !== expected) return invalid(`has SHA-256 ${hash}, not ${expected}`);
    return parseManifest(bytes);
  } catch (error) {
    return invalid(`cannot be read: ${messageOf(error)}`);
  }
}

/**
 * Everything below the directory by its path relative to it. What cannot be in a manifest is not looked into: a name
 * that is no text has another one on the way back to the system, and may lead elsewhere.
 */
async function walk(
  directory: string,
  differences: Difference[],
  prefix = '',
): Promise<Map<string, EntryKind>> {
  const found = new Map<string, EntryKind>();
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
    differences.push({ path: path || '.', kind: 'changed', detail });
    return [];
  }
}

function kindOf(entry: { isFile(): boolean; isDirectory(): boolean }): EntryKind {
  if (entry.isDirectory()) return 'directory';
  return entry.isFile() ? 'file' : 'other';
}

async function compare(
  directory: string,
  file: ManifestFile,
  kind: EntryKind | undefined,
): Promise<Difference | undefined> {
  const { path } = file;
  if (kind === undefined)
    return { path, kind: 'missing', detail: 'is in the manifest and not in the directory' };
  if (kind !== 'file') return { path, kind: 'changed', detail: `is a ${nameOf(kind)}, not a regular file` };
  const now = await hashFile(join(directory, path)).catch((error: unknown) => messageOf(error));
  if (typeof now === 'string') return { path, kind: 'changed', detail: `cannot be read: ${now}` };
  if (now.size !== file.size)
    return { path, kind: 'changed', detail: `has ${now.size} bytes, not ${file.size}` };
  if (now.sha256 !== file.sha256)
    return { path, kind: 'changed', detail: `has SHA-256 ${now.sha256}, not ${file.sha256}` };
  return undefined;
}

async function hashFile(path: string): Promise<{ size: number; sha256: string }> {
  await using file = await open(path, READ_FLAGS);
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of file.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { size, sha256: hash.digest('hex') };
}

function extras(entries: Map<string, EntryKind>, parents: ReadonlySet<string>): Difference[] {
  return [...entries]
    .filter(([path, kind]) => kind !== 'directory' || !parents.has(path))
    .map(([path, kind]) => ({
      path,
      kind: 'extra',
      detail: `is a ${nameOf(kind)} that is not in the manifest`,
    }));
}

function parentsOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

function nameOf(kind: EntryKind): string {
  return kind === 'other' ? 'link or special file' : kind;
}
