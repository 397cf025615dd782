// Reads the bundles in a bucket: of each object the first version, whatever was put over it later.
import { deadline } from '../kube/clock.ts';
import { readEnvelope, readManifestBytes } from './s3-bundle.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { explainS3Error } from './s3-errors.ts';
import { attemptKey, parseS3Url, rootKey, s3Url } from './s3-location.ts';
import { firstVersion, firstVersionsBelow, foldersBelow, streamVersion, type S3Version } from './s3-read.ts';
import { bucketOf, type S3Access } from './s3-store.ts';
import { MANIFEST_FILE, parseManifest } from './manifest.ts';
import { isSafePath } from './path.ts';
import type { BundleEntry, EvidenceReader, StoredBundle } from './reader.ts';
import { EvidenceStoreError } from './store.ts';

/** Time without a byte after which a file is given up, in milliseconds. */
const SILENCE_MS = 30_000;

/** See the file's first line. */
export function createS3Reader(access: S3Access): EvidenceReader {
  const bucket = bucketOf(access);
  return {
    list: () => listBundles(bucket, rootKey(access.location.prefix)),
    open: (entry) => openStored(bucket, entry),
  };
}

async function listBundles(bucket: S3Bucket, root: string): Promise<BundleEntry[]> {
  const entries: BundleEntry[] = [];
  for (const namespace of await foldersIn(bucket, root))
    for (const name of await foldersIn(bucket, `${root}${namespace}/`)) {
      const key = `${root}${namespace}/${name}`;
      if (await firstVersion(bucket, `${key}/${MANIFEST_FILE}`))
        entries.push({ location: s3Url(bucket.name, key), namespace, name });
    }
  return entries;
}

/** Those with names as bundles have them. */
async function foldersIn(bucket: S3Bucket, prefix: string): Promise<string[]> {
  const folders = await Array.fromAsync(foldersBelow(bucket, prefix, { within: 'Root' }));
  return folders
    .map((folder) => folder.slice(prefix.length, -1))
    .filter((name) => isSafePath(name))
    .toSorted();
}

async function openStored(own: S3Bucket, { location }: BundleEntry): Promise<StoredBundle> {
  const place = parseS3Url(location);
  if (!place) throw missing(location, 'that is not a place in a bucket');
  const bucket = { ...own, name: place.bucket };
  const manifest = await readManifestBytes(bucket, place.key);
  if (!manifest) throw missing(location, 'there is no finished bundle');
  const attempt = attemptIn(manifest);
  const envelope = attempt === undefined ? undefined : await readEnvelope(bucket, place.key, { attempt });
  let files: Promise<Map<string, S3Version>> | undefined;
  const below = attempt === undefined ? undefined : attemptKey(place.key, attempt);
  return {
    manifest,
    ...(envelope && { envelope }),
    file: async function* (path) {
      if (below === undefined) throw missing(location, 'its manifest cannot be read');
      files ??= firstVersionsBelow(bucket, below);
      const version = (await files).get(`${below}${path}`);
      if (!version) throw missing(s3Url(bucket.name, `${below}${path}`), 'there is no such object');
      yield* contentOf(bucket, version);
    },
  };
}

// The manifest is what is checked later, so a broken one is handed on.
function attemptIn(manifest: Uint8Array): number | undefined {
  try {
    return parseManifest(manifest).attempt;
  } catch {
    return undefined;
  }
}

async function* contentOf(bucket: S3Bucket, version: S3Version): AsyncGenerator<Uint8Array> {
  const path = s3Url(bucket.name, version.key);
  const giveUp = new AbortController();
  const content = await streamVersion(bucket, version, giveUp.signal);
  if (!content) throw missing(path, 'there is no such object');
  const chunks = content[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = await inTime(bucket, chunks.next());
      if (step.done === true) return;
      yield step.value;
    }
  } catch (error) {
    throw explainS3Error(error, path);
  } finally {
    giveUp.abort();
  }
}

async function inTime<T>({ clock }: S3Bucket, work: Promise<T>): Promise<T> {
  const limit = deadline(clock, SILENCE_MS);
  const late = new Promise<never>((_, reject) => {
    limit.signal.addEventListener('abort', () => reject(limit.signal.reason as Error), { once: true });
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    limit.done();
  }
}

function missing(path: string, why: string): EvidenceStoreError {
  return new EvidenceStoreError(
    'Missing',
    path,
    `evidence at ${path}: ${why}. Check the location and --evidence-store; if it was there, find out who deleted it.`,
  );
}
