// Deletes what is due in a bucket: old bundles, attempts that nobody will finish, parts of uploads that nobody completes.
import { messageOf } from './error-message.ts';
import { MANIFEST_FILE } from './manifest.ts';
import { DAY_MS, type S3Bucket, type S3VersionRef } from './s3-bucket.ts';
import { readManifest } from './s3-bundle.ts';
import { attemptOf, rootKey, s3Url } from './s3-location.ts';
import {
  firstVersions,
  foldersBelow,
  listVersions,
  lockedUntil,
  type S3Listing,
  type S3Version,
} from './s3-read.ts';
import { abortUpload, removeVersions, uploadsBelow } from './s3-remove.ts';
import type { IncidentRef, SweepReport } from './store.ts';

/** What a sweep goes by. */
export interface S3SweepOptions {
  bucket: S3Bucket;
  prefix: string;
  /** Bundles that were finished before go, unless a lock ends later; milliseconds since the epoch. */
  before: number;
  /** Evidence of incidents that are not over stays, however old it is. */
  inUse: (incident: IncidentRef) => boolean;
  signal: AbortSignal;
}

/** No capture takes longer: what is younger may be one that goes on. */
const DEAD_AFTER_MS = DAY_MS;
/** So many versions a request deletes. */
const MAX_REMOVED = 1000;

/**
 * See the file's first line. Deletes version by version, and never around a lock. The manifest goes first, so that a sweep
 * that is cut off leaves nothing that looks finished; a later one takes the rest as an attempt. Rejects with an
 * `EvidenceStoreError` if the bucket cannot be listed, and with the signal's reason when that fires; what cannot be judged
 * or deleted is in the report.
 */
export async function sweepBucket(options: S3SweepOptions): Promise<SweepReport> {
  const { bucket, prefix, signal } = options;
  const report: SweepReport = { bundles: [], attempts: [], kept: [] };
  const pages = { within: 'Root', signal } as const;
  for await (const namespace of foldersBelow(bucket, rootKey(prefix), pages))
    for await (const folder of foldersBelow(bucket, namespace, pages)) {
      signal.throwIfAborted();
      await sweepOne({ ...options, report }, folder.slice(0, -1));
    }
  await sweepUploads({ ...options, report });
  return report;
}

type Sweep = S3SweepOptions & { report: SweepReport };

async function sweepOne(sweep: Sweep, key: string): Promise<void> {
  try {
    const listing = await listVersions(sweep.bucket, `${key}/`, sweep.signal);
    const manifest = firstVersions(listing).get(`${key}/${MANIFEST_FILE}`);
    if (!manifest) await sweepAttempts(sweep, key, listing, undefined);
    else if (await isDue(sweep, key, manifest)) await removeBundle(sweep, key, listing);
    else if (attemptsIn(listing, key).size > 1)
      await sweepAttempts(sweep, key, listing, (await readManifest(sweep.bucket, key))?.manifest.attempt);
  } catch (error) {
    sweep.signal.throwIfAborted();
    sweep.report.kept.push({ place: s3Url(sweep.bucket.name, key), why: messageOf(error) });
  }
}

async function isDue({ bucket, before, inUse }: Sweep, key: string, manifest: S3Version): Promise<boolean> {
  if (manifest.modifiedAt >= before || (await isLocked(bucket, manifest))) return false;
  const found = await readManifest(bucket, key);
  return found !== undefined && !inUse(found.manifest.incident);
}

async function removeBundle(sweep: Sweep, key: string, listing: S3Listing): Promise<void> {
  const place = s3Url(sweep.bucket.name, key);
  const all = [...listing.versions, ...listing.deleteMarkers];
  const isManifest = (version: S3VersionRef) => version.key === `${key}/${MANIFEST_FILE}`;
  if (!(await removeAll(sweep, place, all.filter(isManifest)))) return;
  sweep.report.bundles.push(place);
  const rest = all.filter((version) => !isManifest(version));
  await removeAll(sweep, place, rest);
}

/** Attempts but the finished one, once nobody can still be at work on them. */
async function sweepAttempts(
  sweep: Sweep,
  key: string,
  listing: S3Listing,
  finished: number | undefined,
): Promise<void> {
  const { bucket, report } = sweep;
  for (const [attempt, versions] of attemptsIn(listing, key)) {
    const last = versions.reduce((a, b) => (b.modifiedAt > a.modifiedAt ? b : a));
    const isYoung = last.modifiedAt > bucket.clock.now() - DEAD_AFTER_MS;
    if (attempt === finished || isYoung || (await isLocked(bucket, last))) continue;
    const below = `${key}/attempt-${attempt}`;
    const markers = listing.deleteMarkers.filter((marker) => marker.key.startsWith(`${below}/`));
    const place = s3Url(bucket.name, below);
    if (await removeAll(sweep, place, [...versions, ...markers])) report.attempts.push(place);
  }
}

/** Versions by the number of their attempt; other keys are none of ours. */
function attemptsIn(listing: S3Listing, key: string): Map<number, S3Version[]> {
  const attempts = Map.groupBy(
    listing.versions,
    (version) => attemptOf(version.key.slice(key.length + 1).split('/', 1)[0] ?? '') ?? 0,
  );
  attempts.delete(0);
  return attempts;
}

async function sweepUploads({ bucket, prefix, report, signal }: Sweep): Promise<void> {
  for await (const { key, uploadId, startedAt } of uploadsBelow(bucket, rootKey(prefix), signal)) {
    if (startedAt > bucket.clock.now() - DEAD_AFTER_MS) continue;
    const place = s3Url(bucket.name, key);
    try {
      await abortUpload(bucket, key, uploadId);
      report.attempts.push(place);
    } catch (error) {
      report.kept.push({ place, why: messageOf(error) });
    }
  }
}

async function isLocked(bucket: S3Bucket, version: S3Version): Promise<boolean> {
  const until = await lockedUntil(bucket, version);
  return until !== undefined && until > bucket.clock.now();
}

/** Whether all of them are gone; if not, the report has the first that is kept. */
async function removeAll(
  { bucket, report }: Sweep,
  place: string,
  versions: readonly S3VersionRef[],
): Promise<boolean> {
  const kept: { key: string; why: string }[] = [];
  for (let from = 0; from < versions.length; from += MAX_REMOVED)
    kept.push(...(await removeVersions(bucket, versions.slice(from, from + MAX_REMOVED))));
  const [first] = kept;
  if (first) report.kept.push({ place, why: `${kept.length} objects, the first ${first.key}: ${first.why}` });
  return kept.length === 0;
}
