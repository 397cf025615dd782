// What is written into a bucket: locked, checked by the server against SHA-256, and never over anything.
import { createHash } from 'node:crypto';
import type { CompletedPart } from '@aws-sdk/client-s3';
import { aboutKey, DAY_MS, type S3Bucket } from './s3-bucket.ts';
import { s3CodeOf, s3StatusOf } from './s3-errors.ts';
import { holdsContent } from './s3-read.ts';
import { abortUpload } from './s3-remove.ts';
import { EvidenceStoreError } from './store.ts';
import { s3Url } from './s3-location.ts';

/** `present`: the key is taken, perhaps by an earlier try of the same request whose answer was lost. */
export type Stored = 'stored' | 'present';

/** Bytes of a part; what is shorter is stored by one request. So much of a file is in memory at a time, and no more. */
export const PART_BYTES = 8 * 1024 * 1024;

const TYPE = 'application/octet-stream';

/** Stores an object unless its key is taken. */
export function putObject(
  bucket: S3Bucket,
  key: string,
  body: Uint8Array,
  signal?: AbortSignal,
): Promise<Stored> {
  return bucket.calls({ ...aboutKey(bucket, key, signal), large: true }, (s3, options) => {
    const content = { Body: body, ContentLength: body.length, ContentType: TYPE };
    const ChecksumSHA256 = base64(sha256Of(body));
    const input = { Bucket: bucket.name, Key: key, ...content, ...lockOf(bucket), ChecksumSHA256 };
    return s3.putObject({ ...input, IfNoneMatch: '*' }, options).then(stored, unlessTaken);
  });
}

/**
 * Stores content of any length under a key that only we write: by one request, or in parts. If the content fails, or
 * the server does, no object and no part stays.
 */
export async function putContent(
  bucket: S3Bucket,
  key: string,
  content: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<void> {
  const parts = inParts(content);
  const first = await parts.next();
  if (first.done) throw new Error('content has at least one part');
  if (!first.value.isLast) return putInParts(bucket, key, { first: first.value.bytes, parts }, signal);
  await putSmall(bucket, key, first.value.bytes, signal);
}

/** Stores content under a key that only we write. */
export async function putSmall(
  bucket: S3Bucket,
  key: string,
  body: Uint8Array,
  signal?: AbortSignal,
): Promise<void> {
  if (!(await isPut(bucket, key, body, signal))) throw conflict(bucket, key);
}

/** Whether the key holds exactly this now; if not, something else was there before. */
export async function isPut(
  bucket: S3Bucket,
  key: string,
  body: Uint8Array,
  signal?: AbortSignal,
): Promise<boolean> {
  if ((await putObject(bucket, key, body, signal)) === 'stored') return true;
  return holdsContent(bucket, key, base64(sha256Of(body)));
}

async function putInParts(
  bucket: S3Bucket,
  key: string,
  { first, parts }: { first: Uint8Array; parts: AsyncGenerator<Part> },
  signal: AbortSignal | undefined,
): Promise<void> {
  const uploadId = await beginUpload(bucket, key, signal);
  try {
    const done = [await putPart(bucket, { key, uploadId, number: 1 }, first, signal)];
    for await (const { bytes } of parts)
      done.push(await putPart(bucket, { key, uploadId, number: done.length + 1 }, bytes, signal));
    const result = await completeUpload(bucket, { key, uploadId }, done, signal);
    if (result === 'present' && !(await holdsContent(bucket, key, checksumOfParts(done))))
      throw conflict(bucket, key);
  } catch (error) {
    // If this fails too, a sweep does it a day later.
    await abortUpload(bucket, key, uploadId).catch(() => {});
    throw error;
  }
}

interface PartOf {
  key: string;
  uploadId: string;
  number: number;
}

/** Begins an upload in parts, which leaves no object until it is completed; answers its id. */
export function beginUpload(bucket: S3Bucket, key: string, signal?: AbortSignal): Promise<string> {
  return bucket.calls(aboutKey(bucket, key, signal), async (s3, options) => {
    const input = { Bucket: bucket.name, Key: key, ...lockOf(bucket), ContentType: TYPE };
    const { UploadId } = await s3.createMultipartUpload({ ...input, ChecksumAlgorithm: 'SHA256' }, options);
    if (UploadId === undefined) throw new Error('it began an upload without an id');
    return UploadId;
  });
}

function putPart(
  bucket: S3Bucket,
  { key, uploadId, number }: PartOf,
  body: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<CompletedPart> {
  return bucket.calls({ ...aboutKey(bucket, key, signal), large: true }, async (s3, options) => {
    const about = { Bucket: bucket.name, Key: key, UploadId: uploadId, PartNumber: number };
    const ChecksumSHA256 = base64(sha256Of(body));
    const content = { Body: body, ContentLength: body.length, ChecksumSHA256 };
    const { ETag } = await s3.uploadPart({ ...about, ...content }, options);
    return { PartNumber: number, ChecksumSHA256, ...(ETag !== undefined && { ETag }) };
  });
}

function completeUpload(
  bucket: S3Bucket,
  { key, uploadId }: Pick<PartOf, 'key' | 'uploadId'>,
  parts: CompletedPart[],
  signal: AbortSignal | undefined,
): Promise<Stored> {
  return bucket.calls({ ...aboutKey(bucket, key, signal), large: true }, (s3, options) => {
    const input = { Bucket: bucket.name, Key: key, UploadId: uploadId, MultipartUpload: { Parts: parts } };
    return s3.completeMultipartUpload({ ...input, IfNoneMatch: '*' }, options).then(stored, unlessTaken);
  });
}

/** The key is taken, and not by our own request, whose answer may have been lost: by somebody who has no business there. */
function conflict(bucket: S3Bucket, key: string): EvidenceStoreError {
  const path = s3Url(bucket.name, key);
  return new EvidenceStoreError(
    'Conflict',
    path,
    `evidence at ${path}: something else is there already, and nothing is ever overwritten. The capture is done ` +
      'again under another number; find out who else writes to this bucket.',
  );
}

function lockOf({ lock, clock }: S3Bucket) {
  if (!lock) return {};
  return {
    ObjectLockMode: lock.mode,
    ObjectLockRetainUntilDate: new Date(clock.now() + lock.days * DAY_MS),
  };
}

function stored(): Stored {
  return 'stored';
}

// A completed upload is gone: then the key holds it, or the upload was aborted, which the next look at the key tells.
function unlessTaken(error: unknown): Stored {
  if (s3StatusOf(error) === 412 || s3CodeOf(error) === 'NoSuchUpload') return 'present';
  throw error;
}

interface Part {
  bytes: Uint8Array;
  isLast: boolean;
}

/** The content in pieces of {@link PART_BYTES}, the last one shorter; at least one. The bytes are good until the next. */
async function* inParts(content: AsyncIterable<Uint8Array>): AsyncGenerator<Part> {
  let buffer = Buffer.allocUnsafe(64 * 1024);
  let length = 0;
  for await (const chunk of content) {
    for (let from = 0; from < chunk.length;) {
      if (length === PART_BYTES) {
        yield { bytes: buffer, isLast: false };
        // It has been sent when we are back here, and is filled again.
        length = 0;
      }
      const piece = chunk.subarray(from, from + PART_BYTES - length);
      if (length + piece.length > buffer.length) buffer = grown(buffer, length + piece.length);
      buffer.set(piece, length);
      length += piece.length;
      from += piece.length;
    }
  }
  yield { bytes: buffer.subarray(0, length), isLast: true };
}

function grown(buffer: Buffer<ArrayBuffer>, needed: number): Buffer<ArrayBuffer> {
  const larger = Buffer.allocUnsafe(Math.min(PART_BYTES, Math.max(needed, 2 * buffer.length)));
  buffer.copy(larger);
  return larger;
}

function checksumOfParts(parts: readonly CompletedPart[]): string {
  const digests = parts.map(({ ChecksumSHA256 = '' }) => Buffer.from(ChecksumSHA256, 'base64'));
  return `${base64(sha256Of(Buffer.concat(digests)))}-${parts.length}`;
}

function sha256Of(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64');
}
