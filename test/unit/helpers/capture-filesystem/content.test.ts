// Reads of single files: what they are, and what happens when they are changed, replaced or unreadable meanwhile.
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  lstatSync,
  openSync,
  renameSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { contentKind } from '../../../../src/helpers/programs/capture/content-kind.ts';
import { readContent, type Content, type Reading } from '../../../../src/helpers/programs/capture/content.ts';
import { IS_ROOT, run, temporary } from './trees.ts';

let folder: ReturnType<typeof temporary>;
let fd = -1;
beforeEach(() => {
  folder = temporary();
  fd = openSync(folder.path, 'r');
});
afterEach(() => {
  closeSync(fd);
  folder.remove();
});

const READING: Reading = { maxFileBytes: 1_000_000, isOver: () => false, did: async () => {} };
const path = (name = 'x') => join(folder.path, name);

/** Reads a file; `between` runs after it was looked at and before it is opened. */
async function read(reading: Partial<Reading> = {}, between?: () => void): Promise<Content> {
  const seen = lstatSync(path(), { bigint: true });
  between?.();
  return readContent(fd, 'x', seen, { ...READING, ...reading });
}

describe('a file', () => {
  test('is hashed, all of it', async () => {
    const content = Buffer.alloc(700_001, 'abc');
    writeFileSync(path(), content);
    const sha256 = createHash('sha256').update(content).digest('hex');
    expect(await read()).toEqual({ kind: 'Other', sha256 });
  });

  test('that was replaced by a link after it was looked at is not read', async () => {
    writeFileSync(path(), 'x');
    const content = await read({}, () => {
      unlinkSync(path());
      symlinkSync('/etc/passwd', path());
    });
    expect(content).toEqual({ problem: 'could not be read: ELOOP' });
  });

  test('that was replaced by another file, or is gone, is not read', async () => {
    writeFileSync(path(), 'x');
    const other = () => {
      writeFileSync(path('y'), 'y');
      renameSync(path('y'), path());
    };
    expect((await read({}, other)).problem).toMatch(/it was replaced/);
    expect((await read({}, () => unlinkSync(path()))).problem).toMatch(/ENOENT/);
  });

  test('that was replaced by a pipe does not block, and is not read', async () => {
    writeFileSync(path(), 'x');
    const pipe = () => {
      unlinkSync(path());
      run('mkfifo', path());
    };
    expect((await read({}, pipe)).problem).toMatch(/it was replaced/);
  });

  test('that grows while it is read has no hash', async () => {
    writeFileSync(path(), Buffer.alloc(400_000));
    const did = async () => appendFileSync(path(), 'more');
    expect(await read({ did })).toEqual({
      kind: 'Other',
      problem: 'not hashed: it changed while it was read',
    });
  });

  test('that grows without an end is read to the limit', async () => {
    writeFileSync(path(), Buffer.alloc(400_000));
    let bytes = 0;
    const did: Reading['did'] = async (work) => {
      bytes += work.bytes;
      appendFileSync(path(), Buffer.alloc(work.bytes * 2));
    };
    expect((await read({ did })).sha256).toBeUndefined();
    expect(bytes).toBeLessThan(1_600_000);
  });

  test('that is written over with as many bytes while it is read has no hash', async () => {
    writeFileSync(path(), Buffer.alloc(400_000));
    const did = async () => writeFileSync(path(), Buffer.alloc(400_000, 'x'), { flag: 'r+' });
    expect((await read({ did })).problem).toMatch(/changed while/);
  });

  test('that is sparse and has a terabyte is not read, and is known by its first bytes', async () => {
    writeFileSync(path(), '#!/bin/sh\n');
    truncateSync(path(), 2 ** 40);
    expect(await read()).toEqual({ kind: 'Script', problem: 'not hashed: it has more than 1000000 bytes' });
  });

  test('has no hash once the time is over', async () => {
    writeFileSync(path(), 'x');
    expect((await read({ isOver: () => true })).problem).toMatch(/time was over/);
  });

  test('that may not be read says why', async () => {
    writeFileSync(path(), 'x');
    chmodSync(path(), 0);
    // Nothing keeps root from reading.
    const { problem = 'read' } = await read();
    expect(problem).toBe(IS_ROOT ? 'read' : 'could not be read: EACCES');
  });
});

/** The head of an ELF file. */
function elf(
  type: number,
  programs: readonly number[],
  form: { bits?: 32 | 64; big?: boolean } = {},
): Buffer {
  const { bits = 64, big = false } = form;
  const head = Buffer.alloc(64 + 56 * programs.length);
  head.write('\x7fELF', 'latin1');
  head[4] = bits === 64 ? 2 : 1;
  head[5] = big ? 2 : 1;
  const short = (at: number, value: number) =>
    big ? head.writeUInt16BE(value, at) : head.writeUInt16LE(value, at);
  const word = (at: number, value: number) =>
    big ? head.writeUInt32BE(value, at) : head.writeUInt32LE(value, at);
  short(16, type);
  word(bits === 64 ? (big ? 36 : 32) : 28, 64);
  short(bits === 64 ? 54 : 42, 56);
  short(bits === 64 ? 56 : 44, programs.length);
  programs.forEach((program, index) => word(64 + 56 * index, program));
  return head;
}

const [LOAD, DYNAMIC, INTERPRETER] = [1, 2, 3];
const FORMS = [{}, { bits: 32 }, { big: true }, { bits: 32, big: true }] as const;

describe.each(FORMS)('in the form %j', (form) => {
  test.each([
    ['a program with a fixed address', elf(2, [LOAD], form), 'Elf'],
    ['a program without one', elf(3, [LOAD, DYNAMIC, INTERPRETER], form), 'Elf'],
    ['a library', elf(3, [LOAD, DYNAMIC], form), 'Library'],
    ['a kernel module', elf(1, [], form), 'Library'],
    ['a dump of memory', elf(4, [LOAD], form), 'Other'],
  ])('%s', (_what, head, kind) => expect(contentKind(head)).toBe(kind));
});

describe('what a file is', () => {
  test.each([
    ['a script', Buffer.from('#!/bin/sh'), 'Script'],
    ['a text', Buffer.from('# !/bin/sh'), 'Other'],
    ['nothing', Buffer.of(), 'Other'],
    ['a program whose head is cut', elf(3, [LOAD]).subarray(0, 40), 'Elf'],
    ['one whose table lies outside', elf(3, [LOAD, LOAD]).subarray(0, 100), 'Elf'],
    [
      'one with unknown byte order',
      Buffer.concat([Buffer.from('\x7fELF\x02\x07', 'latin1'), Buffer.alloc(100)]),
      'Elf',
    ],
  ])('%s', (_what, head, kind) => expect(contentKind(head)).toBe(kind));
});
