// `test` for the suite of the S3 store: a real server and a bucket with object lock for each test, and stores on it.
import { inject, test } from 'vitest';
import { createS3Store, type S3StoreOptions } from '../../src/evidence/s3-store.ts';
import type { EvidenceStore } from '../../src/evidence/store.ts';
import { createRunFolder, type RunFolder } from './run-folder.ts';
import type { S3Server } from './s3-setup.ts';
import { BUCKET, storeOptions } from './s3-options.ts';
import { startS3, type TestS3 } from './s3.ts';

/** See the file's first line. */
export const s3Test = test
  .extend('binary', ({ skip }): string => {
    const server = inject('s3Server') as S3Server | undefined;
    if (server === undefined) throw new Error('no S3 server: this suite needs the globalSetup s3-setup.ts');
    return 'binary' in server ? server.binary : skip(server.missing);
  })
  .extend('folder', ({}, { onCleanup }): RunFolder => {
    const folder = createRunFolder();
    onCleanup(() => folder.remove());
    return folder;
  })
  .extend('s3', async ({ binary, folder }): Promise<TestS3> => {
    const s3 = await startS3(binary, folder);
    await s3.makeBucket(BUCKET);
    return s3;
  })
  .extend('store', ({ s3 }) => (rest: Partial<S3StoreOptions> = {}): EvidenceStore => {
    return createS3Store(storeOptions(s3, rest));
  });
