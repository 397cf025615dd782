import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDirectoryStore } from '../../../src/evidence/directory-store.ts';
import { localFiles, type FileSystem } from '../../../src/evidence/files.ts';
import { parseManifest } from '../../../src/evidence/manifest.ts';
import { verifyBundle, verifyManifest, type Difference } from '../../../src/evidence/verify.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { fileOf, INCIDENT, SUBJECT } from './fakes.ts';
import { faultyFiles, Killed } from './faulty-files.ts';
import { ageKeys, signingKeys, streamOf } from './keys.ts';

const NAME = `${INCIDENT.name}-${INCIDENT.uid}`;

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'crash-'));
});
afterEach(() => rm(root, { recursive: true }));

async function run(files: FileSystem, content: string) {
  const store = createDirectoryStore({ root, clock: new VirtualClock(), version: '1', files });
  const bundle = await store.open(SUBJECT);
  if (bundle.finished) return bundle.finished;
  await bundle.add(fileOf('api/pod.json', content));
  await bundle.add(fileOf('logs/app/current.log', content));
  await bundle.add(fileOf('rotate.json', content));
  return bundle.finish();
}

/** Dies at the operation with that number; true if it came to that. Once dead, nothing is done any more. */
async function killedAt(count: number, torn: boolean, content: string): Promise<boolean> {
  const { files, operations } = faultyFiles((_, at) =>
    at < count ? undefined : { error: new Killed(), torn: torn && at === count },
  );
  await run(files, content).catch(() => {});
  return operations.length >= count;
}

/** What holds after any number of crashes and one run to the end. */
async function expectWhole(contents: readonly string[]): Promise<number> {
  const summary = await run(localFiles, contents.at(-1) ?? '');
  expect(await verifyManifest(summary.location, summary.manifestSha256)).toEqual([]);
  expect(await readdir(join(root, 'shop'))).toEqual([NAME]);
  const texts = await Promise.all(
    ['api/pod.json', 'logs/app/current.log', 'rotate.json'].map((path) =>
      readFile(join(summary.location, path), 'utf8'),
    ),
  );
  // All files are of one attempt.
  expect(new Set(texts).size).toBe(1);
  expect(contents).toContain(texts[0]);
  const manifest = parseManifest(await readFile(join(summary.location, 'manifest.json')));
  return manifest.attempt;
}

describe('a process that is killed', () => {
  it.each([
    ['before', false],
    ['in the middle of', true],
  ])('%s any single file operation leaves a bundle that is finished or redone', async (_when, torn) => {
    let count = 1;
    for (; await killedAt(count, torn, 'first attempt'); count++) {
      expect(await expectWhole(['first attempt', 'second attempt'])).toBeLessThanOrEqual(2);
      await rm(join(root, 'shop'), { recursive: true });
    }
    // All of it was walked: probing, three files, manifest, syncs, rename.
    expect(count).toBeGreaterThan(20);
  });

  it('at any operation of a second attempt too leaves a bundle that is finished or redone', async () => {
    let attempts = 0;
    for (let count = 1; ; count++) {
      await killedAt(14, true, 'first attempt');
      const died = await killedAt(count, true, 'second attempt');
      attempts = Math.max(attempts, await expectWhole(['second attempt', 'third attempt']));
      if (!died) break;
      await rm(join(root, 'shop'), { recursive: true });
    }
    expect(attempts).toBe(3);
  });

  it('never shows a bundle under its real name that does not verify', async () => {
    const shown: Difference[][] = [];
    for (let count = 1; await killedAt(count, true, 'content'); count++) {
      const names: string[] = await readdir(join(root, 'shop')).catch(() => []);
      if (names.includes(NAME)) shown.push(await verifyManifest(join(root, 'shop', NAME)));
      await rm(join(root, 'shop'), { recursive: true, force: true });
    }
    // Only a process that died after the rename left one.
    expect(shown).toEqual([[]]);
  });
});

describe('a process that encrypts and signs and is killed', () => {
  it('at any file operation leaves a bundle that verifies whole, or none', async () => {
    const { recipient, identity } = await ageKeys();
    const { signer, verifier } = signingKeys();
    const attempt = async (files: FileSystem) => {
      const options = { root, clock: new VirtualClock(), version: '1', files };
      const store = createDirectoryStore({
        ...options,
        recipients: [recipient],
        signer: () => Promise.resolve(signer),
      });
      const bundle = await store.open(SUBJECT);
      if (bundle.finished) return bundle.finished;
      await bundle.add(fileOf('a/stream', streamOf('one', 'two')));
      return bundle.finish();
    };
    const check = (location: string) => verifyBundle(location, { keys: [verifier], identities: [identity] });
    const shown: Difference[] = [];
    let count = 1;
    for (let alive = false; !alive; count++) {
      const { files, operations } = faultyFiles((_, at) =>
        at < count ? undefined : { error: new Killed(), torn: at === count },
      );
      await attempt(files).catch(() => {});
      alive = operations.length < count;
      const names: string[] = await readdir(join(root, 'shop')).catch(() => []);
      if (names.includes(NAME)) shown.push(...(await check(join(root, 'shop', NAME))).differences);
      const { location, signedBy } = await attempt(localFiles);
      expect(await check(location)).toMatchObject({ differences: [], opened: 1 });
      expect(signedBy).toEqual([verifier.keyId]);
      await rm(join(root, 'shop'), { recursive: true });
    }
    expect(shown).toEqual([]);
    expect(count).toBeGreaterThan(15);
  });
});
