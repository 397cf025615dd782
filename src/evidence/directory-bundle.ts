// A finished bundle in a directory: whether it is there, and what it says of itself.
import { isAbsolute, join } from 'node:path';
import { attested } from './attest.ts';
import type { BundleEnd, BundleOptions } from './bundle.ts';
import { messageOf } from './error-message.ts';
import { explained } from './file-errors.ts';
import { codeOf, type FileSystem } from './files.ts';
import {
  ENVELOPE_FILE,
  MANIFEST_FILE,
  MAX_ENVELOPE_BYTES,
  MAX_MANIFEST_BYTES,
  parseManifest,
  sha256,
  type Manifest,
} from './manifest.ts';
import { EvidenceStoreError, type BundleSummary, type EvidenceStore, type IncidentRef } from './store.ts';

/**
 * Summary of the finished bundle at `path`.
 * @throws EvidenceStoreError if it cannot be read, or is not the evidence of that incident.
 */
export async function readFinished(
  files: FileSystem,
  path: string,
  incident: IncidentRef,
  signer: BundleOptions['signer'],
): Promise<BundleSummary> {
  const { manifest, summary } = await readSummary(files, path, signer);
  const { uid, name, namespace } = manifest.incident;
  if (uid !== incident.uid || name !== incident.name || namespace !== incident.namespace)
    throw notOurs(
      path,
      `it is the evidence of incident ${JSON.stringify(`${namespace}/${name}`)}, uid ${uid}`,
    );
  return summary;
}

/** See {@link EvidenceStore.holds}. */
export function holdsBundle(
  files: FileSystem,
  { location, manifestSha256 }: Parameters<EvidenceStore['holds']>[0],
): Promise<boolean> {
  return explained(location, async () => {
    // A location of another store is none of ours, and must not be taken for a path in the current directory.
    if (!isAbsolute(location) || (await kindAt(files, location)) !== 'directory') return false;
    const bytes = await files.read(join(location, MANIFEST_FILE), MAX_MANIFEST_BYTES).catch(ignoreMissing);
    if (!bytes || sha256(bytes) !== manifestSha256) return false;
    for (const { path } of parseManifest(bytes).files)
      if ((await kindAt(files, join(location, path))) !== 'file') return false;
    return true;
  });
}

/** What is said of evidence that somebody else made or changed. */
export function notOurs(path: string, why: string): EvidenceStoreError {
  return new EvidenceStoreError(
    'Corrupt',
    path,
    `evidence at ${path} was not made by the operator or was changed: ${why}. It is left as it is; ` +
      'look at it and move it away, then the capture is done again.',
  );
}

async function readSummary(
  files: FileSystem,
  path: string,
  signer: BundleOptions['signer'],
): Promise<{ manifest: Manifest; summary: BundleSummary }> {
  try {
    if ((await files.kindOf(path)) !== 'directory') throw new Error('it is not a directory');
    const end = await readEnd(files, path);
    return { manifest: parseManifest(end.manifest), summary: await attested(end, path, signer) };
  } catch (error) {
    throw notOurs(path, messageOf(error));
  }
}

/** Manifest and signatures of the bundle at `path`; rejects as node:fs does. */
export async function readEnd(files: FileSystem, path: string): Promise<BundleEnd> {
  const manifest = await files.read(join(path, MANIFEST_FILE), MAX_MANIFEST_BYTES);
  const envelope = await files.read(join(path, ENVELOPE_FILE), MAX_ENVELOPE_BYTES).catch(ignoreMissing);
  return { manifest, ...(envelope && { envelope }) };
}

async function kindAt(files: FileSystem, path: string): ReturnType<FileSystem['kindOf']> {
  try {
    return await files.kindOf(path);
  } catch (error) {
    // A part of the path is a file.
    if (codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error;
}
