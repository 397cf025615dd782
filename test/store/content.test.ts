// Content on its way into a bucket: checked by the server, in bounded memory, and gone if it does not arrive whole.
import { describe, expect } from 'vitest';
import { fileOf, SUBJECT } from '../unit/evidence/fakes.ts';
import { KEY, keysIn, MIB, pieces } from '../support/s3-bundles.ts';
import { BUCKET, storeOptions } from '../support/s3-options.ts';
import { testHandler } from '../support/s3-handler.ts';
import { s3Test } from '../support/s3-test.ts';
import type { TestS3 } from '../support/s3.ts';

async function uploadsIn({ client }: TestS3) {
  return (await client.listMultipartUploads({ Bucket: BUCKET })).Uploads ?? [];
}

describe('content', () => {
  s3Test.for([
    ['nothing', 0],
    ['a byte', 1],
    ['a byte less than a part', 8 * MIB - 1],
    ['just a part', 8 * MIB],
    ['a byte more', 8 * MIB + 1],
    ['two parts', 16 * MIB],
  ] as const)('of %s is stored as it is', async ([, bytes], { s3, store }) => {
    const bundle = await store().open(SUBJECT);
    await bundle.add(fileOf('file', pieces(bytes)));
    expect((await bundle.finish()).bytes).toBe(bytes);
    const { ContentLength } = await s3.client.headObject({ Bucket: BUCKET, Key: `${KEY}/attempt-1/file` });
    expect(ContentLength).toBe(bytes);
  });

  s3Test.for([
    ['by one request', 10],
    ['in parts', 9 * MIB],
  ] as const)(
    'that changes on the way is refused by the server, stored %s',
    async ([, bytes], { s3, store }) => {
      const { handler } = testHandler({
        before: (request) => {
          if (request.path.endsWith('/file') && request.body instanceof Uint8Array)
            request.body = Buffer.alloc(request.body.length, 'x');
        },
      });
      const bundle = await store({
        connection: { ...storeOptions(s3).connection, requestHandler: handler },
      }).open(SUBJECT);
      await expect(bundle.add(fileOf('file', pieces(bytes)))).rejects.toMatchObject({ reason: 'Corrupt' });
      await expect(bundle.finish()).rejects.toMatchObject({ reason: 'Corrupt' });
      expect(await keysIn(s3)).toEqual([`${KEY}/attempt-1/.begun`]);
      expect(await uploadsIn(s3)).toEqual([]);
    },
  );

  s3Test('goes with a SHA-256 that is stored beside it', async ({ s3, store }) => {
    const bundle = await store().open(SUBJECT);
    await bundle.add(fileOf('file', 'content'));
    const input = { Bucket: BUCKET, Key: `${KEY}/attempt-1/file`, ChecksumMode: 'ENABLED' } as const;
    const { ChecksumSHA256 } = await s3.client.headObject(input);
    expect(Buffer.from(`${ChecksumSHA256}`, 'base64').toString('hex')).toBe(
      'ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73',
    );
  });

  s3Test('whose server dies in the middle leaves no parts once it is back', async ({ s3, store }) => {
    const { handler } = testHandler({
      after: ({ query }) => {
        if (query['partNumber'] === '2') throw Object.assign(new Error('reset'), { code: 'ECONNRESET' });
      },
    });
    const { connection } = storeOptions(s3);
    const bundle = await store({ connection: { ...connection, requestHandler: handler } }).open(SUBJECT);
    await expect(bundle.add(fileOf('file', pieces(20 * MIB)))).rejects.toMatchObject({
      reason: 'Unreachable',
    });
    expect(await uploadsIn(s3)).toEqual([]);
    expect(await keysIn(s3)).toEqual([`${KEY}/attempt-1/.begun`]);
  });
});
