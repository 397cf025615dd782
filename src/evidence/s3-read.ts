// What is read from a bucket. Of each key the first version counts: later ones and delete markers, which a lock does not
// prevent, can neither replace evidence nor hide it.
import type { ListObjectVersionsOutput, ObjectVersion } from '@aws-sdk/client-s3';
import { aboutKey, unlessMissing, type S3Bucket, type S3VersionRef } from './s3-bucket.ts';
import { s3Url } from './s3-location.ts';
import { EvidenceStoreError } from './store.ts';

/** One version of an object. */
export interface S3Version extends S3VersionRef {
  size: number;
  /** Milliseconds since the epoch. */
  modifiedAt: number;
}

/** What lies below a prefix, or a page of it. */
export interface S3Listing {
  /** Of every key from the latest to the first. */
  versions: S3Version[];
  deleteMarkers: S3VersionRef[];
  /** With a delimiter: the beginnings of keys up to it. */
  folders: string[];
}

/** What lies of one incident, every version counted: some attempts with as many files as a bundle may have. */
const MAX_VERSIONS = 100_000;

/** How a listing is read. */
export interface S3ListOptions {
  /** What has it behind the prefix is in `folders`. */
  delimiter?: string;
  /** So many entries at most. Absent: any number, as pages are all that is held of them. */
  max?: number;
  signal?: AbortSignal;
}

/**
 * A page after the other of everything whose key begins with the prefix, in the order of the keys.
 * @throws EvidenceStoreError where there is more than `max`: whoever may write there can put any number of versions there.
 */
export async function* versionPages(
  bucket: S3Bucket,
  prefix: string,
  { delimiter, max = Infinity, signal }: S3ListOptions = {},
): AsyncGenerator<S3Listing> {
  let count = 0;
  let next: { KeyMarker?: string; VersionIdMarker?: string } | undefined = {};
  while (next) {
    const input = {
      Bucket: bucket.name,
      Prefix: prefix,
      ...(delimiter && { Delimiter: delimiter }),
      ...next,
    };
    const about = aboutKey(bucket, prefix, signal);
    const output: ListObjectVersionsOutput = await bucket.calls(about, (s3, options) =>
      s3.listObjectVersions(input, options),
    );
    const page = pageOf(output);
    count += page.versions.length + page.deleteMarkers.length + page.folders.length;
    if (count > max) throw tooMany(bucket, prefix, max);
    yield page;
    next = nextPage(output);
  }
}

/** All that lies of one incident. @throws as {@link versionPages}. */
export async function listVersions(
  bucket: S3Bucket,
  prefix: string,
  signal?: AbortSignal,
): Promise<S3Listing> {
  const listing: S3Listing = { versions: [], deleteMarkers: [], folders: [] };
  for await (const page of versionPages(bucket, prefix, { max: MAX_VERSIONS, ...(signal && { signal }) })) {
    listing.versions.push(...page.versions);
    listing.deleteMarkers.push(...page.deleteMarkers);
  }
  return listing;
}

/** What keys begin with, from the prefix up to the next slash. Within an incident as many as one may have. */
export async function* foldersBelow(
  bucket: S3Bucket,
  prefix: string,
  { within, signal }: { within: 'Root' | 'Incident'; signal?: AbortSignal },
): AsyncGenerator<string> {
  const limits = { ...(within === 'Incident' && { max: MAX_VERSIONS }), ...(signal && { signal }) };
  for await (const { folders } of versionPages(bucket, prefix, { delimiter: '/', ...limits })) yield* folders;
}

/** The first version of each key. */
export function firstVersions(listing: S3Listing): Map<string, S3Version> {
  return new Map(listing.versions.map((version) => [version.key, version]));
}

/** The first version of each key below the prefix. @throws as {@link versionPages}. */
export async function firstVersionsBelow(bucket: S3Bucket, prefix: string): Promise<Map<string, S3Version>> {
  const first = new Map<string, S3Version>();
  for await (const { versions } of versionPages(bucket, prefix, { max: MAX_VERSIONS }))
    for (const version of versions) first.set(version.key, version);
  return first;
}

/** The first version of exactly this key. @throws as {@link versionPages}. */
export async function firstVersion(bucket: S3Bucket, key: string): Promise<S3Version | undefined> {
  let first: S3Version | undefined;
  for await (const { versions } of versionPages(bucket, key, { max: MAX_VERSIONS })) {
    first = versions.findLast((version) => version.key === key) ?? first;
    // Longer keys come behind it.
    if (versions.some((version) => version.key !== key)) break;
  }
  return first;
}

/** All bytes of a version; undefined if it is gone. */
export function readVersion(
  bucket: S3Bucket,
  { key, versionId }: S3VersionRef,
): Promise<Uint8Array | undefined> {
  return bucket.calls({ ...aboutKey(bucket, key), large: true }, async (s3, options) => {
    const input = { Bucket: bucket.name, Key: key, VersionId: versionId };
    const output = await s3.getObject(input, options).catch(unlessMissing);
    return output?.Body?.transformToByteArray();
  });
}

/** The bytes of a version as they come; undefined if it is gone. */
export function streamVersion(
  bucket: S3Bucket,
  { key, versionId }: S3VersionRef,
  signal?: AbortSignal,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  return bucket.calls(aboutKey(bucket, key, signal), async (s3, options) => {
    const input = { Bucket: bucket.name, Key: key, VersionId: versionId };
    const output = await s3.getObject(input, options).catch(unlessMissing);
    return output?.Body as AsyncIterable<Uint8Array> | undefined;
  });
}

/** Until when a version is locked, in milliseconds since the epoch; undefined if it is not, or gone. */
export function lockedUntil(bucket: S3Bucket, { key, versionId }: S3VersionRef): Promise<number | undefined> {
  return bucket.calls(aboutKey(bucket, key), async (s3, options) => {
    const input = { Bucket: bucket.name, Key: key, VersionId: versionId };
    const output = await s3.headObject(input, options).catch(unlessMissing);
    return output?.ObjectLockRetainUntilDate?.getTime();
  });
}

/** Whether the key holds content with that SHA-256: in base64, of an upload in parts as the server makes it of theirs. */
export function holdsContent(bucket: S3Bucket, key: string, checksum: string): Promise<boolean> {
  return bucket.calls(aboutKey(bucket, key), async (s3, options) => {
    const input = { Bucket: bucket.name, Key: key, ChecksumMode: 'ENABLED' } as const;
    const output = await s3.headObject(input, options).catch(unlessMissing);
    return output?.ChecksumSHA256 === checksum;
  });
}

function pageOf({
  Versions = [],
  DeleteMarkers = [],
  CommonPrefixes = [],
}: ListObjectVersionsOutput): S3Listing {
  return {
    versions: Versions.map(({ Size: size = 0, LastModified, ...version }) => ({
      ...refOf(version),
      size,
      modifiedAt: LastModified?.getTime() ?? Infinity,
    })),
    deleteMarkers: DeleteMarkers.map(refOf),
    folders: CommonPrefixes.map(({ Prefix = '' }) => Prefix),
  };
}

function tooMany(bucket: S3Bucket, prefix: string, max: number): EvidenceStoreError {
  const path = s3Url(bucket.name, prefix);
  return new EvidenceStoreError(
    'Conflict',
    path,
    `evidence at ${path}: more than ${max} versions of objects lie there, which no captures of one incident come to. It ` +
      'is left as it is. Find out who else writes to this bucket, and delete what they put there: aws s3api ' +
      `list-object-versions --bucket ${bucket.name} --prefix ${prefix} shows it; of each key the oldest version is the evidence.`,
  );
}

// Without versions on the bucket an object is its only one, called null.
function refOf({ Key: key = '', VersionId: versionId = 'null' }: Pick<ObjectVersion, 'Key' | 'VersionId'>) {
  return { key, versionId };
}

// A server that says there is more and not where would be asked for ever.
function nextPage(
  page: ListObjectVersionsOutput,
): { KeyMarker: string; VersionIdMarker?: string } | undefined {
  const { IsTruncated, NextKeyMarker: KeyMarker, NextVersionIdMarker } = page;
  if (!IsTruncated) return undefined;
  if (KeyMarker === undefined) throw new Error('the server cut its list and does not say where it goes on');
  return { KeyMarker, ...(NextVersionIdMarker !== undefined && { VersionIdMarker: NextVersionIdMarker }) };
}
