// Traps that somebody in a container can set for whoever reads its files.
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  renameSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FileChangeSchema } from '../../../../src/api/file-change.ts';
import { changeLine } from '../../../../src/helpers/programs/capture/changes.ts';
import {
  asNobody,
  at,
  CAN_WHITEOUT,
  changesOf,
  device,
  IS_ROOT,
  make,
  nest,
  NOBODY,
  run,
  temporary,
} from './trees.ts';

let folder: ReturnType<typeof temporary>;
beforeEach(() => (folder = temporary()));
afterEach(() => folder.remove());
const upper = () => join(folder.path, 'upper');
const inUpper = (...names: string[]) => join(upper(), ...names);

/** What changes how a terminal shows the rest. */
function isControl(character: string): boolean {
  const code = character.charCodeAt(0);
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code === 0x202e;
}

describe('somebody in the container', () => {
  test('gets nothing read or entered that is no file and no directory', async () => {
    make(upper(), {
      shadow: { link: '/etc/shadow' },
      folder: { link: '/etc' },
      loop: { link: 'loop' },
      up: { link: '..' },
    });
    run('mkfifo', inUpper('pipe'));
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(inUpper('socket'), resolve));
    if (IS_ROOT && CAN_WHITEOUT) device(inUpper('null'), 1, 3);
    const { changes, problems } = await changesOf(upper());
    await new Promise((resolve) => server.close(resolve));
    const types = Object.fromEntries(changes.map(({ path, type }) => [path, type]));
    expect(types).toEqual({
      '/folder': 'Symlink',
      '/loop': 'Symlink',
      ...(IS_ROOT && CAN_WHITEOUT ? { '/null': 'CharDevice' } : {}),
      '/pipe': 'Fifo',
      '/shadow': 'Symlink',
      '/socket': 'Socket',
      '/up': 'Symlink',
    });
    expect(changes.every(({ sha256 }) => sha256 === undefined)).toBe(true);
    expect(problems).toEqual([]);
  });

  test('may name files in any bytes', async () => {
    const names = [
      '..a',
      '...',
      'a\nb',
      '\u001b[2J\u001b]0;x\u0007',
      '\u202etxt.exe',
      '%2e%2e%2f',
      '-rf',
      '$(id)\'"',
      '\u009b31m',
    ];
    mkdirSync(upper());
    for (const name of names) writeFileSync(inUpper(name), 'x');
    const raw = Buffer.from('caf\xe9\xff', 'latin1');
    writeFileSync(Buffer.concat([Buffer.from(`${upper()}/`), raw]), 'x');
    const { changes } = await changesOf(upper());
    expect(changes.map(({ path }) => path).filter((path) => !path.includes('\uFFFD'))).toEqual(
      expect.arrayContaining(names.map((name) => `/${name}`)),
    );
    const broken = changes.find(({ pathBase64 }) => pathBase64 !== undefined);
    expect(Buffer.from(broken?.pathBase64 ?? '', 'base64')).toEqual(Buffer.concat([Buffer.from('/'), raw]));
    for (const change of changes) {
      expect(change.sha256).toHaveLength(64);
      const line = changeLine(change);
      expect(line.trimEnd().split('').filter(isControl)).toEqual([]);
      expect(FileChangeSchema.parse(JSON.parse(line))).toEqual(change);
    }
  });

  test('may have a file of a terabyte, thousands of names for one file, and times of no calendar', async () => {
    make(upper(), { big: '', one: 'x', when: 'x' });
    truncateSync(inUpper('big'), 2 ** 40);
    mkdirSync(inUpper('links'));
    for (let n = 0; n < 5_000; n += 1) linkSync(inUpper('one'), inUpper('links', `${n}`));
    utimesSync(inUpper('when'), 0, 99_999_999_999);
    let reads = 0;
    const { changes } = await changesOf(upper(), {
      keep: () => ({ kept: `files/${(reads += 1)}` }),
    });
    expect(at(changes, '/big')).toMatchObject({
      size: 2 ** 40,
      problem: expect.stringMatching(/not hashed/),
    });
    const links = changes.filter(({ links: count }) => count === 5_001);
    expect(new Set(links.map(({ kept, inode, sha256 }) => `${kept} ${inode} ${sha256}`)).size).toBe(1);
    expect(links).toHaveLength(5_001);
    // The file with its many names, and `when`.
    expect(reads).toBe(2);
    for (const change of changes) expect(FileChangeSchema.safeParse(change).success).toBe(true);
  });

  test('may nest directories deeper than anybody goes: what lies deeper is counted', async () => {
    mkdirSync(upper());
    nest(upper(), 'd', 600);
    const { changes, problems } = await changesOf(upper());
    expect(changes).toHaveLength(512);
    expect(problems).toEqual(['1 directories lie deeper than 512 and were not entered']);
  });

  test('may make paths longer than the kernel takes: they are counted', async () => {
    mkdirSync(upper());
    nest(upper(), 'n'.repeat(250), 20);
    const { changes, problems } = await changesOf(upper());
    expect(changes).toHaveLength(15);
    expect(problems).toEqual([expect.stringMatching(/^1 entries have paths of more than/)]);
  });

  test('may swap a directory for a link while it is read: it is not entered', async () => {
    make(upper(), { a: { x: 'x' }, b: 'b' });
    const outside = make(join(folder.path, 'outside'), { secret: 'x' });
    const swap = () => {
      if (existsSync(join(folder.path, 'away'))) return {};
      renameSync(inUpper('a'), join(folder.path, 'away'));
      symlinkSync(outside, inUpper('a'));
      return {};
    };
    // `b` is read after `a` was looked at, and before that is entered.
    const { changes, problems } = await changesOf(upper(), { keep: swap });
    expect(lstatSync(inUpper('a')).isSymbolicLink()).toBe(true);
    expect(changes.map(({ path }) => path)).toEqual(['/a', '/b']);
    expect(problems).toEqual([
      expect.stringMatching(/^1 directories could not be read: "\/a" \((ENOTDIR|ELOOP)\)/),
    ]);
  });

  test('may move a directory elsewhere while it is read: nothing above it is reached', async () => {
    make(upper(), { a: { deep: { x: 'x' } } });
    const keep = () => {
      renameSync(inUpper('a', 'deep'), join(folder.path, `moved`));
      return {};
    };
    const { changes } = await changesOf(upper(), { keep });
    expect(changes.map(({ path }) => path)).toEqual(['/a', '/a/deep', '/a/deep/x']);
  });

  test('may make more entries than are read: the limit is told once, with where', async () => {
    make(upper(), { a: { x: '', y: '', z: '' }, b: { x: '' }, c: '' });
    const { changes, problems } = await changesOf(upper(), { maxEntries: 5 });
    expect(changes.slice(0, 3).map(({ path }) => path)).toEqual(['/a', '/b', '/c']);
    // Which of the three names are read is up to the filesystem.
    const two = changes.slice(3).map(({ path }) => path);
    expect(two).toHaveLength(2);
    expect(two).toEqual(['/a/x', '/a/y', '/a/z'].filter((path) => two.includes(path)));
    expect(problems).toEqual([expect.stringMatching(/limit of 5 entries was met: 2 directories .* "\/a"/)]);
  });

  test('may make reading last: it ends when the time is over', async () => {
    make(upper(), { a: 'x', b: 'x', c: 'x' });
    const time = new AbortController();
    const keep = () => {
      time.abort();
      return {};
    };
    const { changes, problems } = await changesOf(upper(), { signal: time.signal, keep });
    expect(changes).toHaveLength(1);
    expect(problems).toEqual(['the time was over before everything was read']);
  });

  test('may write to a file that is read', async () => {
    make(upper(), { a: 'x', log: 'x'.repeat(300_000) });
    let done = false;
    const signal = {
      get aborted() {
        if (!done) appendFileSync(inUpper('log'), 'x');
        return done;
      },
    } as AbortSignal;
    const { changes } = await changesOf(upper(), { signal });
    done = true;
    expect(at(changes, '/log')).toMatchObject({ problem: 'not hashed: it changed while it was read' });
  });

  test('may make things unreadable', async () => {
    make(upper(), { closed: { x: 'x' }, file: 'x' });
    if (IS_ROOT) run('chown', '-R', `${NOBODY}`, folder.path);
    chmodSync(inUpper('closed'), 0);
    chmodSync(inUpper('file'), 0);
    const { changes, problems } = await asNobody(() => changesOf(upper()));
    chmodSync(inUpper('closed'), 0o755);
    expect(at(changes, '/file').problem).toMatch(/EACCES/);
    expect(problems).toEqual([expect.stringMatching(/"\/closed" \(EACCES\)/)]);
  });
});
