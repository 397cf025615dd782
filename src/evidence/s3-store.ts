// Evidence in an S3 bucket, locked against deletion: <prefix>/<namespace>/<incident>-<uid>/, complete or not there.
import { timestamp, type Clock, type Random } from '../kube/clock.ts';
import {
  createBundle,
  DEFAULT_LIMITS,
  finishedBundle,
  type BundleLimits,
  type BundleOptions,
  type BundleSink,
} from './bundle.ts';
import { holdsBundle, readFinished } from './s3-bundle.ts';
import { probeBucket, type S3Bucket, type S3Lock } from './s3-bucket.ts';
import { createS3Calls, type S3Connection, type S3Timeouts } from './s3-calls.ts';
import { explainS3Error } from './s3-errors.ts';
import {
  ATTEMPT_MARKER,
  attemptKey,
  attemptOf,
  bundleKey,
  parseS3Url,
  rootKey,
  s3Url,
  type S3Location,
} from './s3-location.ts';
import { foldersBelow } from './s3-read.ts';
import { abortUpload } from './s3-remove.ts';
import { sweepBucket } from './s3-retention.ts';
import { beginUpload, isPut, putContent, putObject, putSmall } from './s3-write.ts';
import { ENVELOPE_FILE, MANIFEST_FILE } from './manifest.ts';
import {
  EvidenceStoreError,
  type BundleSummary,
  type EvidenceBundle,
  type EvidenceStore,
  type EvidenceSubject,
  type IncidentRef,
} from './store.ts';

/** What reaches a bucket. */
export interface S3Access {
  location: S3Location;
  connection: S3Connection;
  /** Absent: nothing is locked, and whoever may write to the bucket can delete evidence. */
  lock?: S3Lock | undefined;
  clock: Clock;
  random: Random;
  timeouts?: S3Timeouts;
}

/** Options of {@link createS3Store}. */
export interface S3StoreOptions extends S3Access, Pick<BundleOptions, 'recipients' | 'signer'> {
  /** Version of the tool, for the manifest. */
  version: string;
  /** Bytes for each incident. Default 256 MiB. */
  maxBytes?: number;
  /** Milliseconds that evidence is kept, longer if it is locked for longer. Default: for ever. */
  retentionMs?: number;
}

// Each time the number was taken, another capture of the same incident began at this moment.
const MAX_RIVALS = 100;

/**
 * Keeps bundles as objects. The files of a capture lie below `attempt-<n>/`, a number that is taken by an object which
 * only one run can create; the object `manifest.json` beside it, created last and only if it is not there, is what
 * finishes the bundle. A crash before leaves an attempt that no manifest names and a sweep removes; a crash after leaves
 * a finished bundle. Nothing is ever overwritten, and of each key the first version counts.
 */
export function createS3Store(options: S3StoreOptions): EvidenceStore {
  const bucket = bucketOf(options);
  const { location, clock, retentionMs } = options;
  const limits = { ...DEFAULT_LIMITS, ...(options.maxBytes !== undefined && { maxBytes: options.maxBytes }) };
  return {
    recipients: options.recipients ?? [],
    open: (subject) => openBundle({ ...options, bucket, limits }, subject),
    holds: async ({ location: url, manifestSha256 }) => {
      // A location of another store is none of ours.
      const place = parseS3Url(url);
      return place !== undefined && holdsBundle({ ...bucket, name: place.bucket }, place.key, manifestSha256);
    },
    ...(retentionMs !== undefined && {
      sweep: (inUse: (incident: IncidentRef) => boolean, signal: AbortSignal) =>
        sweepBucket({ bucket, prefix: location.prefix, before: clock.now() - retentionMs, inUse, signal }),
    }),
    readiness: async () => (await troubleOf(bucket, location.prefix))?.message,
  };
}

/** The bucket itself, for what reads and prunes it. */
export function bucketOf({ location, lock, clock, ...rest }: S3Access): S3Bucket {
  return { name: location.bucket, calls: createS3Calls({ clock, ...rest }), clock, lock };
}

type StoreParts = S3StoreOptions & { bucket: S3Bucket; limits: BundleLimits };

async function openBundle(store: StoreParts, subject: EvidenceSubject): Promise<EvidenceBundle> {
  const { bucket, location } = store;
  const key = bundleKey(location.prefix, subject.incident);
  const finished = await readFinished(bucket, key, subject.incident, store.signer);
  if (finished) return finishedBundle(finished);
  const attempt = await takeAttempt(store, key);
  const bundle = createBundle(
    { ...store, subject, attempt, location: s3Url(bucket.name, key) },
    s3Sink(bucket, key, attempt),
  );
  let summary: Promise<BundleSummary> | undefined;
  // Another run may have finished it meanwhile: then that is the bundle.
  const finish = async () => {
    const own = await bundle.finish();
    const first = await readFinished(bucket, key, subject.incident, store.signer);
    if (first) return first.manifestSha256 === own.manifestSha256 ? own : first;
    throw gone(s3Url(bucket.name, key));
  };
  return {
    add: (file) => bundle.add(file),
    problem: (collector, message) => bundle.problem(collector, message),
    failed: (collector, message) => bundle.failed(collector, message),
    finish: () => (summary ??= finish()),
  };
}

/** Takes a number that no run has used, not even one whose objects somebody hid with delete markers. */
async function takeAttempt({ bucket, clock, random }: StoreParts, key: string): Promise<number> {
  const begin = `${key}/attempt-`;
  let last = 0;
  for await (const folder of foldersBelow(bucket, begin, { within: 'Incident' }))
    last = Math.max(last, attemptOf(folder.slice(key.length + 1, -1)) ?? 0);
  const first = last + 1;
  // Like no other, so that it can be told from a rival's when the answer was lost.
  const begun = { begun: timestamp(clock), by: `${random()}${random()}` };
  const marker = Buffer.from(`${JSON.stringify(begun)}\n`);
  for (let attempt = first; attempt < first + MAX_RIVALS; attempt += 1)
    if (await isPut(bucket, `${attemptKey(key, attempt)}${ATTEMPT_MARKER}`, marker)) return attempt;
  const path = s3Url(bucket.name, begin);
  throw new EvidenceStoreError(
    'Conflict',
    path,
    `evidence at ${path}: ${MAX_RIVALS} other captures of this incident began at this moment. The capture is tried ` +
      'again; find out who else writes to this bucket.',
  );
}

function s3Sink(bucket: S3Bucket, key: string, attempt: number): BundleSink {
  const below = attemptKey(key, attempt);
  return {
    write: (path, content) => putContent(bucket, `${below}${path}`, content),
    seal: async ({ manifest, envelope }) => {
      // Below the attempt: beside the manifest of another run it would be the wrong one.
      if (envelope) await putSmall(bucket, `${below}${ENVELOPE_FILE}`, envelope);
      await putObject(bucket, `${key}/${MANIFEST_FILE}`, manifest);
    },
  };
}

function gone(path: string): EvidenceStoreError {
  return new EvidenceStoreError(
    'Missing',
    path,
    `evidence at ${path}: it was stored a moment ago and is gone. The capture is done again; find out who else may ` +
      'delete in this bucket, and lock it (--evidence-s3-lock-mode).',
  );
}

/** Why evidence cannot be stored now; undefined if it can. Never rejects. */
export function s3Trouble(access: S3Access): Promise<EvidenceStoreError | undefined> {
  return troubleOf(bucketOf(access), access.location.prefix);
}

/** Asks for the bucket and its lock, and begins an upload, which is aborted at once: that needs the right to write. */
async function troubleOf(bucket: S3Bucket, prefix: string): Promise<EvidenceStoreError | undefined> {
  const key = `${rootKey(prefix)}.readiness`;
  try {
    await probeBucket(bucket, key);
    await abortUpload(bucket, key, await beginUpload(bucket, key));
    return undefined;
  } catch (error) {
    return explainS3Error(error, s3Url(bucket.name, key));
  }
}
