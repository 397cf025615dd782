// Manifests are read as kubectl reads them; what cannot be read is said with file and line, and nothing fills the memory.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MANIFEST_LIMITS, readManifests, type Manifests } from '../../../src/commands/manifests/read.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'manifests-'));
});
afterEach(() => rm(root, { recursive: true }));

async function write(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(root, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

/** Reads one file with that text; files are named `file` in what was read. */
async function readText(text: string | Uint8Array, name = 'm.yaml'): Promise<Manifests> {
  const path = await write(name, text);
  const { manifests, problems } = await readManifests([path]);
  expect([...manifests, ...problems].every(({ file }) => file === path)).toBe(true);
  const file = 'file';
  return {
    manifests: manifests.map((manifest) => ({ ...manifest, file })),
    problems: problems.map((problem) => ({ ...problem, file })),
  };
}

const pod = (name: string) => `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\n`;
const object = (name: string) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name } });

describe('documents', () => {
  test('are read with the line on which they begin', async () => {
    expect(await readText(`# first\n\n${pod('a')}---\n# none\n---\n\n${pod('b')}...\n---\n`)).toEqual({
      manifests: [
        { file: 'file', line: 3, object: object('a') },
        { file: 'file', line: 10, object: object('b') },
      ],
      problems: [],
    });
  });

  test('are none in an empty file', async () => {
    expect(await readText('')).toEqual({ manifests: [], problems: [] });
    expect(await readText('---\n---\n# nothing\n')).toEqual({ manifests: [], problems: [] });
  });

  test('may be JSON, also with tabs, and with a byte order mark', async () => {
    const json = '{\n\t"apiVersion": "v1",\n\t"kind": "Pod", "s": "\\ud83d\\ude00\\/", "n": 1e3}';
    const expected = [
      { file: 'file', line: 1, object: { apiVersion: 'v1', kind: 'Pod', s: '😀/', n: 1000 } },
    ];
    expect(await readText(json, 'm.json')).toEqual({ manifests: expected, problems: [] });
    expect((await readText(`\ufeff${json}`)).manifests).toEqual(expected);
  });

  test('mean what they mean to kubectl: yes is true, a time and 1:30 are text, << merges', async () => {
    const text =
      'apiVersion: v1\nkind: X\na: yes\nb: 2027-01-01T00:00:00Z\nc: 1:30\nd: 010\ne: &e {x: 1}\nf: {<<: *e, z: ~}\n';
    expect((await readText(text)).manifests[0]?.object).toEqual({
      apiVersion: 'v1',
      kind: 'X',
      a: true,
      b: '2027-01-01T00:00:00Z',
      c: '1:30',
      d: 8,
      e: { x: 1 },
      f: { x: 1, z: null },
    });
  });

  test('keep a key named __proto__ as a key', async () => {
    const { manifests } = await readText(`${pod('a')}__proto__: {polluted: true}\n`);
    expect(Object.keys(manifests[0]?.object ?? {})).toContain('__proto__');
    expect(manifests[0]?.object['polluted']).toBeUndefined();
  });
});

describe('lists', () => {
  test('are unpacked, each item with its line', async () => {
    const text =
      'apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n- {apiVersion: v1, kind: Node}\n- 3\n';
    expect(await readText(text)).toEqual({
      manifests: [
        { file: 'file', line: 4, object: { apiVersion: 'v1', kind: 'Pod' } },
        { file: 'file', line: 6, object: { apiVersion: 'v1', kind: 'Node' } },
      ],
      problems: [
        { file: 'file', line: 7, message: 'is no Kubernetes object: it has no apiVersion and no kind' },
      ],
    });
  });

  test('of one kind give it to their items, as the API server leaves it out', async () => {
    const text = JSON.stringify({ apiVersion: 'v1', kind: 'PodList', items: [{ metadata: { name: 'a' } }] });
    expect((await readText(text)).manifests.map((manifest) => manifest.object)).toEqual([object('a')]);
  });
});

describe('a problem is told with its line', () => {
  test.each<[what: string, text: string, line: number, message: string]>([
    ['a duplicate key', `${pod('a')}---\napiVersion: v1\nkind: Pod\nkind: Node\n`, 7, 'the same key twice'],
    ['a duplicate key in JSON', '{"apiVersion": "v1",\n"kind": "a",\n"kind": "b"}', 3, 'the same key twice'],
    ['no YAML', 'a: [1\nb: 2\n', 2, 'is neither YAML nor JSON'],
    ['a tag that kubectl does not know', 'apiVersion: v1\nkind: !secret x\n', 2, 'Unresolved tag'],
    ['a number', '\n3\n', 2, 'it has no apiVersion and no kind'],
    ['no kind', 'apiVersion: v1\n', 1, 'it has no kind'],
    ['a kind that is no text', 'apiVersion: v1\nkind: [a]\n', 1, 'it has no kind'],
    ['an unknown anchor', 'apiVersion: v1\nkind: Pod\na: *b\n', 1, 'Unresolved alias'],
  ])('%s', async (_what, text, line, message) => {
    const { problems } = await readText(text);
    expect(problems[0]).toMatchObject({ line });
    expect(problems[0]?.message).toContain(message);
  });

  test('and what stands beside it is read', async () => {
    const { manifests, problems } = await readText(`${pod('a')}---\nkind: 3\n---\n${pod('b')}`);
    expect(manifests.map((manifest) => manifest.object)).toEqual([object('a'), object('b')]);
    expect(problems).toHaveLength(1);
  });

  test('and without one for text that is not UTF-8', async () => {
    expect(await readText(new Uint8Array([0xff, 0xfe, 0x61]))).toEqual({
      manifests: [],
      problems: [{ file: 'file', message: 'is not text in UTF-8' }],
    });
  });
});

describe('limits', () => {
  test('refuse aliases that would fill the memory', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const lines = names.map((name, index) => {
      const of = index === 0 ? '1' : `*${names[index - 1]}`;
      return `${name}: &${name} [${Array(9).fill(of).join(',')}]`;
    });
    const { manifests, problems } = await readText(`apiVersion: v1\nkind: X\n${lines.join('\n')}\n`);
    expect(manifests).toEqual([]);
    expect(problems[0]?.message).toContain('aliases');
  });

  test('refuse deep nesting without falling over', async () => {
    const { manifests, problems } = await readText(`a: ${'['.repeat(50_000)}${']'.repeat(50_000)}`);
    expect(manifests).toEqual([]);
    expect(problems.length).toBeGreaterThan(0);
  });

  test('refuse a file that is too large, before it is parsed', async () => {
    const { problems } = await readText(' '.repeat(MANIFEST_LIMITS.fileBytes + 1));
    expect(problems).toEqual([{ file: 'file', message: 'has more than 8 MiB: split it' }]);
  });

  test('name the first object that is too many', async () => {
    const { manifests, problems } = await readText(
      Array.from({ length: MANIFEST_LIMITS.objects + 2 }, () => 'apiVersion: v1\nkind: X\n').join('---\n'),
    );
    expect(manifests).toHaveLength(MANIFEST_LIMITS.objects);
    expect(problems).toMatchObject([{ line: 3 * MANIFEST_LIMITS.objects + 1 }]);
  }, 30_000);

  test('name the first file that is too many', async () => {
    for (let index = 0; index <= MANIFEST_LIMITS.files; index += 1)
      await write(`f${10_000 + index}.yaml`, '');
    const { problems } = await readManifests([root]);
    expect(problems).toMatchObject([{ file: join(root, `f${10_000 + MANIFEST_LIMITS.files}.yaml`) }]);
  });
});

describe('paths', () => {
  const names = async (...paths: string[]) => {
    const { manifests, problems } = await readManifests(paths);
    expect(problems).toEqual([]);
    return manifests.map(({ object: { metadata } }) => (metadata as { name: string }).name);
  };

  test('of folders stand for their manifests, also below, by name and without hidden ones', async () => {
    await write('b.yml', pod('b'));
    await write('a/z.YAML', pod('z'));
    await write('c.json', JSON.stringify(object('c')));
    await write('notes.txt', 'no manifest');
    await write('.git/d.yaml', pod('hidden'));
    await write('.e.yaml', pod('hidden'));
    expect(await names(root)).toEqual(['z', 'b', 'c']);
  });

  test('of files may have any name, and are read once', async () => {
    const path = await write('policy.txt', pod('a'));
    const other = await write('sub/b.yaml', pod('b'));
    expect(await names(path, `${root}/./policy.txt`, other, root)).toEqual(['a', 'b']);
  });

  test('of folders leave out documents of another trade; named files do not', async () => {
    const path = await write('values.yaml', 'replicas: 3\n');
    await write('list.json', '[1]');
    expect(await readManifests([root])).toEqual({ manifests: [], problems: [] });
    expect((await readManifests([path])).problems).toHaveLength(1);
    await write('half.yaml', 'kind: DriftPolicy\n');
    expect((await readManifests([root])).problems).toMatchObject([
      { message: expect.stringContaining('no apiVersion') },
    ]);
  });

  test('that lead nowhere are problems, and the others are read', async () => {
    const path = await write('a.yaml', pod('a'));
    await mkdir(join(root, 'empty'));
    const { manifests, problems } = await readManifests([
      join(root, 'missing.yaml'),
      join(root, 'empty'),
      path,
    ]);
    expect(manifests).toHaveLength(1);
    expect(problems).toEqual([
      { file: join(root, 'missing.yaml'), message: 'does not exist' },
      { file: join(root, 'empty'), message: 'is a folder without *.yaml, *.yml or *.json files' },
    ]);
  });

  test('of links to files are followed, as in a mounted ConfigMap; links to folders are not, as they may go in circles', async () => {
    await write('..data/a.yaml', pod('a'));
    await symlink('..data/a.yaml', join(root, 'a.yaml'));
    await symlink('.', join(root, 'circle.yaml'));
    expect(await names(root)).toEqual(['a']);
  });

  test('of a link that leads nowhere are a problem', async () => {
    await symlink('missing', join(root, 'a.yaml'));
    expect((await readManifests([root])).problems).toHaveLength(1);
  });

  test('may be - for standard input', async () => {
    const chunks = [Buffer.from(pod('a')), `---\n${pod('b')}`];
    const { manifests } = await readManifests(
      ['-', '-'],
      ReadableStream.from(chunks) as AsyncIterable<string>,
    );
    expect(manifests).toEqual([
      { file: '-', line: 1, object: object('a') },
      { file: '-', line: 5, object: object('b') },
    ]);
  });

  test('report input that breaks off', async () => {
    const broken = new ReadableStream<string>({
      start: (controller) => controller.error(new Error('connection reset')),
    });
    expect((await readManifests(['-'], broken as AsyncIterable<string>)).problems).toEqual([
      { file: '-', message: 'cannot be read: connection reset' },
    ]);
  });
});
