// Appending and settling on a disk that works.
import { describe, expect, it } from 'vitest';
import { drain } from '../../support/virtual-clock.ts';
import { append, JournalBench, left, settle } from './journal-support.ts';
import { detection } from './support.ts';

/** A bench on which the disk stops before the given step until it is let go. */
function holding(
  bench: JournalBench,
  operation: string,
  stage: string,
): { reached: Promise<void>; go: () => void } {
  const reached = Promise.withResolvers<undefined>();
  const go = Promise.withResolvers<undefined>();
  bench.disk.onStep = async (step) => {
    if (step.operation !== operation || step.stage !== stage) return;
    reached.resolve(undefined);
    await go.promise;
  };
  return { reached: reached.promise, go: () => go.resolve(undefined) };
}

/** Counts operations on the disk from now on. */
function counting(bench: JournalBench): Record<string, number> {
  const counts: Record<string, number> = {};
  bench.disk.onStep = ({ operation, stage }) => {
    if (stage === 'after') counts[operation] = (counts[operation] ?? 0) + 1;
  };
  return counts;
}

describe('an append', () => {
  it('is pending for the next process, with all that was in it', async () => {
    const bench = new JournalBench();
    const journal = await bench.open();
    const whole = { ...detection(1, { podUid: 'uid', namespace: 'shop' }), tags: ['drift'] };
    await journal.append(whole);
    expect(journal.pending).toEqual([]);
    expect((await bench.open()).pending).toEqual([whole]);
  });

  it.each([
    ['append', 'before', 'nothing is written'],
    ['append', 'written', 'it is written and not synced'],
    ['read', 'before', 'it is not known whose the journal is'],
  ])('does not resolve while the disk is at "%s, %s": %s', async (operation, stage) => {
    const bench = new JournalBench();
    const journal = await bench.open();
    const held = holding(bench, operation, stage);
    let done = false;
    const appended = journal.append(detection(1)).then(() => (done = true));
    await held.reached;
    await drain();
    expect(done).toBe(false);
    held.go();
    await appended;
    expect(done).toBe(true);
  });

  it('shares the next fsync with all that come while one is under way', async () => {
    const bench = new JournalBench();
    const journal = await bench.open();
    const held = holding(bench, 'append', 'written');
    const first = append(journal, 1);
    await held.reached;
    const others = Array.from({ length: 99 }, (_, n) => append(journal, n + 2));
    const counts = counting(bench);
    held.go();
    expect(new Set(await Promise.all([first, ...others]))).toEqual(new Set(['stored']));
    expect(counts).toEqual({ append: 2, read: 2 });
    expect(await bench.leftBehind()).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
  });

  it('shares one fsync with those of the same turn', async () => {
    const bench = new JournalBench();
    const journal = await bench.open();
    const counts = counting(bench);
    await Promise.all([1, 2, 3].map((n) => journal.append(detection(n))));
    expect(counts).toEqual({ append: 1, read: 1 });
  });

  it('is split into groups, so that no fsync waits for more than a MiB', async () => {
    const bench = new JournalBench({ maxBytes: 256 * 1024 * 1024 });
    const journal = await bench.open();
    const sizes: number[] = [];
    const before = journal.bytes;
    bench.disk.onStep = ({ operation, stage }) => {
      if (operation === 'append' && stage === 'before') sizes.push(journal.bytes - before);
    };
    await Promise.all(Array.from({ length: 6_000 }, (_, n) => append(journal, n)));
    const groups = sizes.map((size, n) => size - (sizes[n - 1] ?? 0));
    expect(groups.length).toBeGreaterThan(1);
    expect(Math.max(...groups)).toBeLessThan(1024 * 1024 + 1_000);
  });

  it('of a detection that is there already writes nothing', async () => {
    const bench = new JournalBench();
    const journal = await bench.open();
    const both = [journal.append(detection(1)), journal.append(detection(1))];
    await Promise.all(both);
    const { bytes } = journal;
    await journal.append(detection(1));
    expect(journal).toMatchObject({ records: 1, bytes });
    const next = await bench.open();
    const counts = counting(bench);
    await next.append(detection(1));
    expect(counts).toEqual({});
    expect(await bench.leftBehind()).toEqual([1]);
  });

  it('is refused when its form is not the one that is read back, and harms no other', async () => {
    const bench = new JournalBench();
    const journal = await bench.open();
    const wrong = detection(1);
    wrong.summary.rule = 'r'.repeat(1_000);
    const ends = [journal.append(wrong), journal.append(detection(2))];
    await expect(ends[0]).rejects.toMatchObject({
      reason: 'Failed',
      message: expect.stringContaining(wrong.summary.id),
    });
    await ends[1];
    expect(journal.check.reason()).toBeUndefined();
    expect(await bench.leftBehind()).toEqual([2]);
  });
});

describe('a detection that is settled', () => {
  it('is gone for the next process, once the next group is written', async () => {
    const bench = new JournalBench();
    const journal = await bench.open();
    await Promise.all([1, 2, 3].map((n) => append(journal, n)));
    settle(journal, 1, 3);
    expect(journal.records).toBe(1);
    await append(journal, 4);
    expect(await bench.leftBehind()).toEqual([2, 4]);
  });

  it('is written within a second when nothing else comes', async () => {
    const bench = new JournalBench();
    const journal = await bench.open();
    await append(journal, 1);
    settle(journal, 1);
    await bench.clock.advance(1_000);
    expect(bench.clock.pending).toBe(0);
    bench.disk.crash(() => 0);
    expect(await bench.leftBehind()).toEqual([]);
  });

  it('may be pending again when the process dies before that', async () => {
    const bench = new JournalBench();
    const journal = await bench.open();
    await append(journal, 1);
    settle(journal, 1);
    bench.mount.kill();
    expect(await bench.leftBehind()).toEqual([1]);
  });

  it('resolves its append at once, and is not written when it still waits', async () => {
    const bench = new JournalBench();
    const journal = await bench.open();
    const held = holding(bench, 'append', 'before');
    const first = append(journal, 1);
    await held.reached;
    const second = append(journal, 2);
    settle(journal, 1, 2);
    expect(await Promise.all([first, second])).toEqual(['stored', 'stored']);
    held.go();
    await journal.close();
    expect(bench.segments.map((name) => bench.disk.text(name)).join('')).not.toContain(
      detection(2).summary.id,
    );
    expect(await bench.leftBehind()).toEqual([]);
  });

  it('is kept when it comes again, behind those that came before', async () => {
    const bench = new JournalBench();
    const journal = await bench.open();
    await Promise.all([1, 2].map((n) => append(journal, n)));
    settle(journal, 1);
    await append(journal, 1);
    expect(await bench.leftBehind()).toEqual([2, 1]);
  });

  it('that the last process left is no longer pending', async () => {
    const bench = new JournalBench();
    const first = await bench.open();
    await Promise.all([1, 2].map((n) => append(first, n)));
    const second = await bench.open();
    expect(left(second)).toEqual([1, 2]);
    settle(second, 1);
    expect(left(second)).toEqual([2]);
    await second.close();
    expect(await bench.leftBehind()).toEqual([2]);
  });

  it('may be one that nobody knows', async () => {
    const bench = new JournalBench();
    const journal = await bench.open();
    settle(journal, 99);
    journal.settle('no id at all');
    expect(bench.clock.pending).toBe(0);
    expect(journal.records).toBe(0);
  });
});

describe('closing', () => {
  it('writes what waits, then takes nothing more and leaves no timer', async () => {
    const bench = new JournalBench();
    const journal = await bench.open();
    await append(journal, 1);
    const waiting = append(journal, 2);
    settle(journal, 1);
    const closed = journal.close();
    expect(await append(journal, 3)).toBe('Closed');
    expect(await waiting).toBe('stored');
    await closed;
    settle(journal, 2);
    expect(bench.clock.pending).toBe(0);
    expect(journal.check.reason()).toContain('closed');
    expect(await bench.leftBehind()).toEqual([2]);
  });

  it('twice is harmless', async () => {
    const journal = await new JournalBench().open();
    await expect(Promise.all([journal.close(), journal.close()])).resolves.toBeDefined();
  });

  it('ends on a disk that fails, with the appends rejected', async () => {
    const bench = new JournalBench();
    const journal = await bench.open();
    const waiting = append(journal, 1);
    bench.disk.failingSyncs = Infinity;
    await journal.close();
    expect(await waiting).toBe('Failed');
    expect(bench.clock.pending).toBe(0);
  });
});
