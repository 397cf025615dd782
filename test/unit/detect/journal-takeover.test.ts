// Two and three processes on one journal, step by step in every order.
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../support/seeded-random.ts';
import { append, JournalBench, left, settle, type Ending } from './journal-support.ts';

/** Which process goes on, out of the numbers of those that can. */
type Choose = (ready: readonly number[]) => number;

const TINY = { maxBytes: 128 * 1024, segmentBytes: 700 };

/** Lets one process at a time do one operation on the disk. */
class Steps {
  readonly #waiting = new Map<number, () => void>();
  taken = 0;

  constructor(bench: JournalBench) {
    bench.disk.onStep = ({ mount, stage }) =>
      stage === 'after' ? undefined : new Promise((resolve) => this.#waiting.set(mount, () => resolve()));
  }

  /** Until nobody wants anything any more. */
  async run(choose: Choose): Promise<void> {
    for (;;) {
      // All that can go on without the disk does.
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#waiting.size === 0) return;
      const chosen = choose([...this.#waiting.keys()].toSorted((a, b) => a - b));
      const go = this.#waiting.get(chosen);
      this.#waiting.delete(chosen);
      this.taken++;
      go?.();
    }
  }
}

/**
 * Plays a history once in each order of its steps in which the process that goes on changes, unasked, at most `switches`
 * times. @returns how many orders there are.
 */
async function inEveryOrder(switches: number, play: (choose: Choose) => Promise<void>): Promise<number> {
  let orders = 0;
  for (let path: number[] | undefined = []; path; orders++) {
    const points: { chosen: number; options: number }[] = [];
    let current: number | undefined;
    let spent = 0;
    const prefix: number[] = path;
    await play((ready) => {
      const stays = current !== undefined && ready.includes(current);
      const others = ready.filter((process) => process !== current);
      const options: number[] =
        stays && current !== undefined ? [current, ...(spent < switches ? others : [])] : others;
      const chosen = prefix[points.length] ?? 0;
      points.push({ chosen, options: options.length });
      if (stays && chosen > 0) spent++;
      return (current = options[chosen] ?? Number.NaN);
    });
    path = nextPath(points);
  }
  return orders;
}

function nextPath(points: { chosen: number; options: number }[]): number[] | undefined {
  while (points.length > 0) {
    const last = points.pop();
    if (last && last.chosen + 1 < last.options)
      return [...points.map(({ chosen }) => chosen), last.chosen + 1];
  }
  return undefined;
}

interface Confirmed {
  old: Ending;
  successor: Ending;
}

/** What the old owner is about to do when the other one comes. */
const SITUATIONS = {
  'to append': { before: [1, 2], settled: [], sizes: {} },
  'to rotate': { before: [1, 2], settled: [], sizes: TINY },
  'to start a generation': { before: [1, 2], settled: [1, 2], sizes: TINY },
  'to compact': { before: [1, 2, 3, 4, 5, 6, 7, 8], settled: [2, 3, 4, 5, 6, 7, 8], sizes: TINY },
} as const;

async function takeOver(situation: keyof typeof SITUATIONS, choose: Choose): Promise<Confirmed> {
  const { before, settled, sizes } = SITUATIONS[situation];
  const bench = new JournalBench(sizes);
  const old = await bench.open();
  for (const id of before) expect(await append(old, id)).toBe('stored');
  settle(old, ...settled);
  const kept: number[] = before.filter((id) => !(settled as readonly number[]).includes(id));

  const steps = new Steps(bench);
  let seen: number[] = [];
  const appended = append(old, 20);
  const taken = bench.open().then(async (journal) => {
    seen = left(journal);
    settle(journal, 1);
    return append(journal, 30);
  });
  await steps.run(choose);
  bench.disk.onStep = () => {};
  const confirmed = { old: await appended, successor: await taken };

  const safe = [...kept, ...(confirmed.old === 'stored' ? [20] : [])];
  expect(seen).toEqual(expect.arrayContaining(safe));
  expect(await append(old, 21)).toBe('TakenOver');
  // Nothing that the old one did late takes away what its successor did, or brings back what that one settled.
  const later = await bench.leftBehind();
  const pending = [...safe.filter((id) => id !== 1), 30];
  expect(later).toEqual(expect.arrayContaining(pending));
  expect(later).not.toContain(1);
  return confirmed;
}

describe('a process that takes over the journal of one that lives', () => {
  it.each([
    ['to append', 4],
    ['to rotate', 2],
    ['to start a generation', 2],
    ['to compact', 2],
  ] as const)('sees all that this one confirmed, when it is about %s', async (situation, switches) => {
    const endings = new Set<Ending>();
    const orders = await inEveryOrder(switches, async (choose) => {
      const confirmed = await takeOver(situation, choose);
      expect(confirmed.successor).toBe('stored');
      endings.add(confirmed.old);
    });
    // Both ends were met: before the takeover, and after it.
    expect([...endings].toSorted()).toEqual(['TakenOver', 'stored']);
    expect(orders).toBeGreaterThan(100);
  });

  it('leaves one owner of three, which sees what all confirmed', async () => {
    const winners = new Set<number>();
    for (let seed = 0; seed < 300; seed++) winners.add(await threeOwners(seed));
    expect(winners).toEqual(new Set([0, 1, 2]));
  });
});

/** @returns which of three that open at the same time has it in the end. */
async function threeOwners(seed: number): Promise<number> {
  const random = seededRandom(seed);
  const bench = new JournalBench(TINY);
  const first = await bench.open();
  expect(await append(first, 1)).toBe('stored');
  const steps = new Steps(bench);
  const opened = [10, 20, 30].map(async (base) => {
    const journal = await bench.open();
    const endings: [number, Ending][] = [];
    for (const id of [base, base + 1, base + 2]) endings.push([id, await append(journal, id)]);
    return { journal, endings };
  });
  await steps.run((ready) => ready[Math.floor(random() * ready.length)] ?? Number.NaN);
  bench.disk.onStep = () => {};
  const results = await Promise.all(opened);
  const owners = results.filter(({ journal }) => journal.check.reason() === undefined);
  expect(owners).toHaveLength(1);
  const confirmed = results.flatMap(({ endings }) => endings.filter(([, ending]) => ending === 'stored'));
  expect(await bench.leftBehind()).toEqual(expect.arrayContaining([1, ...confirmed.map(([id]) => id)]));
  return results.findIndex((result) => result === owners[0]);
}
