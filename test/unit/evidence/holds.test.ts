// Whether a bundle is still there is asked before its pod is destroyed: a wrong yes loses everything.
import { appendFile, mkdir, rename, rm, symlink, unlink } from 'node:fs/promises';
import { relative } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { BundleSummary } from '../../../src/evidence/store.ts';
import { failingAt } from './faulty-files.ts';
import { storeErrorOf, TemporaryRoot } from './on-disk.ts';

const root = new TemporaryRoot();
let summary: BundleSummary;
beforeEach(async () => {
  summary = await root.captured();
});

const at = (path: string) => `${summary.location}/${path}`;

describe('a store', () => {
  it('holds a bundle that it finished', async () => {
    expect(await root.store().holds(summary)).toBe(true);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['is gone', () => rm(summary.location, { recursive: true })],
    ['has lost its manifest', () => unlink(at('manifest.json'))],
    ['has another manifest', () => appendFile(at('manifest.json'), ' ')],
    ['has lost a file', () => unlink(at('api/pod.json'))],
    ['has lost a folder', () => rm(at('logs'), { recursive: true })],
    [
      'has something else in the place of a file',
      () => unlink(at('api/pod.json')).then(() => mkdir(at('api/pod.json'))),
    ],
    [
      'is a link',
      () =>
        rename(summary.location, root.at('moved')).then(() => symlink(root.at('moved'), summary.location)),
    ],
  ])('does not hold one that %s', async (_what, lose) => {
    await lose();
    expect(await root.store().holds(summary)).toBe(false);
  });

  it('does not hold what lies in another kind of store, or nowhere', async () => {
    const { manifestSha256 } = summary;
    for (const location of ['s3://bucket/shop/x', relative(process.cwd(), summary.location), ''])
      expect(await root.store().holds({ location, manifestSha256 })).toBe(false);
  });

  it.each([/^kindOf /, /^read .*manifest/])('rejects where nobody can tell: %s', async (operation) => {
    const store = root.store(failingAt(operation, 'EIO'));
    expect(await storeErrorOf(store.holds(summary))).toMatchObject({
      reason: 'Failed',
      path: summary.location,
    });
  });
});
