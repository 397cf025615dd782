// A finished bundle in a bucket: its manifest and envelope as the first run to finish it stored them.
import { messageOf } from './error-message.ts';
import { attested } from './attest.ts';
import type { BundleEnd, BundleOptions } from './bundle.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { attemptKey, s3Url } from './s3-location.ts';
import { firstVersion, firstVersionsBelow, readVersion, type S3Version } from './s3-read.ts';
import {
  ENVELOPE_FILE,
  MANIFEST_FILE,
  MAX_ENVELOPE_BYTES,
  MAX_MANIFEST_BYTES,
  parseManifest,
  sha256,
  type Manifest,
} from './manifest.ts';
import { EvidenceStoreError, type BundleSummary, type IncidentRef } from './store.ts';

/** A manifest that was found in the bucket. */
export interface FoundManifest {
  bytes: Uint8Array;
  manifest: Manifest;
}

/** What the incident keeps of the finished bundle under that key; undefined if there is none. */
export async function readFinished(
  bucket: S3Bucket,
  key: string,
  incident: IncidentRef,
  signer: BundleOptions['signer'],
): Promise<BundleSummary | undefined> {
  const found = await readManifest(bucket, key);
  if (!found) return undefined;
  const { uid, name, namespace } = found.manifest.incident;
  const isOurs = uid === incident.uid && name === incident.name && namespace === incident.namespace;
  const location = s3Url(bucket.name, key);
  if (!isOurs)
    throw notOurs(
      location,
      `it is the evidence of incident ${JSON.stringify(`${namespace}/${name}`)}, uid ${uid}`,
    );
  const envelope = await readEnvelope(bucket, key, found.manifest);
  return summarized({ manifest: found.bytes, ...(envelope && { envelope }) }, location, signer);
}

/** The bytes under that key's manifest, not looked into; undefined if there are none. */
export async function readManifestBytes(bucket: S3Bucket, key: string): Promise<Uint8Array | undefined> {
  const version = await firstVersion(bucket, `${key}/${MANIFEST_FILE}`);
  return version && readSmall(bucket, version, MAX_MANIFEST_BYTES);
}

/** The manifest of the finished bundle under that key; undefined if there is none. */
export async function readManifest(bucket: S3Bucket, key: string): Promise<FoundManifest | undefined> {
  const bytes = await readManifestBytes(bucket, key);
  if (!bytes) return undefined;
  try {
    return { bytes, manifest: parseManifest(bytes) };
  } catch (error) {
    throw notOurs(s3Url(bucket.name, key), messageOf(error));
  }
}

/** Whether the bundle is there: its manifest with this hash, and an object of the right size for each of its files. */
export async function holdsBundle(bucket: S3Bucket, key: string, manifestSha256: string): Promise<boolean> {
  const found = await readManifest(bucket, key);
  if (!found || sha256(found.bytes) !== manifestSha256) return false;
  const below = attemptKey(key, found.manifest.attempt);
  const files = await firstVersionsBelow(bucket, below);
  return found.manifest.files.every(({ path, size }) => files.get(`${below}${path}`)?.size === size);
}

/** The signatures of the finished bundle under that key; undefined if there are none. */
export async function readEnvelope(
  bucket: S3Bucket,
  key: string,
  { attempt }: Pick<Manifest, 'attempt'>,
): Promise<Uint8Array | undefined> {
  const version = await firstVersion(bucket, `${attemptKey(key, attempt)}${ENVELOPE_FILE}`);
  return version && readSmall(bucket, version, MAX_ENVELOPE_BYTES);
}

async function readSmall(bucket: S3Bucket, version: S3Version, max: number): Promise<Uint8Array | undefined> {
  if (version.size > max) throw notOurs(s3Url(bucket.name, version.key), `it has ${version.size} bytes`);
  return readVersion(bucket, version);
}

async function summarized(
  end: BundleEnd,
  location: string,
  signer: BundleOptions['signer'],
): Promise<BundleSummary> {
  try {
    return await attested(end, location, signer);
  } catch (error) {
    throw notOurs(location, messageOf(error));
  }
}

function notOurs(location: string, why: string): EvidenceStoreError {
  return new EvidenceStoreError(
    'Corrupt',
    location,
    `evidence at ${location} was not made by the operator or was changed: ${why}. It is left as it is; look at it, ` +
      'and at who else may write to this bucket.',
  );
}
