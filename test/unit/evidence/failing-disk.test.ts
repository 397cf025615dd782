import { readdir, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createDirectoryStore } from '../../../src/evidence/directory-store.ts';
import { verifyManifest } from '../../../src/evidence/verify.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { fileOf, SUBJECT } from './fakes.ts';
import { failingAt } from './faulty-files.ts';
import { manifestIn, NAME, storeErrorOf, TemporaryRoot } from './on-disk.ts';

const root = new TemporaryRoot();

describe('a failing disk', () => {
  const CASES: [string, RegExp, string, string, RegExp][] = [
    ['full', /^create .*pod\.json/, 'ENOSPC', 'NoSpace', /disk or its quota is full \(ENOSPC\)\. Free space/],
    ['over quota', /^create .*pod\.json/, 'EDQUOT', 'NoSpace', /quota is full/],
    ['full for directories', /^makeDirectory .*api/, 'ENOSPC', 'NoSpace', /Free space/],
    [
      'read-only',
      /^create .*pod\.json/,
      'EROFS',
      'ReadOnly',
      /read-only \(EROFS\)\. Mount a writable volume/,
    ],
    [
      'of another user',
      /^create .*pod\.json/,
      'EACCES',
      'Denied',
      /may not write there \(EACCES\)\. Give its user/,
    ],
    ['broken', /^create .*pod\.json/, 'EIO', 'Failed', /injected \(EIO\)\. Check the volume/],
  ];
  it.each(CASES)(
    'that is %s is an error with path, reason and cure',
    async (...[, pattern, code, reason, message]) => {
      const error = await storeErrorOf(root.captured(root.store(failingAt(pattern, code))));
      expect(error.reason).toBe(reason);
      expect(error.message).toMatch(message);
      expect(error.message).toContain(`.${NAME}.partial-1/api/pod.json`);
      expect(await readdir(root.at('shop'))).toEqual([`.${NAME}.partial-1`]);
    },
  );

  it.each([
    ['manifest', /^create .*manifest\.json/],
    ['sync', /^syncDirectory .*partial-1$/],
    ['rename', /^rename /],
  ])(
    'that is full at the %s leaves no finished bundle, and a later attempt makes one',
    async (_what, pattern) => {
      const error = await storeErrorOf(root.captured(root.store(failingAt(pattern, 'ENOSPC'))));
      expect(error.reason).toBe('NoSpace');
      const { location } = await root.captured();
      expect(await manifestIn(location)).toMatchObject({ attempt: 2 });
      expect(await verifyManifest(location)).toEqual([]);
    },
  );

  it.each([
    ['namespace', /^makeDirectory .*shop$/, () => root.at('shop')],
    ['attempt', /^makeDirectory .*partial-1$/, () => root.at('shop')],
  ])('that is full when the directory of the %s is made says so', async (_what, pattern, path) => {
    const error = await storeErrorOf(root.captured(root.store(failingAt(pattern, 'ENOSPC'))));
    expect(error).toMatchObject({ reason: 'NoSpace', path: path() });
  });

  it('needs no free space to discard what an earlier attempt left', async () => {
    const dead = await root.store().open(SUBJECT);
    await dead.add(fileOf('big', 'x'.repeat(1000)));
    await root.store(failingAt(/^(create|makeDirectory) /, 'ENOSPC')).open(SUBJECT);
    expect(await readdir(root.at('shop', `.${NAME}.partial-2`))).toEqual([]);
  });
});

describe('readiness', () => {
  it('is given where files can be made, and leaves none', async () => {
    expect(await root.store().readiness()).toBeUndefined();
    expect(await readdir(root.path)).toEqual([]);
  });

  it('survives a probe that a killed process left, and one that runs at the same time', async () => {
    await writeFile(root.at('.readiness'), '');
    expect(await root.store().readiness()).toBeUndefined();
    expect(await root.store(failingAt(/^create /, 'EEXIST')).readiness()).toBeUndefined();
  });

  it.each([
    ['EROFS', /read-only/],
    ['ENOSPC', /disk or its quota is full/],
    ['EACCES', /may not write/],
  ])('is refused in words on %s', async (code, words) => {
    const answer = await root.store(failingAt(/^create /, code)).readiness();
    expect(answer).toMatch(words);
    expect(answer).toContain(root.path);
  });

  it('is refused where the root is missing or no directory, and nothing is made up for it', async () => {
    const missing = root.at('missing');
    const store = createDirectoryStore({ root: missing, clock: new VirtualClock(), version: '1' });
    expect(await store.readiness()).toContain('Check that the evidence volume is still mounted');
    expect(await storeErrorOf(store.open(SUBJECT))).toMatchObject({ reason: 'Missing' });
    expect(await readdir(root.path)).toEqual([]);
    await writeFile(missing, '');
    expect(await store.readiness()).toContain('something else is there already');
  });
});
