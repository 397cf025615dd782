// Folders of evidence and manifests that anybody may have made: verification names every difference, reads nothing
// outside of the folder, and prints nothing that a terminal would obey.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type * as FilePromises from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { vi } from 'vitest';
import { command } from '../../src/commands/evidence.ts';
import { parseManifest } from '../../src/evidence/manifest.ts';
import { verifyManifest, type Difference } from '../../src/evidence/verify.ts';
import { createDirectoryStore } from '../../src/evidence/directory-store.ts';
import { fileOf, SUBJECT } from '../unit/evidence/fakes.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { fuzz } from './support/fuzz.ts';
import { mutationsOf } from './support/mutate.ts';
import { oddText, type Json } from './support/noise.ts';
import { damage, onWire } from './support/wire.ts';

/** Directories that were read from, as they really are, since the last reset. */
const touched = vi.hoisted(() => ({ directories: [] as string[] }));
vi.mock('node:fs/promises', async (importOriginal) => {
  const real = await importOriginal<typeof FilePromises>();
  const noting =
    <A extends unknown[], R>(work: (path: string, ...rest: A) => R, parent: (path: string) => string) =>
    async (path: string, ...rest: A) => {
      touched.directories.push(await real.realpath(parent(path)).catch(() => ''));
      return work(path, ...rest);
    };
  // The last part of a path is opened without following links.
  return {
    ...real,
    open: noting(real.open, dirname),
    readdir: noting(real.readdir as never, (path) => path),
  };
});

const SECRET = 'a secret beside the folder';
const SECRET_HASH = createHash('sha256').update(SECRET).digest('hex');
const KINDS = ['missing', 'extra', 'changed', 'invalid'];
// What a terminal obeys, and what hides or reorders text.
const UNSAFE = /[\p{Cc}\p{Cf}\u2028\u2029]/u;

const base = await realBundle();
const hostilePaths = [
  '../outside/secret',
  '/etc/passwd',
  'api/../../outside/secret',
  'link/secret',
  'link',
  'outside/secret',
  'manifest.json',
  'api//pod.json',
  './api/pod.json',
  'API/pod.json',
  '.hidden',
  '..',
  'a'.repeat(513),
];
const manifest = fc
  .tuple(
    mutationsOf([base.manifest, pointing(base.manifest)], 3, {
      path: hostilePaths,
      size: [SECRET.length, 0, -1, 2 ** 53],
      sha256: [SECRET_HASH, 'x'],
    }),
    fc.oneof(
      { weight: 4, arbitrary: fc.constant({ kind: 'none' } as const) },
      { weight: 1, arbitrary: damage },
    ),
  )
  .map(([document, how]) => onWire(document, how));

const place = fc.oneof(
  fc.constantFrom('api', 'api/pod.json', 'logs', 'link', 'manifest.json', 'manifest.dsse.json', 'new'),
  // A name in the folder, never the folder itself or what it lies in.
  oddText.map((text) => text.replaceAll(/[/\0]|^\.{0,2}$/g, '_').slice(0, 60)),
);
const target = fc.constantFrom('../outside', '../outside/secret', '/etc/passwd', '.', '..', 'api', 'nowhere');
const change = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), place, text: oddText }),
  fc.record({ kind: fc.constant('directory' as const), place }),
  fc.record({ kind: fc.constant('link' as const), place, target }),
  fc.record({ kind: fc.constant('remove' as const), place }),
  fc.record({
    kind: fc.constant('bytes' as const),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 20 }),
    directory: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('deep' as const), levels: fc.constantFrom(3, 50) }),
);
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

fuzz({
  name: 'evidence',
  promise: 'any folder is verified without leaving it, and every difference is named',
  input: fc.record({
    changes: fc.array(change, { maxLength: 4 }),
    rewritten: fc.oneof(fc.constant(undefined), manifest),
  }),
  check: async ({ changes, rewritten }, seen) => {
    const root = realpathSync(mkdtempSync(join(tmpdir(), 'fuzz-evidence-')));
    try {
      const folder = lay(root, changes, rewritten);
      touched.directories.length = 0;
      const differences = await verifyManifest(folder);
      assertInside(folder);
      assertNamed(folder, differences);
      for (const { kind } of differences) seen(kind);
      if (differences.length === 0) seen('whole');
      assertPrintable(await printed(folder));
    } finally {
      rmSync(root, { recursive: true });
    }
  },
  reaches: [...KINDS, 'whole'],
});

/** Lays the folder out, with a secret beside it. */
function lay(root: string, changes: readonly Change[], rewritten: Uint8Array | undefined): string {
  mkdirSync(join(root, 'outside'));
  writeFileSync(join(root, 'outside', 'secret'), SECRET);
  const folder = join(root, 'folder');
  for (const [path, content] of base.files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  if (rewritten) writeFileSync(join(folder, 'manifest.json'), rewritten);
  for (const each of changes) {
    try {
      apply(folder, each);
    } catch (error) {
      // Not every change fits what the others left.
      assert.ok(error instanceof Error && 'code' in error, String(error));
    }
  }
  return folder;
}

function apply(folder: string, how: Change): void {
  switch (how.kind) {
    case 'write':
      return writeFileSync(join(folder, how.place), how.text, { flag: 'wx' });
    case 'directory':
      mkdirSync(join(folder, how.place));
      return;
    case 'link':
      rmSync(join(folder, how.place), { recursive: true, force: true });
      return symlinkSync(how.target, join(folder, how.place));
    case 'remove':
      return rmSync(join(folder, how.place), { recursive: true });
    case 'bytes': {
      const name = Buffer.from(how.bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x80 : byte)));
      const path = Buffer.concat([Buffer.from(`${folder}/`), name]);
      if (how.directory) mkdirSync(path);
      else writeFileSync(path, 'x', { flag: 'wx' });
      return;
    }
    case 'deep':
      return deepen(folder, how.levels);
  }
}

/** Directories below each other, with a longer path than the system takes at once. */
function deepen(folder: string, levels: number): void {
  const before = process.cwd();
  try {
    process.chdir(folder);
    for (let level = 0; level < levels; level++) {
      mkdirSync('d'.repeat(100));
      process.chdir('d'.repeat(100));
    }
  } finally {
    process.chdir(before);
  }
}

function assertInside(folder: string): void {
  const left = touched.directories.filter(
    (path) => path !== '' && path !== folder && !path.startsWith(`${folder}/`),
  );
  assert.deepEqual(left, [], 'something outside of the folder was read');
}

/** Nothing is said of what is outside, and a folder that is said to be whole is. */
function assertNamed(folder: string, differences: readonly Difference[]): void {
  for (const { kind, detail } of differences) {
    assert.ok(KINDS.includes(kind), kind);
    assert.ok(
      !detail.includes(SECRET_HASH.slice(0, 16)) || !detail.includes('has SHA-256 ' + SECRET_HASH),
      detail,
    );
  }
  if (differences.length > 0) return;
  const listed = new Map(
    parseManifest(readFileSync(join(folder, 'manifest.json'))).files.map((file) => [file.path, file]),
  );
  for (const path of filesIn(folder)) {
    if (path === 'manifest.json') continue;
    const content = readFileSync(join(folder, path));
    const { size, sha256 } = listed.get(path) ?? {};
    assert.deepEqual(
      [size, sha256],
      [content.length, createHash('sha256').update(content).digest('hex')],
      path,
    );
    listed.delete(path);
  }
  assert.equal(listed.size, 0, 'a listed file is missing');
}

function filesIn(folder: string, prefix = ''): string[] {
  return readdirSync(join(folder, prefix)).flatMap((name) => {
    const path = join(prefix, name);
    const stats = lstatSync(join(folder, path));
    assert.ok(stats.isFile() || stats.isDirectory(), `${path} is a link or a special file`);
    return stats.isDirectory() ? filesIn(folder, path) : [path];
  });
}

/** What `die-operator evidence verify` prints. */
async function printed(folder: string): Promise<string> {
  const lines: string[] = [];
  const stdout = vi.spyOn(process.stdout, 'write').mockImplementation((text) => lines.push(String(text)) > 0);
  try {
    await command().parseAsync(['verify', folder], { from: 'user' });
  } finally {
    stdout.mockRestore();
    process.exitCode = undefined;
  }
  return lines.join('');
}

function assertPrintable(text: string): void {
  for (const line of text.trimEnd().split('\n'))
    assert.ok(!UNSAFE.test(line), `prints ${JSON.stringify(line)}`);
}

/** A bundle as a store makes it. */
async function realBundle(): Promise<{ files: Map<string, Buffer>; manifest: Json }> {
  const root = mkdtempSync(join(tmpdir(), 'fuzz-bundle-'));
  const store = createDirectoryStore({ root, clock: new VirtualClock(), version: '1' });
  const bundle = await store.open(SUBJECT);
  await bundle.add(fileOf('api/pod.json', '{"a":1}'));
  await bundle.add(fileOf('logs/app/current.log', 'a line\n'));
  const { location } = await bundle.finish();
  const files = new Map(filesIn(location).map((path) => [path, readFileSync(join(location, path))]));
  rmSync(root, { recursive: true });
  return { files, manifest: JSON.parse(String(files.get('manifest.json'))) as Json };
}

/** The manifest with an entry that has size and hash of the secret. */
function pointing(whole: Json): Json {
  const { files, ...rest } = whole as { files: { [key: string]: Json }[] };
  return {
    ...rest,
    files: [...files, { ...files[0], path: 'link/secret', size: SECRET.length, sha256: SECRET_HASH }],
  };
}
