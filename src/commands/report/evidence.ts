// The evidence that a report is made of, as far as it can be read here: checked first, then opened.
import { isAbsolute } from 'node:path';
import type { DriftIncident } from '../../api/incident.ts';
import { createDirectoryReader } from '../../evidence/directory-reader.ts';
import { decrypt } from '../../evidence/encrypt.ts';
import { messageOf } from '../../evidence/error-message.ts';
import { codeOf } from '../../evidence/files.ts';
import { parseManifest, sha256, type Manifest } from '../../evidence/manifest.ts';
import type { StoredBundle } from '../../evidence/reader.ts';
import type { Verifier } from '../../evidence/sign.ts';
import { EvidenceStoreError } from '../../evidence/store.ts';
import { verifyBundle, type Verification } from '../../evidence/verify.ts';
import {
  isEncrypted,
  plainPath,
  REPORT_FILES,
  type EvidenceInput,
  type FileContent,
} from '../../report/input.ts';

/** Where the evidence is, and what opens and checks it. */
export interface EvidenceRequest {
  incident: DriftIncident;
  /** As a person gave it; absent: where the incident says. */
  directory?: string | undefined;
  /** Private keys of age. */
  identities: readonly string[];
  /** Public keys, one of which must have signed. */
  keys: readonly Verifier[];
}

/**
 * Reads the evidence. What is not at the place that the incident names is told in the answer.
 * @throws Error if a person named the place and it holds no evidence of this incident.
 */
export async function readEvidence(request: EvidenceRequest): Promise<EvidenceInput> {
  const { incident, directory } = request;
  const recorded = incident.status?.evidence?.location;
  if (directory !== undefined) return readBundle(request, directory);
  if (recorded === undefined) return { state: 'Absent', why: 'The incident records no evidence.' };
  const elsewhere = `It is not read here: copy it to this machine and give --evidence. The incident says that it is at ${recorded}`;
  // A relative path would be one of whoever runs this.
  if (!isAbsolute(recorded)) return { state: 'Absent', why: elsewhere };
  try {
    return await readBundle(request, recorded);
  } catch (error) {
    return { state: 'Absent', why: `${elsewhere}, and here: ${messageOf(error)}` };
  }
}

async function readBundle(
  { incident, identities, keys }: EvidenceRequest,
  location: string,
): Promise<EvidenceInput> {
  const bundle = await openBundle(location);
  const manifest = manifestOf(bundle, location, incident);
  // Only now: before it is known to be evidence of this incident, nothing else in the directory is looked at.
  const verification = await verifyBundle(location, {
    sha256: incident.status?.evidence?.manifestSha256,
    identities,
    keys,
  });
  const files = new Map<string, FileContent>();
  for (const wanted of Object.values(REPORT_FILES)) {
    const entry = manifest.files.find(({ path }) => plainPath(path) === wanted.path);
    if (entry) files.set(wanted.path, await readFile({ bundle, identities }, entry.path, wanted.maxBytes));
  }
  return {
    state: 'Read',
    location,
    manifest,
    manifestSha256: sha256(bundle.manifest),
    differences: verification.differences.map(
      ({ path, layer, kind, detail }) => `${path}: ${layer} ${kind}: ${detail}`,
    ),
    signature: signatureOf(verification, keys),
    files,
  };
}

async function openBundle(location: string): Promise<StoredBundle> {
  try {
    return await createDirectoryReader(location).open({ location, namespace: '', name: '' });
  } catch (error) {
    if (!(error instanceof EvidenceStoreError)) throw error;
    // What the store says is for those who write there.
    const why =
      codeOf(error.cause) === 'ENOENT' ? 'there is no manifest.json' : messageOf(error.cause ?? error);
    throw new Error(`${location} holds no evidence that can be read: ${why}`, { cause: error });
  }
}

function manifestOf(
  { manifest: bytes }: StoredBundle,
  location: string,
  { metadata }: DriftIncident,
): Manifest {
  const manifest = readManifest(bytes, location);
  const { namespace, name, uid } = manifest.incident;
  if (uid === metadata.uid) return manifest;
  throw new Error(
    `${location} holds the evidence of another incident: ${namespace}/${name}, UID ${uid}, and not UID ${metadata.uid}`,
  );
}

function readManifest(bytes: Uint8Array, location: string): Manifest {
  try {
    return parseManifest(bytes);
  } catch (error) {
    throw new Error(`${location} holds a manifest.json that cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

interface Opened {
  bundle: StoredBundle;
  identities: readonly string[];
}

/** The content of a file; of an encrypted one also what was decrypted in its place, which was checked like it. */
async function readFile(
  { bundle, identities }: Opened,
  path: string,
  maxBytes: number,
): Promise<FileContent> {
  try {
    if (!isEncrypted(path)) return await firstBytes(bundle.file(path), maxBytes);
    const opened =
      identities.length > 0
        ? await unlessMissing(firstBytes(decrypt(identities, bundle.file(path)), maxBytes))
        : undefined;
    return opened ?? (await firstBytes(bundle.file(plainPath(path)), maxBytes));
  } catch (error) {
    if (!isEncrypted(path)) return { problem: `cannot be read: ${messageOf(error)}` };
    if (identities.length > 0)
      return { problem: `is encrypted, and these identities do not open it: ${messageOf(error)}` };
    return { problem: 'is encrypted, and was not opened: give --identity.' };
  }
}

async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  return work.catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
}

async function firstBytes(content: AsyncIterable<Uint8Array>, maxBytes: number): Promise<FileContent> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of content) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > maxBytes) break;
  }
  return { bytes: Buffer.concat(chunks).subarray(0, maxBytes), cut: size > maxBytes };
}

function signatureOf(
  { signed, signedBy }: Verification,
  keys: readonly Verifier[],
): { tone: 'Bad' | 'Good' | 'Unknown'; text: string } {
  if (signedBy.length > 0) return { tone: 'Good', text: `by the key ${signedBy.join(', ')}` };
  if (keys.length > 0) return { tone: 'Bad', text: 'none of the given keys signed it' };
  return signed
    ? { tone: 'Unknown', text: 'there are signatures, and no public key was given: give --key' }
    : { tone: 'Unknown', text: 'nobody signed it' };
}
