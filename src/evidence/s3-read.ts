// What is read from a bucket. Of each key the first version counts: later ones and delete markers, which a lock does not
// prevent, can neither replace evidence nor hide it.
import type { ListObjectVersionsOutput, ObjectVersion } from '@aws-sdk/client-s3';
import { aboutKey, unlessMissing, type S3Bucket, type S3VersionRef } from './s3-bucket.ts';

/** One version of an object. */
export interface S3Version extends S3VersionRef {
  size: number;
  /** Milliseconds since the epoch. */
  modifiedAt: number;
}

/** What lies below a prefix. */
export interface S3Listing {
  /** Of every key from the latest to the first. */
  versions: S3Version[];
  deleteMarkers: S3VersionRef[];
  /** With a delimiter: the beginnings of keys up to it. */
  folders: string[];
}

/** Everything whose key begins with the prefix; with a delimiter, what has one behind the prefix is in `folders`. */
export async function listVersions(bucket: S3Bucket, prefix: string, delimiter?: string): Promise<S3Listing> {
  const listing: S3Listing = { versions: [], deleteMarkers: [], folders: [] };
  let next: { KeyMarker?: string; VersionIdMarker?: string } | undefined = {};
  while (next) {
    const input = {
      Bucket: bucket.name,
      Prefix: prefix,
      ...(delimiter && { Delimiter: delimiter }),
      ...next,
    };
    const output: ListObjectVersionsOutput = await bucket.calls(aboutKey(bucket, prefix), (s3, options) =>
      s3.listObjectVersions(input, options),
    );
    addPage(listing, output);
    next = nextPage(output);
  }
  return listing;
}

/** The first version of each key. */
export function firstVersions(listing: S3Listing): Map<string, S3Version> {
  return new Map(listing.versions.map((version) => [version.key, version]));
}

/** The first version of exactly this key. */
export async function firstVersion(bucket: S3Bucket, key: string): Promise<S3Version | undefined> {
  return firstVersions(await listVersions(bucket, key)).get(key);
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

function addPage(listing: S3Listing, page: ListObjectVersionsOutput): void {
  const { Versions = [], DeleteMarkers = [], CommonPrefixes = [] } = page;
  for (const { Size: size = 0, LastModified, ...version } of Versions)
    listing.versions.push({ ...refOf(version), size, modifiedAt: LastModified?.getTime() ?? Infinity });
  listing.deleteMarkers.push(...DeleteMarkers.map(refOf));
  listing.folders.push(...CommonPrefixes.map(({ Prefix = '' }) => Prefix));
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
