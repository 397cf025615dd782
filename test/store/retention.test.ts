// What a sweep of a bucket deletes, and what it leaves.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import type { S3StoreOptions } from '../../src/evidence/s3-store.ts';
import type { EvidenceStore, SweepReport } from '../../src/evidence/store.ts';
import { systemClock, type Clock } from '../../src/kube/clock.ts';
import { fileOf, SUBJECT } from '../unit/evidence/fakes.ts';
import { capture, KEY, keysIn, MANIFEST_KEY, MIB } from '../support/s3-bundles.ts';
import { BUCKET } from '../support/s3-options.ts';
import { s3Test } from '../support/s3-test.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const NOTHING: SweepReport = { bundles: [], attempts: [], kept: [] };
/** The clock of a sweep two days from now. */
const LATER: Clock = { ...systemClock, now: () => Date.now() + 2 * DAY_MS };
const SHORT: Partial<S3StoreOptions> = { lock: { mode: 'COMPLIANCE', days: 2000 / DAY_MS } };

function sweep(store: EvidenceStore, inUse = false): Promise<SweepReport> {
  if (!store.sweep) throw new Error('the store keeps everything');
  return store.sweep(() => inUse, new AbortController().signal);
}

/** Sweeps until a lock of two seconds has ended. */
async function sweepUntil(
  store: EvidenceStore,
  pleases: (report: SweepReport) => boolean,
): Promise<SweepReport> {
  for (;;) {
    const report = await sweep(store);
    if (pleases(report)) return report;
    await sleep(200);
  }
}

describe('a sweep', () => {
  s3Test(
    'leaves a bundle that is young, one that is in use, and all without a retention',
    async ({ s3, store }) => {
      await capture(store({ lock: undefined }), 'line', 1024);
      const keys = await keysIn(s3);
      expect(await sweep(store({ retentionMs: 3 * DAY_MS, clock: LATER }))).toEqual(NOTHING);
      expect(await sweep(store({ retentionMs: DAY_MS, clock: LATER }), true)).toEqual(NOTHING);
      expect(store({ clock: LATER }).sweep).toBeUndefined();
      expect(await keysIn(s3)).toEqual(keys);
    },
  );

  s3Test('deletes an old bundle with all its versions and what hides them', async ({ s3, store }) => {
    const { location } = await capture(store({ lock: undefined }), 'line', 1024);
    for (const Key of [MANIFEST_KEY, `${KEY}/attempt-1/logs/app/current.log`]) {
      await s3.client.putObject({ Bucket: BUCKET, Key, Body: 'over it' });
      await s3.client.deleteObject({ Bucket: BUCKET, Key });
    }
    const report = await sweep(store({ retentionMs: DAY_MS, clock: LATER }));
    expect(report).toEqual({ ...NOTHING, bundles: [location] });
    const { Versions = [], DeleteMarkers = [] } = await s3.client.listObjectVersions({ Bucket: BUCKET });
    expect([...Versions, ...DeleteMarkers]).toEqual([]);
  });

  s3Test('leaves a locked bundle whole, however old it is', async ({ s3, store }) => {
    await capture(store({ lock: { mode: 'COMPLIANCE', days: 9 } }), 'line', 1024);
    const keys = await keysIn(s3);
    expect(await sweep(store({ retentionMs: DAY_MS, clock: LATER }))).toEqual(NOTHING);
    expect(await keysIn(s3)).toEqual(keys);
  });

  s3Test(
    'whose clock is wrong is stopped by the lock, at the manifest, and says so',
    async ({ s3, store }) => {
      const { location } = await capture(store({ lock: { mode: 'GOVERNANCE', days: 1 } }), 'line', 1024);
      const keys = await keysIn(s3);
      const report = await sweep(store({ retentionMs: DAY_MS, clock: LATER }));
      expect(report).toMatchObject({ bundles: [], attempts: [], kept: [{ place: location }] });
      expect(report.kept[0]?.why).toContain('manifest.json');
      expect(await keysIn(s3)).toEqual(keys);
    },
  );

  s3Test('deletes a bundle once its lock has ended', async ({ s3, store }) => {
    await capture(store(SHORT), 'line', 1024);
    const report = await sweepUntil(
      store({ retentionMs: DAY_MS, clock: LATER }),
      ({ bundles }) => bundles.length > 0,
    );
    expect(report.kept).toEqual([]);
    expect(await keysIn(s3)).toEqual([]);
  });

  s3Test(
    'deletes dead attempts, beside a bundle or alone, and none that may go on',
    async ({ s3, store }) => {
      const open = store({ lock: undefined });
      await (await open.open(SUBJECT)).add(fileOf('a.txt'));
      expect(await sweep(store({ retentionMs: 30 * DAY_MS }))).toEqual(NOTHING);
      const young = await keysIn(s3);
      expect(young).toHaveLength(2);
      await capture(open, 'line', 1024);
      const report = await sweep(store({ retentionMs: 30 * DAY_MS, clock: LATER }));
      expect(report).toEqual({ ...NOTHING, attempts: [`s3://${BUCKET}/${KEY}/attempt-1`] });
      expect((await keysIn(s3)).filter((key) => key.includes('attempt-1'))).toEqual([]);
      expect((await open.open(SUBJECT)).finished?.files).toBe(2);
    },
  );

  s3Test('removes the parts of uploads that nobody completes, after a day', async ({ s3, store }) => {
    const Key = `${KEY}/attempt-1/changed.tar`;
    const { UploadId } = await s3.client.createMultipartUpload({ Bucket: BUCKET, Key });
    await s3.client.uploadPart({ Bucket: BUCKET, Key, UploadId, PartNumber: 1, Body: Buffer.alloc(MIB) });
    expect(await sweep(store({ retentionMs: 30 * DAY_MS }))).toEqual(NOTHING);
    const report = await sweep(store({ retentionMs: 30 * DAY_MS, clock: LATER }));
    expect(report).toEqual({ ...NOTHING, attempts: [`s3://${BUCKET}/${Key}`] });
    expect((await s3.client.listMultipartUploads({ Bucket: BUCKET })).Uploads ?? []).toEqual([]);
  });

  s3Test(
    'that was cut off leaves nothing that looks finished, and the next takes the rest',
    async ({ s3, store }) => {
      await capture(store({ lock: undefined }), 'line', 1024);
      const { VersionId } = await s3.client.headObject({ Bucket: BUCKET, Key: MANIFEST_KEY });
      await s3.client.deleteObject({ Bucket: BUCKET, Key: MANIFEST_KEY, VersionId: `${VersionId}` });
      const report = await sweep(store({ retentionMs: DAY_MS, clock: LATER }));
      expect(report.attempts).toEqual([`s3://${BUCKET}/${KEY}/attempt-1`]);
      expect(await keysIn(s3)).toEqual([]);
    },
  );
});
