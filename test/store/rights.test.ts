// The rights that docs/stores.md asks for are those that are used: with them everything works, and there is none too many.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { createS3Reader } from '../../src/evidence/s3-reader.ts';
import { systemClock } from '../../src/kube/clock.ts';
import { fileOf, SUBJECT } from '../unit/evidence/fakes.ts';
import { capture, download, KEY, keysIn } from '../support/s3-bundles.ts';
import { testHandler, type SeenRequest } from '../support/s3-handler.ts';
import { BUCKET, PREFIX, storeOptions } from '../support/s3-options.ts';
import { s3Test } from '../support/s3-test.ts';
import type { TestS3 } from '../support/s3.ts';

interface Policy {
  Version: string;
  Statement: { Sid: string; Effect: string; Action: string[]; Resource: string }[];
}

const DOCS = readFileSync(join(import.meta.dirname, '../../docs/stores.md'), 'utf8');
const POLICY = JSON.parse(/```json\n(\{.*?\n\})\n```/s.exec(DOCS)?.[1] ?? '') as Policy;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Actions that a request needs, as the service authorization reference of S3 has them. */
function actionsOf({ method, path, query, headers }: SeenRequest): string[] {
  const isBucket = path === `/${BUCKET}` || path === `/${BUCKET}/`;
  const has = (name: string) => name in query;
  if (isBucket) return bucketActions(method, has);
  if (method === 'DELETE') return has('uploadId') ? ['s3:AbortMultipartUpload'] : ['s3:DeleteObject'];
  if (method === 'PUT' || method === 'POST')
    return ['s3:PutObject', ...('x-amz-object-lock-mode' in headers ? ['s3:PutObjectRetention'] : [])];
  const read = has('versionId') ? 's3:GetObjectVersion' : 's3:GetObject';
  // Of HEAD the date of the lock is wanted, which the answer has only for those who may read it.
  return method === 'HEAD' && has('versionId') ? [read, 's3:GetObjectRetention'] : [read];
}

function bucketActions(method: string, has: (name: string) => boolean): string[] {
  if (method === 'HEAD') return ['s3:ListBucket'];
  if (method === 'POST' && has('delete')) return ['s3:DeleteObjectVersion'];
  if (has('versions')) return ['s3:ListBucketVersions'];
  if (has('uploads')) return ['s3:ListBucketMultipartUploads'];
  if (has('object-lock')) return ['s3:GetBucketObjectLockConfiguration'];
  return [`unknown: ${method}`];
}

/** Everything that is done with a bucket, as one list of actions. */
async function doEverything(s3: TestS3, folder: string, credentials?: object): Promise<Set<string>> {
  const { handler, seen } = testHandler({
    after: ({ path }, number) => {
      // One answer is lost, so that the store has to look what became of its request.
      if (path.endsWith('/lost.txt') && seen.filter((each) => each.path === path).length === 1)
        throw Object.assign(new Error(`reset at ${number}`), { code: 'ECONNRESET' });
    },
  });
  const connection = { ...storeOptions(s3).connection, ...credentials, requestHandler: handler };
  const options = storeOptions(s3, { connection, lock: { mode: 'COMPLIANCE', days: 1000 / DAY_MS } });
  const { createS3Store } = await import('../../src/evidence/s3-store.ts');
  const store = createS3Store(options);
  expect(await store.readiness()).toBeUndefined();
  const lost = await store.open(SUBJECT);
  await lost.add(fileOf('lost.txt'));
  const summary = await capture(store);
  expect(await store.holds(summary)).toBe(true);
  await download(createS3Reader(options), folder);
  const clock = { ...systemClock, now: () => Date.now() + 2 * DAY_MS };
  const sweeping = createS3Store({ ...options, clock, retentionMs: DAY_MS });
  await expect
    .poll(() => sweeping.sweep?.(() => false, new AbortController().signal), { timeout: 20_000 })
    .toMatchObject({ bundles: [summary.location] });
  return new Set(seen.flatMap(actionsOf));
}

describe('the rights of the docs', () => {
  s3Test('are those of the requests that are made, no more and no fewer', async ({ s3, folder }) => {
    const used = await doEverything(s3, join(folder.path, 'download'));
    const granted = POLICY.Statement.flatMap(({ Action }) => Action);
    expect([...used].toSorted()).toEqual(granted.toSorted());
  });

  s3Test('are enough for everything, on a server that checks them', async ({ s3, folder }) => {
    const credentials = await s3.addUser('operator');
    const Principal = { AWS: [credentials.accessKeyId] };
    const Statement = POLICY.Statement.map((statement) => ({
      ...statement,
      Principal,
      Resource: statement.Resource.replace('BUCKET', BUCKET).replace('PREFIX', PREFIX),
    }));
    await s3.client.putBucketPolicy({
      Bucket: BUCKET,
      Policy: JSON.stringify({ Version: POLICY.Version, Statement }),
    });
    await doEverything(s3, join(folder.path, 'download'), { credentials });
    expect((await keysIn(s3)).filter((key) => key.startsWith(`${KEY}/attempt-2`))).toEqual([]);
  });
});
