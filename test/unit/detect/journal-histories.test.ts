// Random histories on a failing disk against a model: what is promised holds after each of them.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Journal } from '../../../src/detect/journal/journal.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { drain } from '../../support/virtual-clock.ts';
import { append, JournalBench, left, settle } from './journal-support.ts';

const SIZES = { maxBytes: 64 * 1024, segmentBytes: 2_000 };

type Act =
  | { act: 'append'; ids: number[] }
  | { act: 'settle'; ids: number[] }
  | { act: 'wait'; ms: number }
  | { act: 'fail'; syncs: number }
  | { act: 'full'; room: number | undefined }
  | { act: 'readOnly'; on: boolean }
  | { act: 'kill' | 'crash' | 'close' | 'replace'; seed: number; drain: boolean };

const someIds = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 });
const acts: fc.Arbitrary<Act> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ act: fc.constant('append' as const), ids: someIds }) },
  { weight: 8, arbitrary: fc.record({ act: fc.constant('settle' as const), ids: someIds }) },
  {
    weight: 3,
    arbitrary: fc.record({ act: fc.constant('wait' as const), ms: fc.constantFrom(0, 1_000, 70_000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ act: fc.constant('fail' as const), syncs: fc.integer({ min: 1, max: 5 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      act: fc.constant('full' as const),
      room: fc.option(fc.integer({ min: 0, max: 40_000 }), { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('readOnly' as const), on: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      act: fc.constantFrom('kill' as const, 'crash' as const, 'close' as const, 'replace' as const),
      seed: fc.integer(),
      drain: fc.boolean(),
    }),
  },
);

/** What was promised about each detection. */
class Promised {
  /** Appended, confirmed, not settled: in the order of their confirmation. */
  readonly pending = new Set<number>();
  /** May or may not be pending after a restart. */
  readonly open = new Set<number>();
  /** A copy from before may be on the disk, so that its place in the order is not known. */
  readonly displaced = new Set<number>();

  confirmed(id: number): void {
    this.open.delete(id);
    this.pending.add(id);
  }

  uncertain(id: number): void {
    if (this.pending.has(id)) return;
    if (this.open.has(id)) this.displaced.add(id);
    this.open.add(id);
  }

  /** What was found after a restart is certain, whatever it was before. */
  found(ids: readonly number[]): void {
    this.pending.clear();
    for (const id of ids) this.pending.add(id);
    this.open.clear();
    this.displaced.clear();
  }

  settled(id: number): void {
    if (this.pending.delete(id)) this.open.add(id);
  }
}

class History {
  readonly bench = new JournalBench(SIZES);
  readonly promised = new Promised();
  /** How often each was settled: an append that ends after that says nothing about the next one. */
  readonly #settlings = new Map<number, number>();
  #journal!: Journal;

  async start(): Promise<void> {
    this.#journal = await this.bench.open();
  }

  async play(act: Act): Promise<void> {
    if (act.act === 'append') this.#append(act.ids);
    else if (act.act === 'settle') this.#settle(act.ids);
    else if (act.act === 'wait') await this.bench.clock.advance(act.ms);
    else if (act.act === 'fail') this.bench.disk.failingSyncs = act.syncs;
    else if (act.act === 'full') this.bench.disk.capacity = this.bench.disk.used + (act.room ?? Infinity);
    else if (act.act === 'readOnly') this.bench.disk.readOnly = act.on;
    else await this.#restart(act.act, act.seed, act.drain);
  }

  #append(numbers: readonly number[]): void {
    for (const id of numbers) {
      this.promised.uncertain(id);
      const journal = this.#journal;
      const settlings = this.#settlings.get(id);
      void append(journal, id).then((ending) => {
        const current = journal === this.#journal && settlings === this.#settlings.get(id);
        if (ending === 'stored' && current) this.promised.confirmed(id);
      });
    }
  }

  #settle(numbers: readonly number[]): void {
    for (const id of numbers) {
      this.#settlings.set(id, (this.#settlings.get(id) ?? 0) + 1);
      this.promised.settled(id);
    }
    settle(this.#journal, ...numbers);
  }

  async #restart(how: 'kill' | 'crash' | 'close' | 'replace', seed: number, drained: boolean): Promise<void> {
    if (drained) await drain();
    const { disk } = this.bench;
    const old = this.#journal;
    if (how === 'close') await old.close();
    if (how === 'kill') this.bench.mount.kill();
    if (how === 'crash') disk.crash(seededRandom(seed));
    await Promise.resolve();
    disk.readOnly = false;
    disk.capacity = Infinity;
    disk.failingSyncs = 0;
    const next = this.bench.open();
    if (how === 'replace') this.#settle([1, 2, 3]);
    this.#journal = await next;
    this.check();
    if (how === 'replace') expect(await append(old, 41)).not.toBe('stored');
  }

  check(): void {
    const found = left(this.#journal);
    const { pending, open, displaced } = this.promised;
    expect(this.#journal.check.reason()).toBeUndefined();
    expect(found).toEqual(expect.arrayContaining([...pending]));
    expect([...pending, ...open]).toEqual(expect.arrayContaining(found));
    expect(new Set(found).size).toBe(found.length);
    const inPlace = (id: number) => pending.has(id) && !displaced.has(id);
    expect(found.filter(inPlace)).toEqual([...pending].filter(inPlace));
    this.promised.found(found);
  }
}

describe('after any history of appends, settlings, faults and crashes', () => {
  it('what was confirmed and not settled is there, and nothing that was gone comes back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(acts, { maxLength: 60, size: 'max' }), async (history) => {
        const world = new History();
        await world.start();
        for (const act of history) await world.play(act);
        await world.play({ act: 'crash', seed: 1, drain: true });
      }),
      { numRuns: 300 },
    );
  });
});
