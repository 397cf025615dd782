// docs/decisions/0001: each defect of the two libraries has its tests, by names that are still theirs.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const KUBE = join(ROOT, 'test/kube');

const page = await readFile(
  join(ROOT, 'docs/decisions/0001-two-kubernetes-packages-and-our-own-client.md'),
  'utf8',
);
const rows = [...page.matchAll(/^\| (?!situation|---)([^|]+) \| [^|]+ \| ([^|]+) \|$/gm)].map(
  ([, situation = '', tests = '']): [string, string] => [situation, tests],
);

interface Named {
  file: string;
  words: string;
}

/** The tests that a cell names: `file: name; name; other file: name`. What is cut or in brackets is not looked for. */
function namedIn(cell: string): Named[] {
  let file = '';
  return cell.split('; ').map((part) => {
    const [, prefix, name = ''] = /^(?:([a-z]+): )?(.*)$/.exec(part) ?? [];
    file = prefix ?? file;
    return { file, words: name.replace(/ \(.*\)$/, '').replaceAll(/^\.\.\. | ?\.\.\.$/g, '') };
  });
}

/** All texts of a test file in their order: the title of a group stands before those of its tests. */
async function textsOf(file: string): Promise<string> {
  const source = await readFile(join(KUBE, `fire-${file}.test.ts`), 'utf8');
  return [...source.matchAll(/'([^'\n]*)'/g)].map(([, text]) => text).join(' ');
}

test('the page has a row for each defect that was seen', () => expect(rows).toHaveLength(23));

test.each(rows)('%s', async (_, cell) => {
  for (const { file, words } of namedIn(cell)) {
    expect(words.length).toBeGreaterThan(9);
    expect(await textsOf(file)).toContain(words);
  }
});

test('no file of these tests is left out of the table', async () => {
  const files = (await readdir(KUBE)).map((name) => /^fire-(\w+)\.test\.ts$/.exec(name)?.[1]);
  const named = new Set(rows.flatMap(([, cell]) => namedIn(cell)).map(({ file }) => file));
  expect([...named].toSorted()).toEqual(files.filter((file) => file !== undefined).toSorted());
});
