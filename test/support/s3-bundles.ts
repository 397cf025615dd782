// What the tests of the S3 store capture, and how they look at what lies in the bucket.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { EvidenceReader } from '../../src/evidence/reader.ts';
import { ENVELOPE_FILE, MANIFEST_FILE, parseManifest } from '../../src/evidence/manifest.ts';
import type { BundleSummary, EvidenceStore } from '../../src/evidence/store.ts';
import { fileOf, INCIDENT, SUBJECT } from '../unit/evidence/fakes.ts';
import { BUCKET, PREFIX } from './s3-options.ts';
import type { TestS3 } from './s3.ts';

/** What the keys of the incident of the tests begin with. */
export const KEY = `${PREFIX}/shop/${INCIDENT.name}-${INCIDENT.uid}`;
/** Its manifest. */
export const MANIFEST_KEY = `${KEY}/${MANIFEST_FILE}`;
/** A mebibyte. */
export const MIB = 1024 * 1024;

const PIECE_BYTES = 64 * 1024;

/** So many bytes, in pieces of 64 KiB that are one and the same, so that they take no memory. */
export async function* pieces(bytes: number, text = 'evidence '): AsyncGenerator<Uint8Array> {
  const piece = Buffer.alloc(PIECE_BYTES, text);
  for (let left = bytes; left > 0; left -= PIECE_BYTES) yield await Promise.resolve(piece.subarray(0, left));
}

/** A whole capture: a small file with that text, one in two parts, the end. */
export async function capture(
  store: EvidenceStore,
  text = 'line\n',
  large = 9 * MIB,
): Promise<BundleSummary> {
  const bundle = await store.open(SUBJECT);
  if (bundle.finished) return bundle.finished;
  await bundle.add(fileOf('logs/app/current.log', text));
  await bundle.add(fileOf('node/filesystem.ndjson', pieces(large, text)));
  return bundle.finish();
}

/** Keys in the bucket, of all versions. */
export async function keysIn(s3: TestS3): Promise<string[]> {
  const { Versions = [] } = await s3.client.listObjectVersions({ Bucket: BUCKET });
  return Versions.map(({ Key = '' }) => Key);
}

/** Downloads the only bundle of a reader into a folder, as it is. */
export async function download(reader: EvidenceReader, folder: string): Promise<void> {
  const [entry, ...others] = await reader.list();
  if (!entry || others.length > 0) throw new Error(`there are ${others.length + (entry ? 1 : 0)} bundles`);
  const bundle = await reader.open(entry);
  const { manifest, envelope } = bundle;
  const write = (path: string, content: Uint8Array) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  };
  write(MANIFEST_FILE, manifest);
  if (envelope) write(ENVELOPE_FILE, envelope);
  for (const { path } of parseManifest(manifest).files)
    write(path, Buffer.concat(await Array.fromAsync(bundle.file(path))));
}
