import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ToldIdentity } from '../../../src/api/detection.ts';
import { drain } from '../../support/virtual-clock.ts';
import { CART, OPENED, QueueBench, gate, idOf, outcomeOf } from './queue-bench.ts';

describe('an accepted detection', () => {
  it('is handled at once and ends with what the handler says', async () => {
    const bench = new QueueBench();
    expect(await outcomeOf(bench.submit(1))).toEqual(OPENED);
    expect(bench.ended).toEqual([{ id: 1, outcome: 'Opened' }]);
    expect(bench.queue.depth).toBe(0);
  });

  it('counts in the depth from submission to its end', async () => {
    const { handle, open } = gate();
    const bench = new QueueBench({ handle, workers: 1 });
    bench.submit(1);
    bench.submit(2);
    expect(bench.queue.depth).toBe(2);
    await open();
    expect(bench.queue.depth).toBe(1);
    await open();
    expect(bench.queue.depth).toBe(0);
  });

  it('ends as a duplicate without work when its id was seen before, also while the first still waits', async () => {
    const { handle, open } = gate();
    const bench = new QueueBench({ handle });
    bench.submit(1);
    const again = outcomeOf(bench.submit(1));
    await open();
    expect(await again).toMatchObject({ outcome: 'Duplicate' });
    expect(await outcomeOf(bench.submit(1))).toMatchObject({ outcome: 'Duplicate' });
    expect(bench.order).toEqual([1]);
    expect(bench.ended.map((end) => end.outcome)).toEqual(['Duplicate', 'Opened', 'Duplicate']);
  });

  it('is no duplicate once 20,000 others came after it', async () => {
    const bench = new QueueBench();
    for (let id = 0; id <= 20_000; id++) {
      bench.submit(id);
      if (id % 5000 === 0) await drain();
    }
    await drain();
    expect(await outcomeOf(bench.submit(1))).toMatchObject({ outcome: 'Duplicate' });
    expect(await outcomeOf(bench.submit(0))).toMatchObject({ outcome: 'Opened' });
  });
});

describe('a full queue', () => {
  it('accepts nothing more until one ends, and knows that what it refused was not counted', async () => {
    const { handle, open } = gate();
    const bench = new QueueBench({ handle, capacity: 2 });
    bench.submit(1);
    bench.submit(2);
    expect(bench.submit(3)).toEqual({ accepted: false, reason: 'too many alerts wait' });
    expect(bench.queue.depth).toBe(2);
    await open();
    const again = bench.submit(3);
    await open();
    await open();
    expect(await outcomeOf(again)).toEqual(OPENED);
  });

  it('still tells duplicates, which need no room', async () => {
    const bench = new QueueBench({ handle: gate().handle, capacity: 1 });
    bench.submit(1);
    expect(bench.submit(1)).toMatchObject({ accepted: true });
    expect(bench.ended).toEqual([{ id: 1, outcome: 'Duplicate' }]);
  });
});

describe('order', () => {
  it('is kept within a pod, one at a time', async () => {
    const { handle, open } = gate();
    const bench = new QueueBench({ handle });
    for (const id of [1, 2, 3]) bench.submit(id, CART);
    for (const done of [1, 2, 3]) {
      await drain();
      expect(bench.order).toHaveLength(done);
      await open();
    }
    expect(bench.order).toEqual([1, 2, 3]);
    expect(bench.mostRunning).toBe(1);
  });

  it('does not bind pods to each other, up to the number of workers', async () => {
    const { handle, open } = gate();
    const bench = new QueueBench({ handle, workers: 3 });
    for (const id of [1, 2, 3, 4, 5]) bench.submit(id, { podUid: `pod-${id}` });
    await drain();
    expect(bench.order).toEqual([1, 2, 3]);
    await open();
    expect(bench.order).toEqual([1, 2, 3, 4]);
    expect(bench.mostRunning).toBe(3);
  });

  it('lets other pods through between the alerts of a noisy one', async () => {
    const bench = new QueueBench({ workers: 1 });
    for (const id of [1, 2, 3, 4]) bench.submit(id, CART);
    bench.submit(5, { podUid: 'other' });
    await drain();
    expect(bench.order.indexOf(5)).toBeLessThanOrEqual(2);
  });

  const full = 'a'.repeat(64);
  it.each<[string, ToldIdentity, ToldIdentity, boolean]>([
    ['the same UID', { podUid: 'u' }, { podUid: 'u' }, true],
    ['a short and a full container id', { containerId: 'a'.repeat(12) }, { containerId: full }, true],
    ['one container, one alert without UID', { containerId: full, podUid: 'u' }, { containerId: full }, true],
    ['the same name', { namespace: 'n', podName: 'p' }, { namespace: 'n', podName: 'p' }, true],
    ['the same name elsewhere', { namespace: 'n', podName: 'p' }, { namespace: 'm', podName: 'p' }, false],
    ['no identity at all', {}, {}, false],
    ['two UIDs', { podUid: 'u' }, { podUid: 'v' }, false],
  ])('for %s', async (_what, first, second, together) => {
    const bench = new QueueBench({ handle: gate().handle });
    bench.submit(1, first);
    bench.submit(2, second);
    await drain();
    expect(bench.order).toEqual(together ? [1] : [1, 2]);
  });

  it('holds for any mix of pods, workers, failures and retries', async () => {
    const plan = fc.array(fc.record({ pod: fc.nat(3), steps: fc.array(fc.nat(2), { maxLength: 3 }) }), {
      maxLength: 25,
    });
    await fc.assert(
      fc.asyncProperty(plan, fc.integer({ min: 1, max: 4 }), async (items, workers) => {
        const left = items.map(({ steps }) => [...steps]);
        const bench = new QueueBench({
          workers,
          handle: async ({ summary }) => {
            const step = left[idOf(summary.id)]?.shift() ?? 0;
            if (step === 1) throw new Error('API away');
            return step === 2 ? { retryAfterMs: 100, message: 'later' } : OPENED;
          },
        });
        for (const [id, { pod }] of items.entries()) bench.submit(id, { podUid: `pod-${pod}` });
        await bench.clock.advance(200_000);
        expect(bench.ended).toHaveLength(items.length);
        expect(bench.mostRunning).toBeLessThanOrEqual(workers);
        for (const pod of [0, 1, 2, 3]) {
          const ended = bench.ended.map(({ id }) => id).filter((id) => items[id]?.pod === pod);
          expect(ended).toEqual(ended.toSorted((a, b) => a - b));
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('stop', () => {
  it('accepts nothing more and ends what is in hand within the grace', async () => {
    const { handle, open } = gate();
    const bench = new QueueBench({ handle, workers: 1 });
    const [first, second] = [bench.submit(1), bench.submit(2)];
    const stopped = bench.queue.stop(5000);
    expect(bench.submit(3)).toEqual({ accepted: false, reason: 'this receiver stops' });
    await open();
    await open();
    expect(await stopped).toBe(0);
    expect(await Promise.all([outcomeOf(first), outcomeOf(second)])).toEqual([OPENED, OPENED]);
    expect(bench.clock.pending).toBe(0);
  });

  it('goes on trying what failed, and tells how many it gave up', async () => {
    const bench = new QueueBench({ handle: async () => ({ retryAfterMs: 1000, message: 'later' }) });
    bench.submit(1, { podUid: 'a' });
    bench.submit(2, { podUid: 'b' });
    const stopped = bench.queue.stop(2500);
    await bench.clock.advance(2500);
    expect(await stopped).toBe(2);
    expect(bench.order).toEqual([1, 2, 1, 2, 1, 2]);
    expect(bench.clock.pending).toBe(0);
  });

  it('does not try again what asks for it afterwards', async () => {
    const answer = Promise.withResolvers<{ retryAfterMs: number; message: string }>();
    const bench = new QueueBench({ handle: () => answer.promise });
    bench.submit(1);
    expect(await bench.queue.stop()).toBe(1);
    answer.resolve({ retryAfterMs: 1000, message: 'later' });
    await drain();
    expect(bench.clock.pending).toBe(0);
  });

  it('is at once when nothing is left, and starts nothing new without grace', async () => {
    expect(await new QueueBench().queue.stop(60_000)).toBe(0);
    const { handle, open } = gate();
    const bench = new QueueBench({ handle, workers: 1 });
    const first = bench.submit(1);
    bench.submit(2);
    expect(await bench.queue.stop()).toBe(2);
    await open();
    expect(await outcomeOf(first)).toEqual(OPENED);
    expect(bench.order).toEqual([1]);
  });
});
