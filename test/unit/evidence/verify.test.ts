import { execFileSync } from 'node:child_process';
import {
  appendFile,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import type * as FilePromises from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createDirectoryStore } from '../../../src/evidence/directory-store.ts';
import { canonicalJson, parseManifest, sha256 } from '../../../src/evidence/manifest.ts';
import { verifyManifest } from '../../../src/evidence/verify.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { fileOf, SUBJECT } from './fakes.ts';

// Who runs the tests may read everything: what a read fails with, by path.
const failing = vi.hoisted(() => new Map<string, Error>());
vi.mock('node:fs/promises', async (importOriginal) => {
  const real = await importOriginal<typeof FilePromises>();
  const readdir = (path: string, options: never) => {
    const error = failing.get(path);
    return error ? Promise.reject(error) : real.readdir(path, options);
  };
  return { ...real, readdir };
});

let root: string;
let bundle: string;
let manifestSha256: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'verify-'));
  const store = createDirectoryStore({ root, clock: new VirtualClock(), version: '1' });
  const open = await store.open(SUBJECT);
  await open.add(fileOf('api/pod.json', '{"a":1}'));
  await open.add(fileOf('logs/app/current.log', 'x'.repeat(200_000)));
  ({ location: bundle, manifestSha256 } = await open.finish());
});
afterEach(() => {
  failing.clear();
  return rm(root, { recursive: true });
});

const at = (path: string) => join(bundle, path);

describe('verification', () => {
  it('finds nothing in a bundle as it was stored', async () => {
    expect(await verifyManifest(bundle)).toEqual([]);
    expect(await verifyManifest(bundle, manifestSha256)).toEqual([]);
  });

  it.each<[string, () => Promise<unknown>, { path: string; kind: string; detail: RegExp }]>([
    [
      'a byte that was added',
      () => appendFile(at('api/pod.json'), ' '),
      { path: 'api/pod.json', kind: 'changed', detail: /has 8 bytes, not 7/ },
    ],
    [
      'a byte that was changed',
      () => writeFile(at('api/pod.json'), '{"a":2}'),
      { path: 'api/pod.json', kind: 'changed', detail: /has SHA-256 [0-9a-f]{64}, not/ },
    ],
    [
      'a file that was emptied',
      () => writeFile(at('logs/app/current.log'), ''),
      { path: 'logs/app/current.log', kind: 'changed', detail: /has 0 bytes/ },
    ],
    [
      'a file that was removed',
      () => unlink(at('api/pod.json')),
      { path: 'api/pod.json', kind: 'missing', detail: /is in the manifest/ },
    ],
    [
      'a file that was added',
      () => writeFile(at('api/new'), ''),
      { path: 'api/new', kind: 'extra', detail: /is a file that is not/ },
    ],
    [
      'a hidden file',
      () => writeFile(at('.hidden'), ''),
      { path: '.hidden', kind: 'extra', detail: /is a file/ },
    ],
    [
      'a directory that was added',
      () => mkdir(at('new')),
      { path: 'new', kind: 'extra', detail: /is a directory/ },
    ],
    [
      'a link that was added',
      () => symlink('/etc', at('etc')),
      { path: 'etc', kind: 'extra', detail: /link or special file/ },
    ],
    [
      'a pipe, without waiting on it',
      () => pipe(at('pipe')),
      { path: 'pipe', kind: 'extra', detail: /link or special file/ },
    ],
    [
      'a manifest that is gone',
      () => unlink(at('manifest.json')),
      { path: 'manifest.json', kind: 'invalid', detail: /ENOENT/ },
    ],
    [
      'a manifest that is broken',
      () => appendFile(at('manifest.json'), '}'),
      { path: 'manifest.json', kind: 'invalid', detail: /cannot be read/ },
    ],
  ])('names %s', async (_what, tamper, { path, kind, detail }) => {
    await tamper();
    expect(await verifyManifest(bundle)).toEqual([
      {
        path,
        kind,
        layer: path === 'manifest.json' ? 'manifest' : 'file',
        detail: expect.stringMatching(detail),
      },
    ]);
  });

  it('names a file that was replaced by a link to the same content', async () => {
    await rename(at('api/pod.json'), join(root, 'moved'));
    await symlink(join(root, 'moved'), at('api/pod.json'));
    expect(await verifyManifest(bundle)).toEqual([
      {
        path: 'api/pod.json',
        layer: 'file',
        kind: 'changed',
        detail: 'is a link or special file, not a regular file',
      },
    ]);
  });

  it('does not look through a directory that was replaced by a link', async () => {
    await rename(at('api'), join(root, 'moved'));
    await symlink(join(root, 'moved'), at('api'));
    expect(await verifyManifest(bundle)).toMatchObject([
      { path: 'api/pod.json', kind: 'missing' },
      { path: 'api', kind: 'extra' },
    ]);
  });

  // 0x80 is no text: it is read as U+FFFD, which is another name on the way back.
  it('looks into no directory whose name is no text, nor into what has the name that it is read as', async () => {
    await mkdir(Buffer.concat([Buffer.from(`${bundle}/`), Buffer.from([0x80])]));
    expect(await verifyManifest(bundle)).toEqual([
      { path: '\uFFFD', layer: 'file', kind: 'extra', detail: expect.stringMatching(/^is a directory/) },
    ]);
    await symlink(root, at('\uFFFD'));
    expect((await verifyManifest(bundle)).map(({ path, kind }) => `${kind} ${path}`)).toEqual([
      'extra \uFFFD',
    ]);
  });

  it('names a directory that cannot be read, and goes on', async () => {
    await mkdir(at('new'));
    const cause = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
    failing.set(at('new'), cause);
    await writeFile(at('new/inside'), '');
    expect(await verifyManifest(bundle)).toMatchObject([
      {
        path: 'new',
        kind: 'changed',
        detail: 'is a directory that cannot be read: EACCES: permission denied',
      },
      { path: 'new', kind: 'extra' },
    ]);
  });

  it('names every difference, not only the first', async () => {
    await unlink(at('api/pod.json'));
    await writeFile(at('logs/app/current.log'), 'short');
    await writeFile(at('extra'), '');
    const found = await verifyManifest(bundle);
    expect(found.map(({ path, kind }) => `${kind} ${path}`)).toEqual([
      'missing api/pod.json',
      'changed logs/app/current.log',
      'extra extra',
    ]);
  });

  it('sees a manifest that was rewritten with its files only by the hash that is kept elsewhere', async () => {
    const forged = Buffer.from('{"a":2}');
    await writeFile(at('api/pod.json'), forged);
    const manifest = parseManifest(await readFile(at('manifest.json')));
    const files = manifest.files.map((entry) =>
      entry.path === 'api/pod.json' ? { ...entry, sha256: sha256(forged) } : entry,
    );
    await writeFile(at('manifest.json'), canonicalJson({ ...manifest, files }));
    expect(await verifyManifest(bundle)).toEqual([]);
    expect(await verifyManifest(bundle, manifestSha256)).toEqual([
      {
        path: 'manifest.json',
        layer: 'manifest',
        kind: 'invalid',
        detail: expect.stringContaining(`not ${manifestSha256}`),
      },
    ]);
  });

  it('does not read what a forged manifest points to', async () => {
    const manifest = parseManifest(await readFile(at('manifest.json')));
    const files = manifest.files.map((entry) => ({ ...entry, path: `../../../${entry.path}` }));
    await writeFile(at('manifest.json'), canonicalJson({ ...manifest, files }));
    expect(await verifyManifest(bundle)).toMatchObject([
      { kind: 'invalid', detail: expect.stringContaining('safe path') },
    ]);
  });

  it('answers about a directory that is not there', async () => {
    expect(await verifyManifest(join(root, 'nothing'))).toMatchObject([{ kind: 'invalid' }]);
  });
});

function pipe(path: string): Promise<void> {
  execFileSync('mkfifo', [path]);
  return Promise.resolve();
}
