import { describe, expect, it } from 'vitest';
import type { Handle } from '../../../src/detect/queue.ts';
import { CART, OPENED, QueueBench, outcomeOf } from './queue-bench.ts';

describe('a handler that fails', () => {
  const failing = (times: number): Handle => {
    let left = times;
    return async () => {
      if (left-- > 0) throw new Error('no answer from the API server');
      return OPENED;
    };
  };

  it('is tried again with growing pauses until it succeeds', async () => {
    const bench = new QueueBench({ handle: failing(9), random: () => 0.999_999 });
    const outcome = outcomeOf(bench.submit(1));
    await bench.clock.advance(120_000);
    expect(await outcome).toEqual(OPENED);
    const pauses = bench.tries.slice(1).map((next, index) => next.at - (bench.tries[index]?.at ?? 0));
    expect(pauses.map(Math.round)).toEqual([400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000, 10_000]);
  });

  it.each([0, 0.3, 0.999])('pauses within 0.2 s and 10 s for random %d, for ever', async (random) => {
    const bench = new QueueBench({ handle: failing(Infinity), random: () => random });
    bench.submit(1);
    await bench.clock.advance(60_000);
    const pauses = bench.tries.slice(1).map((next, index) => next.at - (bench.tries[index]?.at ?? 0));
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(200);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(10_000);
    expect(bench.queue.depth).toBe(1);
  });

  it('may fail before it gives a promise', async () => {
    let calls = 0;
    const bench = new QueueBench({
      handle: () => {
        if (++calls === 1) throw new Error('at once');
        return Promise.resolve(OPENED);
      },
    });
    const outcome = outcomeOf(bench.submit(1));
    await bench.clock.advance(1000);
    expect(await outcome).toEqual(OPENED);
  });

  it('is reported with the error, though not for every detection', async () => {
    const bench = new QueueBench({ handle: failing(Infinity) });
    for (let id = 0; id < 50; id++) bench.submit(id);
    await bench.clock.advance(5000);
    const warnings = bench.log.lines.filter(({ level }) => level === 'warn');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatchObject({ fields: { err: expect.any(Error), waiting: 50 } });
  });
});

describe('a handler that asks to be called later', () => {
  it('frees its worker meanwhile', async () => {
    const bench = new QueueBench({
      workers: 1,
      handle: async ({ identity }) =>
        identity.podUid === 'late' ? { retryAfterMs: 500, message: 'too new' } : OPENED,
    });
    bench.submit(1, { podUid: 'late' });
    expect(await outcomeOf(bench.submit(2, CART))).toEqual(OPENED);
    await bench.clock.advance(1100);
    expect(bench.tries.filter(({ id }) => id === 1).map(({ at }) => at)).toEqual([0, 500, 1000]);
  });

  it('learns since when it is tried, over all its attempts', async () => {
    const bench = new QueueBench({ handle: async () => ({ retryAfterMs: 1000, message: 'too new' }) });
    await bench.clock.advance(5000);
    bench.submit(1, CART);
    await bench.clock.advance(3000);
    const since = bench.tries.map(({ attempt }) => attempt.firstTriedAt);
    expect(since).toEqual([5000, 5000, 5000, 5000]);
  });

  it('is not kept waiting by a clock that somebody sets back', async () => {
    const bench = new QueueBench({
      handle: async (_detection, { firstTriedAt }) =>
        bench.clock.elapsed() - firstTriedAt >= 30_000
          ? { outcome: 'Unidentified', message: 'not found in 30 s' }
          : { retryAfterMs: 1000, message: 'not found yet' },
    });
    bench.submit(1, CART);
    await bench.clock.advance(10_000);
    bench.clock.setBy(-3_600_000);
    await bench.clock.advance(20_000);
    expect(bench.ended).toEqual([{ id: 1, outcome: 'Unidentified' }]);
  });

  it('lets a thousand alerts of a pod that cannot be found give up together', async () => {
    const bench = new QueueBench({
      handle: async (_detection, { firstTriedAt }) =>
        bench.clock.elapsed() - firstTriedAt >= 30_000
          ? { outcome: 'Unidentified', message: 'not found in 30 s' }
          : { retryAfterMs: 1000, message: 'not found yet' },
    });
    for (let id = 0; id < 1000; id++) bench.submit(id, CART);
    await bench.clock.advance(29_000);
    expect(bench.ended).toHaveLength(0);
    bench.submit(1000, CART);
    await bench.clock.advance(1000);
    expect(bench.ended).toHaveLength(1000);
    await bench.clock.advance(29_000);
    expect(bench.ended.at(-1)).toEqual({ id: 1000, outcome: 'Unidentified' });
  });
});
