// A tar of files that change while it is written is whole all the same, and says what changed.
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { extract } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { tarOf, type KeptFile } from '../../../../src/helpers/programs/capture/tar.ts';
import { make, temporary } from './trees.ts';

let folder: ReturnType<typeof temporary>;
let root = -1;
let isOver = false;
const said: string[] = [];
let left = 0;
beforeEach(() => {
  folder = temporary();
  root = openSync(folder.path, 'r');
  isOver = false;
  said.length = 0;
  left = 0;
});
afterEach(() => {
  closeSync(root);
  folder.remove();
});

const GIVEN = {
  isOver: () => isOver,
  changed: ({ name }: KeptFile, why: string) => said.push(`${name} ${why}`),
  left: (files: number) => (left = files),
};

function kept(path: string, number: number): KeptFile {
  const { dev, ino, size } = lstatSync(join(folder.path, path), { bigint: true });
  const sha256 = sha(Buffer.from('x'.repeat(Number(size))));
  return { name: `files/${number}`, root, path: `/${path}`, size: Number(size), sha256, dev, ino };
}

const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Entries of a tar by name. */
async function unpack(tar: AsyncIterable<Uint8Array>): Promise<Map<string, Buffer>> {
  const entries = new Map<string, Buffer>();
  const unpacker = extract();
  const reading = (async () => {
    for await (const entry of unpacker) {
      const parts: Buffer[] = [];
      for await (const part of entry) parts.push(part as Buffer);
      expect(entry.header).toMatchObject({ type: 'file', mode: 0o600, uid: 0 });
      entries.set(entry.header.name, Buffer.concat(parts));
    }
  })();
  for await (const piece of tar) unpacker.write(piece);
  unpacker.end(undefined);
  await reading;
  return entries;
}

const sizes = (entries: Map<string, Buffer>) => [...entries].map(([name, { length }]) => `${name} ${length}`);

describe('a tar', () => {
  test('has the files, larger ones too, by names that are ours', async () => {
    make(folder.path, { a: { b: 'x'.repeat(1_000_001) }, c: 'x' });
    const entries = await unpack(tarOf([kept('a/b', 1), kept('c', 2)], GIVEN));
    expect(sizes(entries)).toEqual(['files/1 1000001', 'files/2 1']);
    expect(said).toEqual([]);
  });

  test('has the size that it began with when a file shrinks, grows or is written over', async () => {
    make(folder.path, { shrinks: 'x'.repeat(900_000), grows: 'x'.repeat(10), other: 'x'.repeat(10) });
    const files = [kept('shrinks', 1), kept('grows', 2), kept('other', 3)];
    appendFileSync(join(folder.path, 'grows'), 'more');
    writeFileSync(join(folder.path, 'other'), 'y'.repeat(10));
    let first = true;
    const given = {
      ...GIVEN,
      isOver: () => {
        // After the first piece was read.
        if (!first) truncateSync(join(folder.path, 'shrinks'), 300_000);
        first = false;
        return false;
      },
    };
    const entries = await unpack(tarOf(files, given));
    expect(sizes(entries)).toEqual(['files/1 900000', 'files/2 10', 'files/3 10']);
    expect(said).toEqual([
      'files/1 was changed after it was listed: cut or filled up',
      'files/2 was changed after it was listed: cut or filled up',
      'files/3 was changed after it was listed: another content',
    ]);
  });

  test('leaves out what is gone, or something else by now', async () => {
    make(folder.path, { gone: 'x', link: 'x', d: { moved: 'x' }, stays: 'x' });
    const files = [kept('gone', 1), kept('link', 2), kept('d/moved', 3), kept('stays', 4)];
    unlinkSync(join(folder.path, 'gone'));
    unlinkSync(join(folder.path, 'link'));
    symlinkSync('stays', join(folder.path, 'link'));
    renameSync(join(folder.path, 'd'), join(folder.path, 'away'));
    symlinkSync('away', join(folder.path, 'd'));
    expect(sizes(await unpack(tarOf(files, GIVEN)))).toEqual(['files/4 1']);
    expect(said).toEqual([
      'files/1 is not in the tar: ENOENT',
      'files/2 is not in the tar: ELOOP',
      expect.stringMatching(/^files\/3 is not in the tar: (ENOTDIR|ELOOP)$/),
    ]);
  });

  test('ends whole when the time is over', async () => {
    make(folder.path, { a: 'x'.repeat(600_000), b: 'x' });
    let asked = 0;
    const given = { ...GIVEN, isOver: () => (asked += 1) > 2 };
    expect(sizes(await unpack(tarOf([kept('a', 1), kept('b', 2)], given)))).toEqual(['files/1 600000']);
    expect(said).toEqual(['files/1 was changed after it was listed: cut or filled up']);
    expect(left).toBe(1);
  });

  test('leaves nothing open when its reader goes away', async () => {
    make(folder.path, { a: 'x'.repeat(5_000_000) });
    const before = readdirSync('/proc/self/fd').length;
    for await (const piece of tarOf([kept('a', 1)], GIVEN)) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
    expect(readdirSync('/proc/self/fd')).toHaveLength(before);
  });

  test('of nothing is an empty one', async () => expect((await unpack(tarOf([], GIVEN))).size).toBe(0));
});
