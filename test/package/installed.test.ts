// The package as a user gets it: packed, installed into an empty folder, and started.
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
/** npm may have to fetch what is not in its cache. */
const INSTALL_MS = 300_000;
const run = promisify(execFile);

let folder: string;
let packed: string[];
let program: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'package-'));
  const pack = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: ROOT });
  const [description] = JSON.parse(pack.stdout.slice(pack.stdout.indexOf('['))) as [
    { filename: string; files: { path: string }[] },
  ];
  packed = description.files.map((file) => file.path);
  const tarball = join(folder, description.filename);
  await writeFile(join(folder, 'package.json'), '{ "private": true }');
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  await run('npm', ['install', '--omit=dev', '--ignore-scripts', ...quiet, tarball], { cwd: folder });
  program = join(folder, 'node_modules/.bin/die-operator');
}, INSTALL_MS);
afterAll(() => rm(folder, { recursive: true, force: true }));

test('holds the program, CRDs, examples and the documents about it, and nothing else', () => {
  const parts = new Set(packed.map((path) => path.split('/')[0]));
  const allowed = [
    'bin',
    'dist',
    'config',
    'crds',
    'examples',
    'LICENSE',
    'README.md',
    'CHANGELOG.md',
    'package.json',
  ];
  expect([...parts].filter((part) => !allowed.includes(part ?? ''))).toEqual([]);
  expect(packed).toEqual(expect.arrayContaining(['bin/die-operator.js', 'dist/cli.js', 'LICENSE']));
});

test('holds no source', () => {
  expect(packed.filter((path) => path.endsWith('.ts'))).toEqual([]);
});

test('lists its verbs', async () => {
  const { stdout, stderr } = await run(program, ['--help'], { cwd: folder });
  const verbs = ['run', 'demo', 'evidence'];
  expect(verbs.filter((verb) => !new RegExp(`^ +${verb}\\b`, 'm').test(stdout))).toEqual([]);
  expect(stderr).toBe('');
});

test('knows its version', async () => {
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  expect((await run(program, ['--version'], { cwd: folder })).stdout.trim()).toBe(version);
});

test('loads every verb with nothing but its own dependencies', async () => {
  const commands = await readdir(join(folder, 'node_modules/die-operator/dist/commands'), {
    withFileTypes: true,
  });
  const verbs = commands.filter((entry) => entry.isFile()).map((entry) => entry.name.replace('.js', ''));
  expect(verbs).toContain('run');
  for (const verb of verbs) {
    const { stdout } = await run(program, [verb, '--help'], { cwd: folder });
    expect(stdout).toContain(`die-operator ${verb}`);
  }
});
