// A bundle in a bucket of a real server: what it looks like, and that it comes back whole.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { createS3Reader } from '../../src/evidence/s3-reader.ts';
import { exportBundle } from '../../src/evidence/export.ts';
import { verifyBundle, verifyManifest } from '../../src/evidence/verify.ts';
import { ageKeys, signingKeys } from '../unit/evidence/keys.ts';
import { fileOf, INCIDENT, SUBJECT } from '../unit/evidence/fakes.ts';
import { capture, download, KEY, keysIn, MANIFEST_KEY, pieces } from '../support/s3-bundles.ts';
import { BUCKET, storeOptions } from '../support/s3-options.ts';
import { s3Test } from '../support/s3-test.ts';

describe('a bundle in a bucket', () => {
  s3Test('lies below its incident, with the manifest beside the attempt', async ({ s3, store }) => {
    const bundle = await store().open(SUBJECT);
    await bundle.add(fileOf('api/pod.json', '{}'));
    await bundle.add(fileOf('empty.txt', ''));
    await bundle.add(fileOf('logs/app/current.log', 'line\n'));
    const summary = await bundle.finish();
    expect(summary).toMatchObject({ location: `s3://${BUCKET}/${KEY}`, files: 3, bytes: 7, problems: [] });
    expect(await keysIn(s3)).toEqual([
      `${KEY}/attempt-1/.begun`,
      `${KEY}/attempt-1/api/pod.json`,
      `${KEY}/attempt-1/empty.txt`,
      `${KEY}/attempt-1/logs/app/current.log`,
      MANIFEST_KEY,
    ]);
  });

  s3Test('comes back whole, large files too', async ({ s3, store, folder }) => {
    const summary = await capture(store());
    const to = join(folder.path, 'download');
    await download(createS3Reader(storeOptions(s3)), to);
    expect(await verifyManifest(to, summary.manifestSha256)).toEqual([]);
    expect(readFileSync(join(to, 'logs/app/current.log'), 'utf8')).toBe('line\n');
  });

  s3Test(
    'is answered with the same summary once it is finished, and not written again',
    async ({ s3, store }) => {
      const summary = await capture(store());
      const before = await keysIn(s3);
      const again = await store().open(SUBJECT);
      expect(again.finished).toEqual(summary);
      expect(await again.finish()).toEqual(summary);
      await expect(again.add(fileOf('new'))).rejects.toThrow('after the bundle was finished');
      expect(await keysIn(s3)).toEqual(before);
    },
  );

  s3Test('is not there before it is finished', async ({ s3, store }) => {
    const dead = await store().open(SUBJECT);
    await dead.add(fileOf('old.txt', 'old'));
    expect(await createS3Reader(storeOptions(s3)).list()).toEqual([]);
    const bundle = await store().open(SUBJECT);
    expect(bundle.finished).toBeUndefined();
    await bundle.add(fileOf('new.txt', 'new'));
    expect((await bundle.finish()).files).toBe(1);
    expect(await keysIn(s3)).toContain(`${KEY}/attempt-2/new.txt`);
  });

  s3Test('keeps incidents apart, by UID, and lists them', async ({ s3, store }) => {
    const other = { ...SUBJECT, incident: { ...INCIDENT, uid: 'another' } };
    await capture(store());
    await (await store().open(other)).finish();
    const entries = await createS3Reader(storeOptions(s3)).list();
    expect(entries.map(({ namespace, name }) => `${namespace}/${name}`)).toEqual([
      `shop/${INCIDENT.name}-another`,
      `shop/${INCIDENT.name}-${INCIDENT.uid}`,
    ]);
  });

  s3Test('of a bucket that is used as a whole lies at its top', async ({ s3, store }) => {
    const location = { bucket: BUCKET, prefix: '' };
    await capture(store({ location }));
    expect(await createS3Reader(storeOptions(s3, { location })).list()).toHaveLength(1);
    expect((await keysIn(s3)).every((key) => key.startsWith('shop/'))).toBe(true);
  });

  s3Test('is refused if it is that of another incident', async ({ s3, store }) => {
    await s3.client.putObject({ Bucket: BUCKET, Key: MANIFEST_KEY, Body: '{"schema":"something else"}' });
    await expect(store().open(SUBJECT)).rejects.toMatchObject({
      reason: 'Corrupt',
      path: `s3://${BUCKET}/${KEY}`,
    });
  });

  s3Test('is held as long as its manifest and an object for each file are there', async ({ s3, store }) => {
    const open = { lock: undefined };
    const summary = await capture(store(open));
    expect(await store().holds(summary)).toBe(true);
    expect(await store().holds({ ...summary, manifestSha256: '0'.repeat(64) })).toBe(false);
    expect(await store().holds({ ...summary, location: '/var/lib/evidence/shop/x' })).toBe(false);
    const Key = `${KEY}/attempt-1/logs/app/current.log`;
    const { VersionId } = await s3.client.headObject({ Bucket: BUCKET, Key });
    await s3.client.deleteObject({ Bucket: BUCKET, Key, VersionId: `${VersionId}` });
    expect(await store().holds(summary)).toBe(false);
  });
});

describe('a bundle that is encrypted and signed', () => {
  s3Test(
    'has its signatures in its attempt, and opens to whoever has the key',
    async ({ s3, store, folder }) => {
      const { recipient, identity } = await ageKeys();
      const { signer, verifier } = signingKeys('ed25519');
      const summary = await capture(
        store({ recipients: [recipient], signer: () => Promise.resolve(signer) }),
      );
      expect(summary).toMatchObject({ encryption: 'Age', signedBy: [signer.keyId], problems: [] });
      // Without the key nobody can tell who signed it.
      expect((await store().open(SUBJECT)).finished).toEqual({ ...summary, signedBy: [] });
      const keys = await keysIn(s3);
      expect(keys).toContain(`${KEY}/attempt-1/manifest.dsse.json`);
      expect(keys).toContain(`${KEY}/attempt-1/logs/app/current.log.age`);
      const reader = createS3Reader(storeOptions(s3));
      const [entry] = await reader.list();
      if (!entry) throw new Error('there is no bundle');
      const directory = join(folder.path, 'copy');
      const exported = await exportBundle(await reader.open(entry), { directory, identities: [identity] });
      expect(exported).toEqual({ files: 2, decrypted: 2, differences: [] });
      expect(readFileSync(join(directory, 'logs/app/current.log'), 'utf8')).toBe('line\n');
      expect(await verifyBundle(directory, { keys: [verifier] })).toMatchObject({
        differences: [],
        signedBy: [signer.keyId],
      });
    },
  );
});

describe('a bundle that somebody meddles with', () => {
  s3Test('is what was stored first, whatever is put over it or hides it', async ({ s3, store, folder }) => {
    const summary = await capture(store());
    for (const Key of [MANIFEST_KEY, `${KEY}/attempt-1/logs/app/current.log`]) {
      await s3.client.putObject({ Bucket: BUCKET, Key, Body: 'forged' });
      await s3.client.deleteObject({ Bucket: BUCKET, Key });
    }
    expect((await store().open(SUBJECT)).finished).toEqual(summary);
    expect(await store().holds(summary)).toBe(true);
    const to = join(folder.path, 'download');
    await download(createS3Reader(storeOptions(s3)), to);
    expect(await verifyManifest(to, summary.manifestSha256)).toEqual([]);
  });

  s3Test('is found out if the server itself was changed', async ({ s3, store, folder }) => {
    const summary = await capture(store());
    writeFileSync(join(s3.dataFolder, BUCKET, KEY, 'attempt-1/logs/app/current.log'), 'LINE\n');
    const to = join(folder.path, 'download');
    await download(createS3Reader(storeOptions(s3)), to);
    expect(await verifyManifest(to, summary.manifestSha256)).toMatchObject([
      { path: 'logs/app/current.log', kind: 'changed' },
    ]);
  });

  s3Test('does not take the number of an attempt that was hidden', async ({ s3, store }) => {
    await store().open(SUBJECT);
    await s3.client.deleteObject({ Bucket: BUCKET, Key: `${KEY}/attempt-1/.begun` });
    const bundle = await store().open(SUBJECT);
    await bundle.add(fileOf('a.txt', 'a'));
    expect(await keysIn(s3)).toContain(`${KEY}/attempt-2/a.txt`);
  });

  s3Test('never takes what somebody else put into its attempt for its own', async ({ s3, store }) => {
    const bundle = await store().open(SUBJECT);
    for (const name of ['small', 'large'])
      await s3.client.putObject({ Bucket: BUCKET, Key: `${KEY}/attempt-1/${name}`, Body: 'planted' });
    const conflict = { reason: 'Conflict', path: `s3://${BUCKET}/${KEY}/attempt-1/small` };
    await expect(bundle.add(fileOf('small', 'ours'))).rejects.toMatchObject(conflict);
    await expect(bundle.finish()).rejects.toMatchObject(conflict);
    const next = await store().open(SUBJECT);
    await s3.client.putObject({ Bucket: BUCKET, Key: `${KEY}/attempt-2/large`, Body: 'planted' });
    await expect(next.add(fileOf('large', pieces(9 * 1024 * 1024)))).rejects.toMatchObject({
      reason: 'Conflict',
    });
    expect((await s3.client.listMultipartUploads({ Bucket: BUCKET })).Uploads ?? []).toEqual([]);
  });
});
