// Where a bundle lies in a bucket: the one place where a name from the cluster becomes a part of a key.
import { placeNameOf } from './path.ts';
import type { IncidentRef } from './store.ts';

/** A bucket and where in it evidence lies. */
export interface S3Location {
  bucket: string;
  /** Empty, or like `cluster-1/evidence`: no slash at its ends. */
  prefix: string;
}

/** Longest prefix in characters: with it the longest key stays below the 1024 bytes that S3 allows. */
export const MAX_PREFIX = 128;
/** The file of an attempt that takes its number; no file of evidence has such a name. */
export const ATTEMPT_MARKER = '.begun';

// Of the characters that S3 calls safe those that need no quoting anywhere.
const PREFIX = /^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const URL_FORM = /^s3:\/\/([^/]*)\/?(.*?)\/?$/;
const ATTEMPT = /^attempt-([1-9][0-9]{0,8})$/;

/** Reads `s3://bucket/prefix`. Throws an Error that says what is wrong with it. */
export function parseS3Location(text: string): S3Location {
  const [, bucket = '', prefix = ''] = URL_FORM.exec(text) ?? [];
  if (!text.startsWith('s3://')) throw new Error('does not have the form s3://bucket/prefix');
  if (!BUCKET.test(bucket)) throw new Error(`${JSON.stringify(bucket)} is not the name of a bucket`);
  if (prefix !== '' && (prefix.length > MAX_PREFIX || !PREFIX.test(prefix)))
    throw new Error(
      `${JSON.stringify(prefix)} is not usable as a prefix: up to ${MAX_PREFIX} letters, digits, '.', '_', '-' and '/'`,
    );
  return { bucket, prefix };
}

/** The key of everything of an incident, without a slash at its end. */
export function bundleKey(prefix: string, incident: IncidentRef): string {
  const { namespace, name } = placeNameOf(incident);
  return `${rootKey(prefix)}${namespace}/${name}`;
}

/** What all keys begin with: nothing, or the prefix and a slash. */
export function rootKey(prefix: string): string {
  return prefix === '' ? '' : `${prefix}/`;
}

/** What the keys of an attempt begin with. */
export function attemptKey(bundle: string, attempt: number): string {
  return `${bundle}/attempt-${attempt}/`;
}

/** The number in `attempt-<n>`; undefined if it is none. */
export function attemptOf(name: string): number | undefined {
  const digits = ATTEMPT.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** A key as people write it. */
export function s3Url(bucket: string, key: string): string {
  return `s3://${bucket}/${key}`;
}

/** Bucket and key in what {@link s3Url} made; undefined if it is no such URL. */
export function parseS3Url(url: string): { bucket: string; key: string } | undefined {
  const [, bucket = '', key = ''] = URL_FORM.exec(url) ?? [];
  return BUCKET.test(bucket) && key !== '' ? { bucket, key } : undefined;
}
