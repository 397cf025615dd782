// What a journal finds at open, made by crashes, bad disks, other versions and people.
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openJournal } from '../../../src/detect/journal/journal.ts';
import { encodeRecord } from '../../../src/detect/journal/record.ts';
import { diskError, MemoryDisk } from '../../support/memory-disk.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { append, JournalBench, left, ownerId, settle } from './journal-support.ts';
import { detection, RecordingLog } from './support.ts';

const SEGMENT = `00000001-00000001-${ownerId(99)}.journal`;
const LATER = `00000001-00000002-${ownerId(99)}.journal`;

function line(n: number): string {
  return encodeRecord({ detection: detection(n) });
}

function settledLine(n: number): string {
  return encodeRecord({ settled: detection(n).summary.id });
}

/** A bench on which an earlier process left these files. */
function benchWith(files: Record<string, string | Buffer>): JournalBench {
  const bench = new JournalBench();
  for (const [name, content] of Object.entries(files)) bench.disk.put(name, content);
  return bench;
}

describe('a journal that is opened', () => {
  it('is empty in an empty folder', async () => {
    const bench = new JournalBench();
    const journal = await bench.open();
    expect(journal).toMatchObject({ pending: [], records: 0, bytes: 0, damaged: 0, torn: 0 });
    expect(journal.check.name).toBe('journal');
    expect(journal.check.reason()).toBeUndefined();
    expect(journal.check.warning?.()).toBeUndefined();
  });

  it.each<[string, string | Buffer, number[]]>([
    ['has a record and its settling', line(1) + line(2) + settledLine(1), [2]],
    ['has a record twice', line(1) + line(2) + line(1), [2, 1]],
    ['has a settling of something that is gone', settledLine(9) + line(1), [1]],
    ['has a record again after its settling', line(1) + line(2) + settledLine(1) + line(1), [2, 1]],
    ['is empty', '', []],
    ['lacks its last line end only', (line(1) + line(2)).slice(0, -1), [1, 2]],
  ])('reads a segment that %s', async (_, content, expected) => {
    const bench = benchWith({ [SEGMENT]: content });
    const journal = await bench.open();
    expect(left(journal)).toEqual(expected);
    expect(journal).toMatchObject({ damaged: 0, torn: 0, records: expected.length });
    expect(bench.names(/damaged/)).toEqual([]);
    expect(await bench.leftBehind()).toEqual(expected);
  });

  it.each([
    ['a part of a line', Buffer.from(line(2).slice(0, 100))],
    ['zeros', Buffer.alloc(512)],
    ['a part of a line and zeros', Buffer.concat([Buffer.from(line(2).slice(0, 50)), Buffer.alloc(100)])],
  ])('cuts %s off the end of the last segment', async (_, tail) => {
    const bench = benchWith({ [SEGMENT]: Buffer.concat([Buffer.from(line(1)), tail]) });
    const journal = await bench.open();
    expect(left(journal)).toEqual([1]);
    expect(journal).toMatchObject({ torn: 1, damaged: 0 });
    expect(journal.check.warning?.()).toBeUndefined();
    expect(bench.names(/damaged/)).toEqual([]);
  });

  it('sets damaged records aside, byte for byte, and goes on with the others', async () => {
    const damaged = Buffer.from(`${line(2).replace('DIE Binary', 'DIE binary')}\0\xFF garbage\n`, 'latin1');
    const content = Buffer.concat([Buffer.from(line(1)), damaged, Buffer.from(line(3) + settledLine(1))]);
    const bench = benchWith({ [SEGMENT]: content });
    const journal = await bench.open();
    expect(left(journal)).toEqual([3]);
    expect(journal).toMatchObject({ damaged: 2, torn: 0 });
    const kept = bench.disk.mount();
    expect(await kept.read(`${SEGMENT}.damaged`)).toEqual(damaged);
    expect(journal.check.reason()).toBeUndefined();
    expect(journal.check.warning?.()).toContain(`damaged records were set aside in ${SEGMENT}.damaged`);
    // As long as nobody has looked.
    const next = await bench.open();
    expect(next.damaged).toBe(0);
    expect(next.check.warning?.()).toContain(`${SEGMENT}.damaged`);
  });

  it('takes a torn end of a segment that has a successor for damage', async () => {
    const bench = benchWith({ [SEGMENT]: line(1) + line(2).slice(0, 60), [LATER]: line(3) });
    const journal = await bench.open();
    expect(left(journal)).toEqual([1, 3]);
    expect(journal).toMatchObject({ damaged: 1, torn: 0 });
    expect(bench.disk.text(`${SEGMENT}.damaged`)).toBe(line(2).slice(0, 60));
  });

  it('sets damage aside before the segment goes, whatever fails meanwhile', async () => {
    const content = `${line(1)}not a line\n${line(2)}`;
    const bench = benchWith({ [SEGMENT]: content });
    bench.disk.onStep = ({ operation, stage, name }) => {
      if (operation === 'create' && stage === 'before' && name.endsWith('.damaged'))
        throw diskError('ENOSPC');
    };
    const journal = await bench.open();
    expect(left(journal)).toEqual([1, 2]);
    expect(bench.disk.text(SEGMENT)).toBe(content);
    expect(await append(journal, 3)).toBe('NoSpace');
    settle(journal, 1, 2);
    bench.disk.onStep = () => {};
    await bench.clock.advance(3_000);
    expect(bench.disk.text(`${SEGMENT}.damaged`)).toBe('not a line\n');
    expect(bench.segments).not.toContain(SEGMENT);
    expect(await append(journal, 3)).toBe('stored');
  });

  it('reads a file of nothing but line ends in no time and little memory', async () => {
    const bench = benchWith({ [SEGMENT]: '\n'.repeat(1_000_000) + line(1) });
    const journal = await bench.open();
    expect(left(journal)).toEqual([1]);
    expect(journal.damaged).toBe(1_000_000);
  });

  it('ignores segments of a generation that has a successor, and removes them', async () => {
    const newer = `00000002-00000001-${ownerId(98)}.journal`;
    const bench = benchWith({ [SEGMENT]: line(1), [newer]: line(2) });
    expect(left(await bench.open())).toEqual([2]);
    expect(bench.segments).toHaveLength(1);
    expect(bench.segments[0]).toMatch(/^00000003/);
  });

  it('removes drafts that were never finished, and starts a generation above them', async () => {
    const draft = `00000007-00000001-${ownerId(98)}.journal.new`;
    const bench = benchWith({ [SEGMENT]: line(1), [draft]: line(2) });
    expect(left(await bench.open())).toEqual([1]);
    expect(bench.names(/new/)).toEqual([]);
    expect(bench.segments[0]).toMatch(/^00000008/);
  });

  it.each([
    'notes.txt',
    '.journal',
    `1-1-${ownerId(1)}.journal`,
    `${SEGMENT}.bak`,
    '00000001-00000001-x.journal',
  ])('leaves the foreign file %s alone and warns', async (name) => {
    const bench = benchWith({ [name]: line(1) });
    const journal = await bench.open();
    expect(left(journal)).toEqual([]);
    expect(bench.disk.text(name)).toBe(line(1));
    expect(journal.check.reason()).toBeUndefined();
    expect(journal.check.warning?.()).toContain(`${name} is not of the journal`);
  });

  it('shows few names of many, and nothing that deceives', async () => {
    const files = Array.from({ length: 9 }, (_, n) => [`${n}\u202E${'x'.repeat(300)}`, ''] as const);
    const warning = (await benchWith(Object.fromEntries(files)).open()).check.warning?.() ?? '';
    expect(warning).toContain('and 6 more');
    expect(warning).not.toContain('\u202E');
    expect(warning.length).toBeLessThan(600);
  });
});

describe('a journal with records of a newer version', () => {
  const newer = `2 ${crc32('2 {"future":1}').toString(16).padStart(8, '0')} {"future":1}\n`;

  it('touches nothing, takes nothing, and says what to do', async () => {
    const files = { [SEGMENT]: line(1) + newer, [LATER]: line(2) };
    const bench = benchWith(files);
    const journal = await bench.open();
    expect(left(journal)).toEqual([1, 2]);
    expect(journal.check.reason()).toMatch(
      new RegExp(`${SEGMENT}.*Run the newer version.*or move these files away`),
    );
    expect(await append(journal, 3)).toBe('Failed');
    settle(journal, 1, 2);
    await bench.clock.advance(600_000);
    await journal.close();
    expect(bench.clock.pending).toBe(0);
    for (const [name, content] of Object.entries(files)) expect(bench.disk.text(name)).toBe(content);
  });

  it('works when the file is moved away', async () => {
    const bench = benchWith({ [SEGMENT]: newer, [LATER]: line(2) });
    await bench.open();
    await bench.disk.mount().remove(SEGMENT);
    const journal = await bench.open();
    expect(left(journal)).toEqual([2]);
    expect(await append(journal, 3)).toBe('stored');
  });
});

describe('a journal that cannot be opened', () => {
  it('says that the folder is missing and why it is not made', async () => {
    const bench = new JournalBench();
    bench.disk.present = false;
    await expect(bench.open()).rejects.toThrow(
      /journal at memory: .* missing \(ENOENT\)\. Check that the volume is mounted/,
    );
    expect(bench.clock.pending).toBe(0);
  });

  it.each(['EIO', 'EACCES'])('says so when a segment cannot be read: %s', async (code) => {
    const bench = benchWith({ [SEGMENT]: line(1) });
    bench.disk.onStep = ({ operation, name }) => {
      if (operation === 'read' && name === SEGMENT) throw diskError(code);
    };
    await expect(bench.open()).rejects.toMatchObject({
      name: 'JournalError',
      message: expect.stringContaining(code),
    });
    bench.disk.onStep = () => {};
    expect(await bench.leftBehind()).toEqual([1]);
  });

  it.each(['', '.new'])('refuses a segment%s with a number that none could follow', async (ending) => {
    const strange = `99999999-00000001-${ownerId(9)}.journal${ending}`;
    const bench = benchWith({ [SEGMENT]: line(1), [strange]: line(2) });
    await expect(bench.open()).rejects.toThrow(/above 99000000.*move it away/);
    expect(bench.disk.text(strange)).toBe(line(2));
  });

  it('gives up when files vanish for ever', async () => {
    const bench = benchWith({ [SEGMENT]: line(1) });
    bench.disk.onStep = ({ operation, name, stage }) => {
      if (operation === 'read' && stage === 'before' && name === SEGMENT) throw diskError('ENOENT');
    };
    await expect(bench.open()).rejects.toThrow(/files vanish while they are read/);
  });

  it.each(['', 'short', 'G'.repeat(32), `${ownerId(1)}\n`])(
    'refuses %j as the id of an owner',
    async (owner) => {
      const options = {
        disk: new MemoryDisk().mount(),
        clock: new VirtualClock(),
        log: new RecordingLog(),
        owner,
      };
      await expect(openJournal(options)).rejects.toThrow(RangeError);
    },
  );
});
