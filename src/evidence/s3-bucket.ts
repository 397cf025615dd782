// The bucket of evidence: what it is, what can be locked in it, and whether it can be used.
import type { Clock } from '../kube/clock.ts';
import type { S3About, S3Calls } from './s3-calls.ts';
import { named, s3StatusOf } from './s3-errors.ts';
import { s3Url } from './s3-location.ts';

/** Until when nobody can delete what is stored. */
export interface S3Lock {
  /** `GOVERNANCE` leaves a way out to those with the right to bypass it; `COMPLIANCE` leaves none to anybody. */
  mode: 'GOVERNANCE' | 'COMPLIANCE';
  days: number;
}

/** See the file's first line. */
export interface S3Bucket {
  name: string;
  calls: S3Calls;
  clock: Clock;
  lock?: S3Lock | undefined;
}

/** One version of an object. */
export interface S3VersionRef {
  key: string;
  versionId: string;
}

/** A day in milliseconds. */
export const DAY_MS = 24 * 60 * 60 * 1000;

/** What a call is about: a key, or what keys begin with. */
export function aboutKey(bucket: S3Bucket, key: string, signal?: AbortSignal): S3About {
  return { path: s3Url(bucket.name, key), signal };
}

/** Rejects unless the bucket is there, can be reached, and can lock if that is asked for. */
export function probeBucket(bucket: S3Bucket, prefix: string): Promise<void> {
  return bucket.calls(aboutKey(bucket, prefix), async (s3, options) => {
    await s3.headBucket({ Bucket: bucket.name }, options).catch(nameMissingBucket);
    if (!bucket.lock) return;
    const answer = await s3.getObjectLockConfiguration({ Bucket: bucket.name }, options);
    if (answer.ObjectLockConfiguration?.ObjectLockEnabled !== 'Enabled')
      throw named('ObjectLockConfigurationNotFoundError', 'object lock is not enabled', 404);
  });
}

/** Undefined if there is no such object; any other error stays one. */
export function unlessMissing(error: unknown): undefined {
  if (s3StatusOf(error) === 404 && !(error instanceof Error && error.name === 'NoSuchBucket'))
    return undefined;
  throw error;
}

// The answer to HEAD has no body, and so no code.
function nameMissingBucket(error: unknown): never {
  throw s3StatusOf(error) === 404 ? named('NoSuchBucket', 'there is no such bucket', 404) : error;
}
