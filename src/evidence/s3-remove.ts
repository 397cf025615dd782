// What is taken out of a bucket, and what is found for it: only versions and uploads that are named one by one.
import type { ListMultipartUploadsOutput } from '@aws-sdk/client-s3';
import { aboutKey, type S3Bucket, type S3VersionRef } from './s3-bucket.ts';
import { s3CodeOf } from './s3-errors.ts';

/** An upload in parts that is not complete. */
export interface S3Upload {
  key: string;
  uploadId: string;
  /** Milliseconds since the epoch. */
  startedAt: number;
}

/** Deletes up to 1000 versions for good, and none that is locked; answers what the server keeps, with its reason. */
export function removeVersions(
  bucket: S3Bucket,
  versions: readonly S3VersionRef[],
): Promise<{ key: string; why: string }[]> {
  return bucket.calls(aboutKey(bucket, versions[0]?.key ?? ''), async (s3, options) => {
    const Objects = versions.map(({ key, versionId }) => ({ Key: key, VersionId: versionId }));
    const { Errors = [] } = await s3.deleteObjects(
      { Bucket: bucket.name, Delete: { Objects, Quiet: true }, ChecksumAlgorithm: 'SHA256' },
      options,
    );
    return Errors.map(({ Key = '', Code = '', Message }) => ({ key: Key, why: Message ?? Code }));
  });
}

/** Removes the parts of an upload; fine if there is none any more. */
export async function abortUpload(bucket: S3Bucket, key: string, uploadId: string): Promise<void> {
  await bucket.calls(aboutKey(bucket, key), (s3, options) =>
    s3
      .abortMultipartUpload({ Bucket: bucket.name, Key: key, UploadId: uploadId }, options)
      .catch((error: unknown) => {
        if (s3CodeOf(error) !== 'NoSuchUpload') throw error;
      }),
  );
}

/** Uploads below the prefix that are not complete, read a page at a time. */
export async function* uploadsBelow(
  bucket: S3Bucket,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<S3Upload> {
  let next: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
  while (next) {
    const input = { Bucket: bucket.name, Prefix: prefix, ...next };
    const about = aboutKey(bucket, prefix, signal);
    const page: ListMultipartUploadsOutput = await bucket.calls(about, (s3, options) =>
      s3.listMultipartUploads(input, options),
    );
    for (const { Key: key, UploadId: uploadId, Initiated } of page.Uploads ?? [])
      if (key !== undefined && uploadId !== undefined)
        yield { key, uploadId, startedAt: Initiated?.getTime() ?? bucket.clock.now() };
    next = nextPage(page);
  }
}

function nextPage(page: ListMultipartUploadsOutput) {
  const { IsTruncated, NextKeyMarker: KeyMarker, NextUploadIdMarker } = page;
  if (!IsTruncated) return undefined;
  if (KeyMarker === undefined) throw new Error('the server cut its list and does not say where it goes on');
  return { KeyMarker, ...(NextUploadIdMarker !== undefined && { UploadIdMarker: NextUploadIdMarker }) };
}
