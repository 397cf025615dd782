// The journal in a real folder, and a real process that is killed.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDirectoryDisk } from '../../../src/detect/journal/directory-disk.ts';
import type { JournalDisk } from '../../../src/detect/journal/disk.ts';
import { openJournal, type Journal } from '../../../src/detect/journal/journal.ts';
import { systemClock } from '../../../src/kube/clock.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { append, left, ownerId } from './journal-support.ts';
import { RecordingLog } from './support.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'journal-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function open(owner: number): Promise<Journal> {
  const log = new RecordingLog();
  return openJournal({ disk: createDirectoryDisk(folder), clock: systemClock, log, owner: ownerId(owner) });
}

const bytes = (text: string) => Buffer.from(text);

// The double in memory must do what the real one does, or what is tested on it says nothing.
describe.each<[string, () => JournalDisk]>([
  ['a folder', () => createDirectoryDisk(folder)],
  ['the double in memory', () => new MemoryDisk().mount()],
])('%s as the disk of a journal', (_, make) => {
  it('makes, extends, renames and removes files', async () => {
    const disk = make();
    await disk.create('a', bytes('one'));
    await disk.append('a', bytes(' two'));
    await disk.syncDirectory();
    expect((await disk.read('a')).toString()).toBe('one two');
    expect(await disk.list()).toEqual([{ name: 'a', bytes: 7 }]);
    await disk.rename('a', 'b');
    await expect(disk.read('a')).rejects.toMatchObject({ code: 'ENOENT' });
    await disk.remove('b');
    expect(await disk.list()).toEqual([]);
  });

  it('overwrites a file with a shorter or longer one', async () => {
    const disk = make();
    for (const text of ['middle', 'a longer text', 'short']) {
      await disk.overwrite('owner', bytes(text));
      expect((await disk.read('owner')).toString()).toBe(text);
    }
  });

  it.each<[string, string, (disk: JournalDisk) => Promise<unknown>]>([
    ['making what is there', 'EEXIST', (disk) => disk.create('there', bytes(''))],
    ['extending what is not there', 'ENOENT', (disk) => disk.append('gone', bytes('x'))],
    ['reading what is not there', 'ENOENT', (disk) => disk.read('gone')],
    ['removing what is not there', 'ENOENT', (disk) => disk.remove('gone')],
    ['renaming what is not there', 'ENOENT', (disk) => disk.rename('gone', 'other')],
  ])('rejects %s with %s', async (_what, code, act) => {
    const disk = make();
    await disk.create('there', bytes('1'));
    await expect(act(disk)).rejects.toMatchObject({ code });
    expect((await disk.read('there')).toString()).toBe('1');
  });

  it('replaces the target of a rename', async () => {
    const disk = make();
    await disk.create('a', bytes('a'));
    await disk.create('b', bytes('b'));
    await disk.rename('a', 'b');
    expect((await disk.read('b')).toString()).toBe('a');
    expect(await disk.list()).toHaveLength(1);
  });
});

describe('a journal in a folder', () => {
  it('keeps detections from one process to the next, for its user only', async () => {
    const first = await open(1);
    expect(await Promise.all([1, 2, 3].map((n) => append(first, n)))).toEqual(['stored', 'stored', 'stored']);
    await first.close();
    for (const name of await readdir(folder))
      expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
    const second = await open(2);
    expect(left(second)).toEqual([1, 2, 3]);
    expect(await append(first, 4)).toBe('Closed');
    await second.close();
  });

  it('passes from a process that lives to the next', async () => {
    const first = await open(1);
    await append(first, 1);
    const second = await open(2);
    expect(await append(first, 2)).toBe('TakenOver');
    expect(await append(second, 3)).toBe('stored');
    await Promise.all([first.close(), second.close()]);
  });

  it('lets folders and links be: a new volume has lost+found', async () => {
    await mkdir(join(folder, 'lost+found'));
    await writeFile(join(folder, 'target'), '');
    await symlink(join(folder, 'target'), join(folder, `00000009-00000001-${ownerId(9)}.journal`));
    const journal = await open(1);
    expect(journal.check.warning?.()).toContain('target');
    expect(journal.check.warning?.()).not.toContain('lost+found');
    expect(await append(journal, 1)).toBe('stored');
    expect(await readFile(join(folder, 'target'), 'utf8')).toBe('');
    await journal.close();
  });

  it.each([
    ['that is missing', () => join(folder, 'missing'), /missing \(ENOENT\)/],
    ['that is a file', () => join(folder, 'file'), /missing \(ENOTDIR\)/],
  ])('is not opened in a folder %s', async (_, path, message) => {
    await writeFile(join(folder, 'file'), '');
    const options = { clock: systemClock, log: new RecordingLog(), owner: ownerId(1) };
    await expect(openJournal({ ...options, disk: createDirectoryDisk(path()) })).rejects.toThrow(message);
  });
});

interface Life {
  stored: number[];
  settled: number[];
}

/** Starts a process that appends from that number on, and kills it some milliseconds after its first words. */
async function liveAndDie(from: number, afterMs: number): Promise<Life> {
  const script = join(import.meta.dirname, 'journal-appender.ts');
  const child = spawn(process.execPath, [script, folder, String(from)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const chunks: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    child.once('close', () => reject(new Error('the process ended by itself')));
    child.stdout.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      resolve();
    });
  });
  await sleep(afterMs);
  child.kill('SIGKILL');
  await ended;
  const lines = Buffer.concat(chunks).toString().split('\n').slice(0, -1);
  const numbersOf = (word: string) =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => Number(line.slice(word.length)));
  return { stored: numbersOf('stored'), settled: numbersOf('settled') };
}

describe('a process that is killed while it appends', () => {
  it('leaves every detection that it told to be safe, through ten lives', async () => {
    const expected = new Set<number>();
    let confirmed = 0;
    for (let life = 0; life < 10; life++) {
      const { stored, settled } = await liveAndDie(1_000_000 * (life + 1), Math.floor(Math.random() * 80));
      for (const n of stored) expected.add(n);
      for (const n of settled) expected.delete(n);
      confirmed += stored.length;
    }
    const journal = await open(1);
    expect(left(journal)).toEqual(expect.arrayContaining([...expected]));
    expect(journal.damaged).toBe(0);
    // It was at work when it died.
    expect(confirmed).toBeGreaterThan(20);
    await journal.close();
  }, 60_000);
});
