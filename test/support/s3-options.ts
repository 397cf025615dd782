// How the stores of the tests are set up, in every process of them.
import type { S3StoreOptions } from '../../src/evidence/s3-store.ts';
import { systemClock, systemRandom } from '../../src/kube/clock.ts';
import { REGION, ROOT, type TestS3 } from './s3.ts';

/** The bucket of each test. */
export const BUCKET = 'evidence';
/** Where evidence lies in it. */
export const PREFIX = 'cluster-1';

/** Options of a store on a server, for {@link BUCKET}, locked for a day in a way that even root cannot lift. */
export function storeOptions(
  s3: Pick<TestS3, 'endpoint'>,
  rest: Partial<S3StoreOptions> = {},
): S3StoreOptions {
  return {
    location: { bucket: BUCKET, prefix: PREFIX },
    connection: { endpoint: s3.endpoint, region: REGION, forcePathStyle: true, credentials: ROOT },
    lock: { mode: 'COMPLIANCE', days: 1 },
    clock: systemClock,
    random: systemRandom,
    version: '1.2.3',
    ...rest,
  };
}
