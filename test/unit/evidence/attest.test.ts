// A bundle that is found finished may be anybody's: what the incident records of it is what was proven.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createDirectoryStore } from '../../../src/evidence/directory-store.ts';
import { encodeEnvelope, parseEnvelope } from '../../../src/evidence/dsse.ts';
import { ENVELOPE_FILE, MANIFEST_FILE } from '../../../src/evidence/manifest.ts';
import { localFiles } from '../../../src/evidence/files.ts';
import type { Signer } from '../../../src/evidence/sign.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { SUBJECT } from './fakes.ts';
import { signingKeys } from './keys.ts';

const { signer } = signingKeys();
const SUSPECT = [expect.stringMatching(/^bundle: SUSPECT: it was found finished, and /)];

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'attest-'));
});
afterEach(() => rm(root, { recursive: true }));

const open = (by: Signer | undefined) =>
  createDirectoryStore({
    root,
    clock: new VirtualClock(),
    version: '1',
    ...(by && { signer: () => Promise.resolve(by) }),
  }).open(SUBJECT);
const finished = async (by: Signer | undefined) => (await (await open(by)).finish()).location;
const found = async (by: Signer | undefined) => (await open(by)).finished;

describe('a finished bundle', () => {
  test('that this key signed is recorded as that', async () => {
    await finished(signer);
    expect(await found(signer)).toMatchObject({ signedBy: [signer.keyId], problems: [] });
  });

  test('that nobody signed, or another key, is suspect where evidence is signed', async () => {
    const location = await finished(undefined);
    expect(await found(signer)).toMatchObject({ signedBy: [], problems: SUSPECT });
    await rm(location, { recursive: true });
    await finished(signingKeys().signer);
    expect(await found(signer)).toMatchObject({ signedBy: [], problems: SUSPECT });
  });

  test('that only names the key, or has its signature on something else, is suspect', async () => {
    const location = await finished(signer);
    const envelope = parseEnvelope(await localFiles.read(join(location, ENVELOPE_FILE), 1_000_000));
    const signatures = [{ keyId: signer.keyId, signature: Buffer.from('none') }];
    await writeFile(join(location, ENVELOPE_FILE), encodeEnvelope({ ...envelope, signatures }));
    expect(await found(signer)).toMatchObject({ signedBy: [], problems: SUSPECT });
    await writeFile(join(location, ENVELOPE_FILE), encodeEnvelope(envelope));
    const manifest = await localFiles.read(join(location, MANIFEST_FILE), 1_000_000);
    const other = Buffer.from(manifest).toString().replace('"version":"1"', '"version":"2"');
    await writeFile(join(location, MANIFEST_FILE), other);
    expect(await found(signer)).toMatchObject({ signedBy: [], problems: SUSPECT });
  });

  test('is said to be signed by nobody where nobody can tell', async () => {
    await finished(signer);
    expect(await found(undefined)).toMatchObject({ signedBy: [], problems: [] });
  });
});
