// Single failures, slow disks, emptied folders and successors: nothing that was confirmed is lost, and it is said what to do.
import { describe, expect, it } from 'vitest';
import type { Journal } from '../../../src/detect/journal/journal.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { append, JournalBench, left, ownerId, settle } from './journal-support.ts';
import { encodeRecord } from '../../../src/detect/journal/record.ts';
import { detection } from './support.ts';

async function withTwo(bench: JournalBench): Promise<Journal> {
  const journal = await bench.open();
  expect([await append(journal, 1), await append(journal, 2)]).toEqual(['stored', 'stored']);
  return journal;
}

describe('one failure', () => {
  it.each([1, 2])(
    'of %s fsyncs is made up for in a new segment or rejects the append: nothing confirmed is lost',
    async (failures) => {
      for (let seed = 0; seed < 40; seed++) {
        const bench = new JournalBench();
        const journal = await withTwo(bench);
        bench.disk.failingSyncs = failures;
        const third = await append(journal, 3);
        expect(third).toBe(failures === 1 ? 'stored' : 'Failed');
        await bench.clock.advance(3_000);
        expect(await append(journal, 4)).toBe('stored');
        bench.disk.crash(seededRandom(seed));
        const found = await bench.leftBehind();
        expect(found).toEqual(expect.arrayContaining(third === 'stored' ? [1, 2, 3, 4] : [1, 2, 4]));
      }
    },
  );

  it('of a group that says what is settled is made up for, too', async () => {
    const bench = new JournalBench({ maxBytes: 256 * 1024, segmentBytes: 700 });
    const journal = await withTwo(bench);
    const more = Array.from({ length: 12 }, (_, n) => n + 3);
    for (const n of more) await append(journal, n);
    settle(journal, 2);
    bench.disk.failingSyncs = 3;
    await bench.clock.advance(1_000);
    expect(journal.check.reason()).toContain('EIO');
    bench.disk.failingSyncs = 0;
    await bench.clock.advance(3_000);
    expect(await append(journal, 20)).toBe('stored');
    expect(bench.segments[0]).toMatch(/^00000001/);
    bench.mount.kill();
    expect(await bench.leftBehind()).toEqual([1, ...more, 20]);
  });

  it('makes the journal write nothing more to that file', async () => {
    const bench = new JournalBench();
    const journal = await withTwo(bench);
    const [failed] = bench.segments;
    bench.disk.failingSyncs = 1;
    const names = new Set<string>();
    await append(journal, 3);
    bench.disk.onStep = ({ operation, name }) => void (operation === 'append' && names.add(name));
    await append(journal, 4);
    expect(names.size).toBe(1);
    expect(names).not.toContain(failed);
    // Nor does it rely on what was brought to the disk before.
    const [name = ''] = names;
    for (const n of [1, 2, 3, 4]) expect(bench.disk.text(name)).toContain(detection(n).summary.id);
  });

  it.each([1, 2, 3])(
    'of syncing the directory while a generation starts, %s times, loses nothing that comes after',
    async (failures) => {
      for (let seed = 0; seed < 60; seed++) {
        const bench = new JournalBench({ maxBytes: 256 * 1024, segmentBytes: 700 });
        const journal = await withTwo(bench);
        for (const n of [3, 4, 5, 6]) await append(journal, n);
        settle(journal, 2, 3, 4, 5);
        let compacted = false;
        bench.disk.onStep = ({ operation, stage, name }) => {
          if (operation !== 'rename' || stage !== 'after' || !name.startsWith('00000002')) return;
          bench.disk.onStep = () => {};
          bench.disk.failingSyncs = failures;
          compacted = true;
        };
        await bench.clock.advance(1_000);
        expect(compacted).toBe(true);
        bench.disk.failingSyncs = 0;
        await bench.clock.advance(3_000);
        expect(await append(journal, 7)).toBe('stored');
        bench.disk.crash(seededRandom(seed));
        expect(await bench.leftBehind()).toEqual(expect.arrayContaining([1, 6, 7]));
      }
    },
  );

  it('of reading the owner leaves open whether the append is kept, and rejects it', async () => {
    const bench = new JournalBench();
    const journal = await withTwo(bench);
    bench.disk.onStep = ({ operation, stage }) => {
      if (operation === 'read' && stage === 'before') throw Object.assign(new Error('EIO'), { code: 'EIO' });
    };
    expect(await append(journal, 3)).toBe('Failed');
    bench.disk.onStep = () => {};
    await bench.clock.advance(3_000);
    expect(await append(journal, 4)).toBe('stored');
    expect(await bench.leftBehind()).toEqual(expect.arrayContaining([1, 2, 4]));
  });
});

describe('a disk that is slow', () => {
  it('is a clear state after 10 s without an answer, and takes again when it answers', async () => {
    const bench = new JournalBench();
    const journal = await withTwo(bench);
    const answer = Promise.withResolvers<undefined>();
    bench.disk.onStep = async ({ operation }) => void (operation === 'append' && (await answer.promise));
    const third = append(journal, 3);
    await bench.clock.advance(9_000);
    expect(journal.check.reason()).toBeUndefined();
    const fourth = append(journal, 4);
    await bench.clock.advance(2_000);
    expect(journal.check.reason()).toMatch(/has not answered for 11 s/);
    expect(await append(journal, 5)).toBe('Failed');
    answer.resolve(undefined);
    expect(await Promise.all([third, fourth])).toEqual(['stored', 'stored']);
    expect(journal.check.reason()).toBeUndefined();
    expect(await append(journal, 5)).toBe('stored');
  });
});

describe('a folder that somebody emptied', () => {
  it('takes nothing until the process is started again', async () => {
    const bench = new JournalBench();
    const journal = await withTwo(bench);
    for (const name of bench.names()) await bench.disk.mount().remove(name);
    expect(await append(journal, 3)).toBe('Failed');
    await bench.clock.advance(30_000);
    expect(journal.check.reason()).toMatch(/missing \(ENOENT\).*If files were removed, restart this process/);
    expect(await append(await bench.open(), 4)).toBe('stored');
    expect(await append(journal, 5)).not.toBe('stored');
  });
});

describe('a full disk', () => {
  it('is not said to work as long as a detection does not fit, though an empty file does', async () => {
    const bench = new JournalBench();
    const journal = await bench.open();
    bench.disk.capacity = bench.disk.used + 100;
    expect(await append(journal, 1)).toBe('NoSpace');
    await bench.clock.advance(30_000);
    expect(journal.check.reason()).toContain('ENOSPC');
    expect(bench.log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  it('of its own is let go of by replaying, without room for anything new', async () => {
    const bench = new JournalBench();
    const first = await bench.open();
    for (let n = 1; n <= 50; n++) await append(first, n);
    bench.mount.kill();
    bench.disk.capacity = bench.disk.used;
    const journal = await bench.open();
    expect(left(journal)).toHaveLength(50);
    expect(await append(journal, 51)).toBe('NoSpace');
    // No file could be made, but what is settled makes room for it.
    bench.disk.capacity += 100;
    settle(journal, ...left(journal));
    await bench.clock.advance(3_000);
    bench.disk.capacity = 40_000;
    await bench.clock.advance(3_000);
    expect(await append(journal, 51)).toBe('stored');
    expect(await bench.leftBehind()).toEqual([51]);
  });
});

describe('a process that was taken over', () => {
  it('keeps nothing any more, says so, and stays so', async () => {
    const bench = new JournalBench();
    const old = await withTwo(bench);
    const successor = await bench.open();
    expect(left(successor)).toEqual([1, 2]);
    expect(await append(old, 3)).toBe('TakenOver');
    settle(old, 1);
    await bench.clock.advance(600_000);
    expect(await append(old, 4)).toBe('TakenOver');
    expect(old.check.reason()).toMatch(/taken over by another process.*give each its own/);
    await old.close();
    expect(await append(successor, 5)).toBe('stored');
    expect(await bench.leftBehind()).toEqual([1, 2, 5]);
  });

  it('rejects all that waits', async () => {
    const bench = new JournalBench();
    const old = await withTwo(bench);
    await bench.open();
    expect(await Promise.all([3, 4, 5].map((n) => append(old, n)))).toEqual(Array(3).fill('TakenOver'));
    expect(bench.clock.pending).toBe(0);
  });

  it('while the disk was read-only finds what another one left, and keeps that for the next start', async () => {
    const bench = new JournalBench();
    await withTwo(bench);
    bench.disk.readOnly = true;
    const journal = await bench.open();
    settle(journal, 1);
    const [segment = ''] = bench.segments;
    const line = encodeRecord({ detection: detection(7) });
    bench.disk.put(segment, bench.disk.text(segment) + line);
    bench.disk.put('owner', `${ownerId(500)}\n`);
    bench.disk.readOnly = false;
    await bench.clock.advance(3_000);
    expect(left(journal)).toEqual([2, 7]);
    expect(await append(journal, 8)).toBe('stored');
    expect(await bench.leftBehind()).toEqual([2, 7, 8]);
  });
});
