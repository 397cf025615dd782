// A process or the machine dies at each single step on the disk: what was confirmed is pending afterwards, once and in order.
import { describe, expect, it } from 'vitest';
import type { Journal } from '../../../src/detect/journal/journal.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { append, JournalBench, left, settle } from './journal-support.ts';

/** How it dies. */
type Death = { of: 'process' } | { of: 'machine'; seed: number };

const SIZES = { maxBytes: 256 * 1024, segmentBytes: 700 };
const DEATHS: Death[] = [
  { of: 'process' },
  ...Array.from({ length: 12 }, (_, seed) => ({ of: 'machine' as const, seed })),
];

/** What the world was told. */
interface Told {
  confirmed: Set<number>;
  settled: Set<number>;
  /** Settled, and written to the disk by a group that was confirmed later. */
  settledForGood: Set<number>;
}

/** Groups, rotations, removals, a compaction, a failed fsync: each kind of step is in it. */
async function work(bench: JournalBench, journal: Journal, told: Told): Promise<void> {
  const add = async (...numbers: number[]) => {
    const settledBefore = [...told.settled];
    const ends = numbers.map(async (n) => (await append(journal, n)) === 'stored' && told.confirmed.add(n));
    await Promise.all(ends);
    for (const n of settledBefore) told.settledForGood.add(n);
  };
  const end = (...numbers: number[]) => {
    for (const n of numbers) told.settled.add(n);
    settle(journal, ...numbers);
  };
  await add(1, 2);
  await add(3);
  end(1);
  await add(4, 5, 6);
  end(3);
  await add(7);
  bench.disk.failingSyncs = 1;
  await add(8, 9);
  end(4, 5, 6, 7);
  await add(10, 11);
  end(8, 9, 10);
  await add(12);
  await add(13);
}

/** Lets the world end at step `at`; resolves to false if it did not come to that. */
async function dies(
  bench: JournalBench,
  at: number,
  death: Death,
  run: () => Promise<void>,
): Promise<boolean> {
  const dead = Promise.withResolvers<true>();
  let steps = 0;
  bench.disk.onStep = () => {
    if (++steps !== at) return;
    if (death.of === 'process') bench.mount.kill();
    else bench.disk.crash(seededRandom(death.seed * 1_000 + at));
    dead.resolve(true);
  };
  const died = await Promise.race([dead.promise, run().then(() => false)]);
  bench.disk.onStep = () => {};
  bench.disk.failingSyncs = 0;
  return died;
}

function expectKept(journal: Journal, { confirmed, settled, settledForGood }: Told): void {
  const found = left(journal);
  expect(found).toEqual(expect.arrayContaining([...confirmed].filter((n) => !settled.has(n))));
  expect(found).toEqual([...new Set(found)].toSorted((a, b) => a - b));
  expect(found.filter((n) => settledForGood.has(n))).toEqual([]);
  expect(journal.check.reason()).toBeUndefined();
}

function nothingTold(): Told {
  return { confirmed: new Set(), settled: new Set(), settledForGood: new Set() };
}

describe.each(DEATHS)('when the $of dies', (death) => {
  it('at any step of its work, what was confirmed is there', async () => {
    let at = 1;
    for (let died = true; died; at++) {
      const bench = new JournalBench(SIZES);
      const told = nothingTold();
      const journal = await bench.open();
      died = await dies(bench, at, death, () => work(bench, journal, told));
      expectKept(await bench.open(), told);
    }
    expect(at).toBeGreaterThan(60);
  });

  it('at any step of opening, which reads, takes over, compacts and removes, what was confirmed is there', async () => {
    let at = 1;
    for (let died = true; died; at++) {
      const bench = new JournalBench(SIZES);
      const told = nothingTold();
      await work(bench, await bench.open(), told);
      bench.disk.failingSyncs = 0;
      const [segment = ''] = bench.segments;
      bench.disk.put(segment, `damaged\n${bench.disk.text(segment)}`);
      died = await dies(bench, at, death, async () => void (await bench.open()));
      const next = await bench.open();
      expectKept(next, told);
      // The damage was kept however often it was begun.
      expect(bench.disk.text(`${segment}.damaged`)).toBe('damaged\n');
    }
    expect(at).toBeGreaterThan(20);
  });
});

describe('when it dies again and again', () => {
  it('at each start, a step later each time, nothing that was confirmed is lost', async () => {
    const bench = new JournalBench(SIZES);
    const told = nothingTold();
    await work(bench, await bench.open(), told);
    bench.disk.failingSyncs = 0;
    for (let at = 1; at < 40; at++) {
      const death: Death = at % 2 === 0 ? { of: 'process' } : { of: 'machine', seed: at };
      await dies(bench, at, death, async () => void (await bench.open()));
    }
    expectKept(await bench.open(), told);
  });
});
