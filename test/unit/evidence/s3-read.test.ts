// Lists of a bucket are read a page at a time, and those of one incident are bounded: whoever may write there can fill it.
import type { ListObjectVersionsOutput, S3 } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import type { S3Bucket } from '../../../src/evidence/s3-bucket.ts';
import {
  firstVersion,
  firstVersionsBelow,
  foldersBelow,
  listVersions,
  versionPages,
} from '../../../src/evidence/s3-read.ts';
import { sweepBucket } from '../../../src/evidence/s3-retention.ts';
import { EvidenceStoreError } from '../../../src/evidence/store.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const PAGE = 1000;
type Input = { Prefix: string; Delimiter?: string; KeyMarker?: string; VersionIdMarker?: string };

/** A bucket with these versions, of each key from the latest to the first. */
function bucketOf(versions: readonly { Key: string; VersionId: string }[]) {
  const asked: string[] = [];
  const known = new Map<string, readonly { Key: string; VersionId: string; folder?: string }[]>();
  const entriesOf = (prefix: string, delimiter: string | undefined) => {
    const entries = new Map<string, { Key: string; VersionId: string; folder?: string }>();
    for (const one of versions.filter(({ Key }) => Key.startsWith(prefix))) {
      const end = delimiter === undefined ? -1 : one.Key.indexOf(delimiter, prefix.length);
      const folder = one.Key.slice(0, end + 1);
      if (end === -1) entries.set(`${one.Key} ${one.VersionId}`, one);
      else entries.set(folder, { ...one, Key: folder, folder });
    }
    return [...entries.values()];
  };
  const listObjectVersions = ({ Prefix, Delimiter, KeyMarker, VersionIdMarker }: Input) => {
    asked.push(Prefix);
    const query = `${Prefix} ${Delimiter}`;
    const entries = known.get(query) ?? entriesOf(Prefix, Delimiter);
    known.set(query, entries);
    const isMarker = (one: { Key: string; VersionId: string }) =>
      one.Key === KeyMarker && one.VersionId === VersionIdMarker;
    const start = KeyMarker === undefined ? 0 : entries.findIndex(isMarker) + 1;
    const page = entries.slice(start, start + PAGE);
    const last = page.at(-1);
    const output: ListObjectVersionsOutput = {
      IsTruncated: start + PAGE < entries.length,
      NextKeyMarker: last?.Key,
      NextVersionIdMarker: last?.VersionId,
      Versions: page.filter(({ folder }) => folder === undefined),
      CommonPrefixes: page.flatMap(({ folder }) => (folder === undefined ? [] : [{ Prefix: folder }])),
    };
    return Promise.resolve(output);
  };
  const listMultipartUploads = () => Promise.resolve({ IsTruncated: false });
  const s3 = { listObjectVersions, listMultipartUploads } as unknown as S3;
  const bucket: S3Bucket = {
    name: 'evidence',
    clock: new VirtualClock(),
    calls: (about, work) => work(s3, { abortSignal: about.signal ?? new AbortController().signal }),
  };
  return { bucket, asked };
}

const versionsOf = (key: string, count: number) =>
  Array.from({ length: count }, (_none, index) => ({ Key: key, VersionId: `v${count - index}` }));
const many = (count: number) =>
  Array.from({ length: count }, (_none, index) => ({
    Key: `e/shop/web-1/attempt-1/${String(index).padStart(6, '0')}`,
    VersionId: 'v1',
  }));

describe('a list of versions', () => {
  test('is read a page at a time, and no page more than is wanted', async () => {
    const { bucket, asked } = bucketOf(many(2_500));
    for await (const { versions } of versionPages(bucket, 'e/')) {
      expect(versions).toHaveLength(PAGE);
      break;
    }
    expect(asked).toHaveLength(1);
    expect((await listVersions(bucket, 'e/shop/web-1/')).versions).toHaveLength(2_500);
    expect((await firstVersionsBelow(bucket, 'e/shop/web-1/attempt-1/')).size).toBe(2_500);
  });

  test('of one incident that holds more than captures put there ends in an error that says what to do', async () => {
    const { bucket, asked } = bucketOf(many(150_000));
    const error = await listVersions(bucket, 'e/shop/web-1/').catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(EvidenceStoreError);
    expect(error).toMatchObject({ reason: 'Conflict', path: 's3://evidence/e/shop/web-1/' });
    expect((error as Error).message).toMatch(
      /more than 100000 versions.*aws s3api list-object-versions --bucket evidence --prefix e\/shop\/web-1\//,
    );
    expect(asked).toHaveLength(101);
    await expect(firstVersionsBelow(bucket, 'e/shop/web-1/')).rejects.toThrow('more than 100000');
  });

  test('finds the first version of a key behind many later ones, and looks no further', async () => {
    const key = 'e/shop/web-1/manifest.json';
    const { bucket, asked } = bucketOf([...versionsOf(key, 2_500), ...versionsOf(`${key}.other`, 5_000)]);
    expect(await firstVersion(bucket, key)).toMatchObject({ key, versionId: 'v1' });
    expect(asked).toHaveLength(3);
    expect(await firstVersion(bucket, 'e/shop/web-2/manifest.json')).toBeUndefined();
    await expect(firstVersion(bucketOf(versionsOf(key, 100_001)).bucket, key)).rejects.toThrow(
      'more than 100000 versions',
    );
  });

  test('of incidents has no limit', async () => {
    const incidents = Array.from({ length: 3_000 }, (_none, index) => ({
      Key: `e/shop/${String(index).padStart(6, '0')}/manifest.json`,
      VersionId: 'v1',
    }));
    const { bucket } = bucketOf(incidents);
    const found = await Array.fromAsync(foldersBelow(bucket, 'e/shop/', { within: 'Root' }));
    expect(found).toHaveLength(3_000);
  });
});

test('an incident with too many versions does not keep a sweep from the others', async () => {
  const { bucket } = bucketOf([...many(100_001), { Key: 'e/shop/web-2/other', VersionId: 'v1' }]);
  const { signal } = new AbortController();
  const options = { bucket, prefix: 'e', before: 0, inUse: () => false, signal };
  expect(await sweepBucket(options)).toEqual({
    bundles: [],
    attempts: [],
    kept: [
      { place: 's3://evidence/e/shop/web-1', why: expect.stringContaining('more than 100000') as string },
    ],
  });
});
