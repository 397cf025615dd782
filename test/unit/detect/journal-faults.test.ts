// Disks that are full, read-only, broken or slow: each is a clear state, loses nothing that was confirmed, and heals.
import { describe, expect, it } from 'vitest';
import type { Journal } from '../../../src/detect/journal/journal.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { append, JournalBench, left, settle } from './journal-support.ts';

interface Fault {
  start(bench: JournalBench): void;
  end(bench: JournalBench): void;
}

const FULL: Fault = {
  start: ({ disk }) => (disk.capacity = disk.used),
  end: ({ disk }) => (disk.capacity = Infinity),
};
const FULL_HALFWAY: Fault = {
  start: ({ disk }) => (disk.capacity = disk.used + 150),
  end: ({ disk }) => (disk.capacity = Infinity),
};
const READ_ONLY: Fault = {
  start: ({ disk }) => (disk.readOnly = true),
  end: ({ disk }) => (disk.readOnly = false),
};
const BROKEN: Fault = {
  start: ({ disk }) => (disk.failingSyncs = Infinity),
  end: ({ disk }) => (disk.failingSyncs = 0),
};
const UNMOUNTED: Fault = {
  start: ({ disk }) => (disk.present = false),
  end: ({ disk }) => (disk.present = true),
};

const FAULTS = [
  ['full', FULL, 'NoSpace', /full \(ENOSPC\)\. Free space/],
  ['full in the middle of a record', FULL_HALFWAY, 'NoSpace', /full \(ENOSPC\)/],
  ['read-only', READ_ONLY, 'ReadOnly', /read-only \(EROFS\)\. Mount a writable volume/],
  ['broken: each fsync fails', BROKEN, 'Failed', /EIO.*Check the volume/],
  ['gone', UNMOUNTED, 'Failed', /missing \(ENOENT\)/],
] as const;

async function withTwo(bench: JournalBench): Promise<Journal> {
  const journal = await bench.open();
  expect([await append(journal, 1), await append(journal, 2)]).toEqual(['stored', 'stored']);
  return journal;
}

describe.each(FAULTS)('a disk that is %s', (_, fault, reason, message) => {
  it('rejects appends with the reason, at once from the second on, and says so in the check', async () => {
    const bench = new JournalBench();
    const journal = await withTwo(bench);
    fault.start(bench);
    expect(await append(journal, 3)).toBe(reason);
    expect(journal.check.reason()).toMatch(message);
    let touched = false;
    bench.disk.onStep = () => void (touched = true);
    expect(await append(journal, 4)).toBe(reason);
    expect(touched).toBe(false);
  });

  it('heals by itself within seconds, with all that was confirmed', async () => {
    const bench = new JournalBench();
    const journal = await withTwo(bench);
    fault.start(bench);
    await append(journal, 3);
    await bench.clock.advance(30_000);
    expect(journal.check.reason()).toMatch(message);
    fault.end(bench);
    await bench.clock.advance(3_000);
    expect(journal.check.reason()).toBeUndefined();
    expect([await append(journal, 3), await append(journal, 5)]).toEqual(['stored', 'stored']);
    bench.disk.crash(seededRandom(1));
    expect(await bench.leftBehind()).toEqual([1, 2, 3, 5]);
  });

  it('does not fill the folder or the log while it lasts', async () => {
    const bench = new JournalBench();
    const journal = await withTwo(bench);
    fault.start(bench);
    for (let n = 3; n < 100; n++) {
      await append(journal, n);
      await bench.clock.advance(1_000);
    }
    fault.end(bench);
    expect(bench.names().length).toBeLessThan(5);
    expect(bench.log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    await bench.clock.advance(3_000);
    expect(
      bench.log.lines.filter(({ message: text }) => text === 'the journal is written again'),
    ).toHaveLength(1);
  });

  it('still lets detections be settled, which is written when it heals', async () => {
    const bench = new JournalBench();
    const journal = await withTwo(bench);
    fault.start(bench);
    await append(journal, 3);
    settle(journal, 1);
    await bench.clock.advance(10_000);
    fault.end(bench);
    await bench.clock.advance(4_000);
    bench.disk.crash(seededRandom(1));
    const found = await bench.leftBehind();
    expect(found).toContain(2);
    expect(found).not.toContain(1);
  });

  it('may come between settling and writing that down', async () => {
    const bench = new JournalBench();
    const journal = await withTwo(bench);
    settle(journal, 1);
    fault.start(bench);
    if (fault === FULL_HALFWAY) bench.disk.capacity -= 120;
    await bench.clock.advance(10_000);
    expect(journal.check.reason()).toMatch(message);
    fault.end(bench);
    await bench.clock.advance(4_000);
    expect(journal.check.reason()).toBeUndefined();
    await journal.close();
    expect(await bench.leftBehind()).toEqual([2]);
  });

  it('lets what is pending be replayed when a process starts on it, and heals then', async () => {
    const bench = new JournalBench();
    await withTwo(bench);
    // A folder that is not there at all is an error at open.
    if (fault === UNMOUNTED) return;
    fault.start(bench);
    if (fault === FULL_HALFWAY) bench.disk.capacity -= 150;
    const journal = await bench.open();
    expect(left(journal)).toEqual([1, 2]);
    expect(await append(journal, 3)).toBe(reason);
    settle(journal, 1);
    fault.end(bench);
    await bench.clock.advance(4_000);
    expect(await append(journal, 3)).toBe('stored');
    bench.disk.crash(seededRandom(2));
    expect(await bench.leftBehind()).toEqual([2, 3]);
  });
});
