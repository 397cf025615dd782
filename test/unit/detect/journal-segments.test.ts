// The files of a journal come and go: it stays small, and what is needed is always in one of them.
import { describe, expect, it } from 'vitest';
import type { Journal } from '../../../src/detect/journal/journal.ts';
import { diskError } from '../../support/memory-disk.ts';
import { append, JournalBench, left, settle } from './journal-support.ts';
import { detection } from './support.ts';

// Two detections fill a segment.
const TINY = { maxBytes: 256 * 1024, segmentBytes: 700 };

async function appendAll(journal: Journal, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n++) expect(await append(journal, n)).toBe('stored');
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, n) => from + n);
}

/** Writes what was settled, and removes what can be. */
async function flush(bench: JournalBench): Promise<void> {
  await bench.clock.advance(1_000);
}

describe('the segments of a journal', () => {
  it('are followed by a new one when they are full', async () => {
    const bench = new JournalBench(TINY);
    const journal = await bench.open();
    await appendAll(journal, 1, 8);
    expect(bench.segments.length).toBeGreaterThanOrEqual(4);
    expect(Math.max(...bench.disk.files().map(({ bytes }) => bytes))).toBeLessThanOrEqual(TINY.segmentBytes);
    expect(journal.bytes).toBe(bench.disk.used - bench.disk.text('owner').length);
    expect(await bench.leftBehind()).toEqual(numbers(1, 8));
  });

  it('go, the oldest first, when all in them is settled', async () => {
    const bench = new JournalBench({ ...TINY, segmentBytes: 3_000 });
    const journal = await bench.open();
    await appendAll(journal, 1, 60);
    const [oldest = '', second = '', third = ''] = bench.segments;
    const numbersIn = (name: string) =>
      numbers(1, 60).filter((n) => bench.disk.text(name).includes(detection(n).summary.id));
    const inOldest = numbersIn(oldest);
    const inSecond = numbersIn(second);
    const removed: string[] = [];
    bench.disk.onStep = ({ operation, stage, name }) => {
      if (operation === 'remove' && stage === 'before') removed.push(name);
    };
    settle(journal, ...inSecond, ...inOldest.slice(8));
    await flush(bench);
    expect(removed).toEqual([]);
    settle(journal, ...inOldest);
    await flush(bench);
    expect(removed).toEqual([oldest, second]);
    expect(bench.segments[0]).toBe(third);
  });

  it('are synced in their directory one by one, so that no record outlives its settling', async () => {
    const bench = new JournalBench(TINY);
    const journal = await bench.open();
    await appendAll(journal, 1, 8);
    const operations: string[] = [];
    bench.disk.onStep = ({ operation, stage }) => {
      if (stage === 'after') operations.push(operation);
    };
    settle(journal, ...numbers(1, 7));
    await flush(bench);
    const removals = operations.flatMap((operation, at) =>
      operation === 'remove' ? [operations[at + 1]] : [],
    );
    expect(removals.length).toBeGreaterThan(2);
    expect(new Set(removals)).toEqual(new Set(['syncDirectory']));
  });

  it('are rewritten when one detection that waits long holds up the rest', async () => {
    const bench = new JournalBench(TINY);
    const journal = await bench.open();
    await appendAll(journal, 1, 40);
    const full = journal.bytes;
    settle(journal, ...numbers(2, 40));
    await flush(bench);
    expect(journal.bytes).toBeLessThan(full / 10);
    expect(bench.segments).toHaveLength(1);
    expect(await bench.leftBehind()).toEqual([1]);
  });

  it('stay below twice what is pending, and two segments, whatever is settled in whatever order', async () => {
    const bench = new JournalBench(TINY);
    const journal = await bench.open();
    for (let n = 1; n <= 300; n++) {
      expect(await append(journal, n)).toBe('stored');
      if (n > 10 && n % 25 !== 0) settle(journal, n - 10);
    }
    await flush(bench);
    const pending = numbers(1, 300).filter((n) => n > 290 || (n + 10) % 25 === 0);
    expect(journal.bytes).toBeLessThan(2 * pending.length * 400 + 2 * TINY.segmentBytes);
    expect(await bench.leftBehind()).toEqual(pending);
  });

  it('are one empty file after all is settled and a process opens it again', async () => {
    const bench = new JournalBench(TINY);
    const journal = await bench.open();
    await appendAll(journal, 1, 20);
    settle(journal, ...numbers(1, 20));
    await journal.close();
    const next = await bench.open();
    expect(left(next)).toEqual([]);
    expect(bench.names()).toHaveLength(2);
    expect(next.bytes).toBe(0);
  });

  it('that cannot be removed do no harm, and go when they can', async () => {
    const bench = new JournalBench(TINY);
    const journal = await bench.open();
    await appendAll(journal, 1, 10);
    const before = bench.segments.length;
    bench.disk.onStep = ({ operation, stage }) => {
      if (operation === 'remove' && stage === 'before') throw diskError('EIO');
    };
    settle(journal, ...numbers(1, 10));
    await flush(bench);
    expect(await append(journal, 11)).toBe('stored');
    expect(journal.check.reason()).toBeUndefined();
    expect(bench.log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    expect(bench.segments.length).toBeGreaterThanOrEqual(before);
    bench.disk.onStep = () => {};
    await bench.clock.advance(60_000);
    expect(bench.segments).toHaveLength(1);
    expect(await bench.leftBehind()).toEqual([11]);
  });
});

async function fill(journal: Journal): Promise<number> {
  for (let n = 1; ; n++) {
    const ending = await append(journal, n);
    if (ending === 'stored') continue;
    expect(ending).toBe('Full');
    return n - 1;
  }
}

describe('the cap of a journal', () => {
  const SMALL = { maxBytes: 64 * 1024 };

  it('refuses what comes beyond it, and says so in the check', async () => {
    const bench = new JournalBench(SMALL);
    const journal = await bench.open();
    const stored = await fill(journal);
    expect(stored).toBeGreaterThan(50);
    expect(journal.bytes).toBeLessThanOrEqual(SMALL.maxBytes);
    expect(journal.check.reason()).toMatch(/is full: \d+ of at most 65536 bytes, \d+ detections.*API server/);
    expect(await bench.leftBehind()).toEqual(numbers(1, stored));
  });

  it('counts what waits for the disk, too', async () => {
    const bench = new JournalBench(SMALL);
    const journal = await bench.open();
    const endings = await Promise.all(numbers(1, 500).map((n) => append(journal, n)));
    expect(new Set(endings)).toEqual(new Set(['stored', 'Full']));
    expect(journal.bytes).toBeLessThanOrEqual(SMALL.maxBytes);
  });

  it('takes again when detections have their outcome, even if the oldest waits', async () => {
    const bench = new JournalBench(SMALL);
    const journal = await bench.open();
    const stored = await fill(journal);
    settle(journal, ...numbers(2, stored));
    await flush(bench);
    expect(journal.check.reason()).toBeUndefined();
    expect(await append(journal, 1_000)).toBe('stored');
    expect(await bench.leftBehind()).toEqual([1, 1_000]);
  });

  it('takes again although cleaning up failed at first', async () => {
    const bench = new JournalBench(SMALL);
    const journal = await bench.open();
    const stored = await fill(journal);
    bench.disk.onStep = ({ operation, stage }) => {
      if (operation === 'remove' && stage === 'before') throw diskError('EIO');
    };
    settle(journal, ...numbers(1, stored));
    await flush(bench);
    expect(await append(journal, 1_000)).toBe('Full');
    bench.disk.onStep = () => {};
    await bench.clock.advance(60_000);
    expect(await append(journal, 1_000)).toBe('stored');
  });

  it('warns when it is near', async () => {
    const bench = new JournalBench({ maxBytes: 1024 * 1024 });
    const journal = await bench.open();
    await Promise.all(numbers(1, 2_000).map((n) => append(journal, n)));
    expect(journal.bytes).toBeLessThan(0.8 * 1024 * 1024);
    expect(journal.check.warning?.()).toBeUndefined();
    for (let n = 2_001; journal.bytes < 0.81 * 1024 * 1024; n++) await append(journal, n);
    expect(journal.check.reason()).toBeUndefined();
    expect(journal.check.warning?.()).toMatch(/\d+ of at most 1048576 bytes are taken/);
  });

  it('that was lowered keeps what is there', async () => {
    const bench = new JournalBench();
    const journal = await bench.open();
    await Promise.all(numbers(1, 1_000).map((n) => append(journal, n)));
    const next = await bench.open({ maxBytes: 64 * 1024 });
    expect(left(next)).toEqual(numbers(1, 1_000));
    expect(await append(next, 2_000)).toBe('Full');
  });
});
