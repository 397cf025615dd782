// The S3 client of AWS, loaded when evidence goes to a bucket and not before: without one it costs nothing.
import type * as Library from '@aws-sdk/client-s3';

/** The package of the client. */
export type S3Library = typeof Library;

/** See the file's first line. */
export function loadS3(): Promise<S3Library> {
  return import('@aws-sdk/client-s3');
}
