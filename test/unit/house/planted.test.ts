// What holds the comparison on a real node against what was planted there notices every way of being wrong.
import { describe, expect, test } from 'vitest';
import type { FileChange } from '../../../src/api/file-change.ts';
import { compare, tableOf } from '../../e2e/support/planted-compare.ts';
import { ORIGINAL, sha } from '../../e2e/support/planted-image.ts';
import { file, modified, type Planted } from '../../e2e/support/planted-row.ts';
import { IN_PEER } from '../../e2e/support/planted.ts';

const ROWS: readonly Planted[] = [
  { class: 'added', what: 'data', does: '', shows: [file('/a')] },
  { class: 'modified', what: 'data', does: '', shows: [modified('b', { is: 'b' })] },
  { class: 'indirect', what: 'nothing', does: '', shows: [] },
];
const owner = { container: 'web', containerId: 'c', where: 'Root' } as const;
const ADDED: FileChange = {
  ...owner,
  path: '/a',
  kind: 'Added',
  type: 'File',
  sha256: sha('dropped\n'),
  executable: false,
};
const MODIFIED: FileChange = {
  ...owner,
  path: '/img/mod/b',
  kind: 'Modified',
  type: 'File',
  sha256: sha('b'),
  imageSha256: sha(ORIGINAL),
  executable: false,
};
const against = (...changes: FileChange[]) =>
  compare([{ container: 'web', containerId: 'c', rows: ROWS }], changes);

describe('what was planted', () => {
  test('is all found by lines that say so, in any order', () => {
    const comparison = against(MODIFIED, ADDED);
    expect(comparison.differences).toEqual([]);
    expect(comparison.total).toEqual({ planted: 3, found: 3, lines: 2, right: 2 });
    expect(tableOf(comparison)).toContain('recall 100.00 %, precision 100.00 % of 2 lines');
  });

  test.each<[string, FileChange[], RegExp]>([
    ['a line is missing', [ADDED], /modified, data: .*missing/],
    ['a line is there twice', [ADDED, ADDED, MODIFIED], /^surplus/],
    ['something else was found', [ADDED, MODIFIED, { ...ADDED, path: '/c' }], /^surplus: .*"\/c"/],
    ['another container has it', [{ ...ADDED, containerId: 'd' }, MODIFIED], /missing/],
    ['the path has other bytes', [{ ...ADDED, pathBase64: 'L/8=' }, MODIFIED], /missing/],
    ['it is of another kind', [{ ...ADDED, kind: 'Metadata' }, MODIFIED], /missing/],
    ['it is of another type', [{ ...ADDED, type: 'Fifo' }, MODIFIED], /type is Fifo/],
    ['its hash is wrong', [{ ...ADDED, sha256: sha('') }, MODIFIED], /sha256 is/],
    ['it was not read', [{ ...ADDED, sha256: undefined }, MODIFIED], /no sha256/],
    ["the image's hash is wrong", [ADDED, { ...MODIFIED, imageSha256: sha('') }], /imageSha256 is/],
    ['it has a problem', [{ ...ADDED, problem: 'not hashed' }, MODIFIED], /problem: not hashed/],
  ])('is not when %s', (_what, changes, why) => {
    const { differences } = against(...changes);
    expect(differences.join('\n')).toMatch(new RegExp(why.source, 'm'));
  });

  test('counts more than 60 changes, each with what it has to show or why it shows nothing', () => {
    expect(IN_PEER.length).toBeGreaterThan(60);
    const silent = IN_PEER.filter(({ shows }) => shows.length === 0);
    expect(silent.filter(({ because }) => because === undefined).map(({ what }) => what)).toEqual([
      'made and deleted',
    ]);
  });
});
