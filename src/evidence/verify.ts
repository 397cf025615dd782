// Checks a finished bundle, offline: its signature, what was signed, its manifest, each file, and what is encrypted in it.
import { join } from 'node:path';
import { messageOf } from './error-message.ts';
import { codeOf, localFiles } from './files.ts';
import {
  ENVELOPE_FILE,
  MANIFEST_FILE,
  MAX_ENVELOPE_BYTES,
  MAX_MANIFEST_BYTES,
  parseManifest,
  sha256,
  type Manifest,
} from './manifest.ts';
import type { Verifier } from './sign.ts';
import { compareFiles, type ExpectedFile } from './verify-files.ts';
import { checkEnvelope, type CheckedEnvelope } from './verify-signature.ts';

/**
 * What is wrong: the signature itself, what was signed, the manifest, a file as it is stored, or what is encrypted in it.
 */
export type Layer = 'signature' | 'statement' | 'manifest' | 'file' | 'content';

/** One way in which a directory is not what it should be. */
export interface Difference {
  /** Relative to the directory. */
  path: string;
  layer: Layer;
  /** `invalid`: signature, statement or manifest cannot be read, or is not the one that is expected. */
  kind: 'missing' | 'extra' | 'changed' | 'invalid';
  /** In words. */
  detail: string;
}

/** What a bundle is checked against beside itself. All of it comes from elsewhere, or it proves nothing. */
export interface VerifyOptions {
  /** SHA-256 of the manifest, from `status.evidence` of the incident. */
  sha256?: string | undefined;
  /** Public keys, one of which must have signed. Empty: signatures are not checked. */
  keys?: readonly Verifier[];
  /** Private keys of age: what is encrypted is then decrypted and checked, too. Nothing of it is kept. */
  identities?: readonly string[];
}

/** Of what evidence is. */
export type EvidenceOf = Pick<Manifest, 'incident' | 'startedAt' | 'finishedAt'> & {
  pod: { namespace: string; name: string; uid: string };
};

/** What was found. */
export interface Verification {
  differences: Difference[];
  /** Of what it is and when it was captured. Absent: none of the given keys signed what says so. */
  of?: EvidenceOf;
  /** Those of the given keys that signed it, see {@link Verifier}. */
  signedBy: string[];
  /** There are signatures, checked or not. */
  signed: boolean;
  /** Files that are encrypted, and of how many of these the content was checked. */
  encrypted: number;
  opened: number;
}

/**
 * Names every difference: files that are missing, changed, or not in the manifest. Links are not followed. Of an encrypted
 * file there may be the decrypted content in its place, under its name without `.age`. Without a key and without the hash
 * from elsewhere, a manifest that was rewritten together with its files passes.
 */
export async function verifyBundle(directory: string, options: VerifyOptions = {}): Promise<Verification> {
  const envelope = await readEnvelope(directory, options.keys ?? []);
  const manifest = await readManifest(directory, options.sha256, envelope);
  const { expected, differences } = whatIsExpected(manifest, envelope);
  const all = [...envelope.differences, ...manifest.differences, ...differences];
  const of = signedOf(manifest, envelope);
  const found = { ...(of && { of }), signedBy: envelope.signedBy, signed: envelope.present };
  if (!expected) return { ...found, differences: all, encrypted: 0, opened: 0 };
  const files = await compareFiles(directory, expected, options.identities ?? []);
  return {
    ...found,
    differences: [...all, ...files.differences],
    encrypted: files.encrypted,
    opened: files.opened,
  };
}

/** The differences alone; see {@link verifyBundle}. */
export async function verifyManifest(directory: string, expectedSha256?: string): Promise<Difference[]> {
  return (await verifyBundle(directory, { sha256: expectedSha256 })).differences;
}

async function readEnvelope(directory: string, keys: readonly Verifier[]): Promise<CheckedEnvelope> {
  try {
    return checkEnvelope(await localFiles.read(join(directory, ENVELOPE_FILE), MAX_ENVELOPE_BYTES), keys);
  } catch (error) {
    const isMissing = codeOf(error) === 'ENOENT';
    if (isMissing && keys.length === 0) return { differences: [], signedBy: [], present: false };
    const difference: Difference = {
      path: ENVELOPE_FILE,
      layer: 'signature',
      kind: isMissing ? 'missing' : 'invalid',
      detail: isMissing ? 'is not there: nobody signed this' : `cannot be read: ${messageOf(error)}`,
    };
    return { differences: [difference], signedBy: [], present: !isMissing };
  }
}

interface CheckedManifest {
  differences: Difference[];
  /** Set if it can be read and is the one that is expected. */
  manifest?: Manifest;
}

async function readManifest(
  directory: string,
  expected: string | undefined,
  { subjects }: CheckedEnvelope,
): Promise<CheckedManifest> {
  const invalid = (detail: string): CheckedManifest => ({
    differences: [{ path: MANIFEST_FILE, layer: 'manifest', kind: 'invalid', detail }],
  });
  try {
    const bytes = await localFiles.read(join(directory, MANIFEST_FILE), MAX_MANIFEST_BYTES);
    const hash = sha256(bytes);
    if (expected !== undefined && hash !== expected) return invalid(`has SHA-256 ${hash}, not ${expected}`);
    const signed = subjects?.get(MANIFEST_FILE);
    if (subjects && signed !== hash)
      return invalid(`has SHA-256 ${hash}, and what was signed has ${signed ?? 'none'}`);
    return { differences: [], manifest: parseManifest(bytes) };
  } catch (error) {
    return invalid(`cannot be read: ${messageOf(error)}`);
  }
}

// A manifest that there is beside what was signed has the hash in it; without that it says whatever its writer likes.
function signedOf(
  { manifest }: CheckedManifest,
  { subjects, signedBy }: CheckedEnvelope,
): EvidenceOf | undefined {
  if (!manifest || !subjects || signedBy.length === 0) return undefined;
  const { incident, target, startedAt, finishedAt } = manifest;
  const { namespace, name, uid } = target;
  return { incident, pod: { namespace, name, uid }, startedAt, finishedAt };
}

/** The list of files to compare with: the manifest, or what was signed if the manifest is another one. */
function whatIsExpected(
  { manifest }: CheckedManifest,
  { subjects, signedBy }: CheckedEnvelope,
): { expected?: readonly ExpectedFile[]; differences: Difference[] } {
  if (manifest) return { expected: manifest.files, differences: disagreements(manifest, subjects) };
  if (!subjects || signedBy.length === 0) return { differences: [] };
  const expected = [...subjects]
    .filter(([path]) => path !== MANIFEST_FILE)
    .map(([path, hash]) => ({ path, sha256: hash }));
  return { expected, differences: [] };
}

/** Files of which the manifest says one thing and what was signed another. */
function disagreements(manifest: Manifest, subjects: CheckedEnvelope['subjects']): Difference[] {
  if (!subjects) return [];
  const listed = new Map(manifest.files.map((file) => [file.path, file.sha256]));
  const paths = new Set([...listed.keys(), ...subjects.keys()]);
  paths.delete(MANIFEST_FILE);
  return [...paths]
    .filter((path) => listed.get(path) !== subjects.get(path))
    .map((path) => ({
      path,
      layer: 'statement',
      kind: 'invalid',
      detail: `has SHA-256 ${subjects.get(path) ?? 'none'} in what was signed, and ${listed.get(path) ?? 'none'} in the manifest`,
    }));
}
