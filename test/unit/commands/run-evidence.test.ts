// The store of `run` does what the settings say, and what cannot be meant is said at the start, by the flag.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkEvidence, evidenceOf } from '../../../src/commands/run/evidence.ts';
import { readSettings } from '../../../src/settings.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { fileOf, SUBJECT } from '../evidence/fakes.ts';
import { ageKeys, signingKeys } from '../evidence/keys.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'run-evidence-'));
});
afterEach(() => rm(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

function settings(given: object = {}) {
  return readSettings({ roles: ['responder'], evidenceDir: folder, ...given });
}

/** What is logged by the check at the start; rejects where it refuses. */
async function checked(given: object): Promise<string[]> {
  const said: string[] = [];
  const log = { warn: (_: object, message: string) => void said.push(message) };
  await checkEvidence(settings(given), evidenceOf(settings(given), new VirtualClock()), log);
  return said;
}

describe('the store of run', () => {
  it('keeps everything in the clear and unsigned, for ever, unless told otherwise', async () => {
    const store = evidenceOf(settings(), new VirtualClock());
    expect(store.recipients).toEqual([]);
    expect(store.sweep).toBeUndefined();
    expect(await (await store.open(SUBJECT)).finish()).toMatchObject({ encryption: 'None', signedBy: [] });
    expect(await checked({})).toEqual([]);
  });

  it('encrypts, signs and deletes as it is told', async () => {
    const { recipient } = await ageKeys();
    const { privatePem, signer } = signingKeys('p256');
    const evidenceSigningKeyFile = join(folder, 'key.pem');
    await writeFile(evidenceSigningKeyFile, privatePem);
    const given = { evidenceRecipients: [recipient], evidenceSigningKeyFile, evidenceRetention: '720h' };
    const store = evidenceOf(settings(given), new VirtualClock());
    expect(store.recipients).toEqual([recipient]);
    expect(store.sweep).toBeDefined();
    const bundle = await store.open(SUBJECT);
    await bundle.add(fileOf('a'));
    expect(await bundle.finish()).toMatchObject({ encryption: 'Age', signedBy: [signer.keyId] });
    expect(await checked(given)).toEqual([]);
  });
});

describe('the check at the start', () => {
  it('names the flag of a directory that takes nothing', async () => {
    await expect(checked({ evidenceDir: join(folder, 'none') })).rejects.toThrow(/^--evidence-dir .*none: /);
  });

  it('names the flag of a recipient that is none', async () => {
    await expect(checked({ evidenceRecipients: ['age1nobody'] })).rejects.toThrow(
      '--evidence-recipients: recipient 1 of 1 is no public key of age',
    );
  });

  it('says that nothing will be signed, and keeps nobody from isolating', async () => {
    const file = join(folder, 'none.pem');
    expect(await checked({ evidenceSigningKeyFile: file })).toEqual([
      expect.stringMatching(
        /^--evidence-signing-key-file: .*none\.pem cannot be read: ENOENT.*Evidence is kept without a signature/,
      ),
    ]);
  });
});

describe('a bucket', () => {
  const BUCKET = { evidenceStore: 's3://evidence/cluster-1', evidenceS3Endpoint: 'http://127.0.0.1:1' };

  it('takes the place of the directory', async () => {
    expect(evidenceOf(settings(BUCKET), new VirtualClock()).sweep).toBeUndefined();
    const store = evidenceOf(settings({ ...BUCKET, evidenceRetention: '720h' }), new VirtualClock());
    expect(store.sweep).toBeDefined();
    expect(await store.holds({ location: folder, manifestSha256: '' })).toBe(false);
  });

  it('that does not answer is told, and keeps nobody from isolating', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'key');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    expect(await checked(BUCKET)).toEqual([
      expect.stringMatching(/^--evidence-store s3:\/\/evidence\/cluster-1: .*ECONNREFUSED/),
    ]);
  });

  it.each([
    [
      { evidenceStore: 's3://Evidence' },
      /^--evidence-store s3:\/\/Evidence: "Evidence" is not the name of a bucket/,
    ],
    [{ evidenceStore: '/var/lib/evidence' }, /--evidence-store: has the form s3:\/\/bucket\/prefix/],
    [{ evidenceS3Endpoint: 'https://s3.example' }, /--evidence-store: is missing/],
    [
      { ...BUCKET, evidenceS3Endpoint: 'http://s3.example' },
      /--evidence-s3-endpoint: would carry .*use https/,
    ],
    [{ ...BUCKET, evidenceS3LockMode: 'COMPLIANCE' }, /--evidence-s3-lock-days: .*need each other/],
    [{ ...BUCKET, evidenceS3LockDays: 30 }, /--evidence-s3-lock-days: .*need each other/],
    [{ ...BUCKET, evidenceS3LockMode: 'compliance', evidenceS3LockDays: 30 }, /--evidence-s3-lock-mode: /],
  ])('is not used as %j says', (given, words) => {
    expect(() => evidenceOf(settings(given), new VirtualClock())).toThrow(words);
  });
});
