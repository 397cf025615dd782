// Object lock: what the operator stored can be neither deleted nor released before its time.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { capture, KEY, keysIn, MANIFEST_KEY } from '../support/s3-bundles.ts';
import { BUCKET } from '../support/s3-options.ts';
import { s3Test } from '../support/s3-test.ts';
import type { TestS3 } from '../support/s3.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const status = (httpStatusCode: number) => ({ $metadata: { httpStatusCode } });

async function versionsIn({ client }: TestS3) {
  const { Versions = [] } = await client.listObjectVersions({ Bucket: BUCKET });
  return Versions.map(({ Key, VersionId }) => ({ Bucket: BUCKET, Key: `${Key}`, VersionId: `${VersionId}` }));
}

describe('a locked bundle', () => {
  s3Test(
    'keeps each of its objects until the day that was asked for, in parts stored ones too',
    async ({ s3, store }) => {
      const before = Date.now();
      await capture(store({ lock: { mode: 'COMPLIANCE', days: 30 } }));
      const versions = await versionsIn(s3);
      expect(versions).toHaveLength(4);
      for (const version of versions) {
        const head = await s3.client.headObject(version);
        expect(head.ObjectLockMode).toBe('COMPLIANCE');
        const until = (head.ObjectLockRetainUntilDate?.getTime() ?? 0) - 30 * DAY_MS;
        // S3 counts in seconds.
        expect(until).toBeGreaterThan(before - 2000);
        expect(until).toBeLessThan(Date.now() + 2000);
      }
    },
  );

  s3Test(
    'cannot be deleted, shortened or released, not even by root, nor can its manifest',
    async ({ s3, store }) => {
      const summary = await capture(store());
      for (const version of await versionsIn(s3)) {
        const bypass = { ...version, BypassGovernanceRetention: true };
        await expect(s3.client.deleteObject(version)).rejects.toMatchObject(status(403));
        await expect(s3.client.deleteObject(bypass)).rejects.toMatchObject(status(403));
        const shorter = { Mode: 'COMPLIANCE', RetainUntilDate: new Date(Date.now() + 3_600_000) } as const;
        await expect(s3.client.putObjectRetention({ ...version, Retention: shorter })).rejects.toMatchObject(
          status(403),
        );
        const weaker = { Mode: 'GOVERNANCE', RetainUntilDate: new Date(Date.now() + 2 * DAY_MS) } as const;
        await expect(s3.client.putObjectRetention({ ...bypass, Retention: weaker })).rejects.toMatchObject(
          status(403),
        );
      }
      expect(await store().holds(summary)).toBe(true);
    },
  );

  s3Test('can be deleted once its time is over, and not before', async ({ s3, store }) => {
    await capture(store({ lock: { mode: 'COMPLIANCE', days: 2000 / DAY_MS } }));
    const [version] = await versionsIn(s3);
    if (!version) throw new Error('there is nothing');
    // Longer than a slow machine takes from here to the first try; a lock may be made longer at any time.
    const until = Date.now() + 4000;
    const longer = { Mode: 'COMPLIANCE', RetainUntilDate: new Date(until) } as const;
    await s3.client.putObjectRetention({ ...version, Retention: longer });
    const isGone = () =>
      s3.client.deleteObject(version).then(
        () => true,
        () => false,
      );
    let refused = 0;
    while (!(await isGone())) {
      refused++;
      await sleep(100);
    }
    // S3 counts in seconds.
    expect(Date.now()).toBeGreaterThan(until - 1000);
    expect(refused).toBeGreaterThan(0);
    expect(await keysIn(s3)).not.toContain(version.Key);
  });

  s3Test('is not locked where no lock is asked for, even if the bucket could', async ({ s3, store }) => {
    await capture(store({ lock: undefined }));
    const head = await s3.client.headObject({ Bucket: BUCKET, Key: MANIFEST_KEY });
    expect(head.ObjectLockMode).toBeUndefined();
    expect(await keysIn(s3)).toContain(`${KEY}/attempt-1/logs/app/current.log`);
  });
});
