// The queue says when it is at rest, and stops without cutting off what runs.
import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../../src/controller/outcome.ts';
import { KeyedQueue } from '../../../src/controller/queue.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { DONE, FAILED, Stage } from './stage.ts';

describe('idle', () => {
  test('holds from the start, waits for what is due and runs, not for what is delayed', async () => {
    const stage = new Stage({ workers: 1 }).start();
    await stage.queue.idle;
    stage.queue.add('a');
    stage.queue.add('b');
    let idle = false;
    void stage.queue.idle.then(() => (idle = true));
    await stage.end('a', { kind: 'requeue', afterMs: 1000, reason: 'Later' });
    expect(idle).toBe(false);
    await stage.end('b');
    expect(idle).toBe(true);
    expect(stage.queue.depth).toBe(1);
  });

  test('waits for a key that was added while it ran', async () => {
    const stage = new Stage().start();
    stage.queue.add('a');
    stage.queue.add('a');
    let idle = false;
    void stage.queue.idle.then(() => (idle = true));
    await stage.end('a');
    expect(idle).toBe(false);
    await stage.end('a');
    expect(idle).toBe(true);
  });
});

describe('stop', () => {
  test('begins nothing new, and waits for what runs', async () => {
    const stage = new Stage({ workers: 1 }).start();
    stage.queue.add('a');
    stage.queue.add('b');
    stage.queue.add('c', 1000);
    stage.stop.abort();
    await stage.clock.advance(5000);
    expect(stage.stopped).toBe(false);
    await stage.end('a', FAILED);
    expect(stage.stopped).toBe(true);
    await stage.clock.advance(60_000);
    expect(stage.news()).toEqual(['a']);
    expect({ depth: stage.queue.depth, timers: stage.clock.pending }).toEqual({ depth: 0, timers: 0 });
  });

  test('waits no longer than the grace', async () => {
    const stage = new Stage({ graceMs: 3000 }).start();
    stage.queue.add('a');
    stage.stop.abort();
    await stage.clock.advance(2999);
    expect(stage.stopped).toBe(false);
    await stage.clock.advance(1);
    expect(stage.stopped).toBe(true);
  });

  test('tells the workers by their signal', async () => {
    const stop = new AbortController();
    const worker = async (_key: string, signal: AbortSignal): Promise<Outcome> =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(DONE)));
    const queue = new KeyedQueue({ clock: new VirtualClock(), random: () => 0, worker });
    queue.add('a');
    const run = queue.run(stop.signal);
    stop.abort();
    await run;
    expect(queue.depth).toBe(0);
  });

  test('is at once when the signal fired before', async () => {
    const stage = new Stage();
    stage.queue.add('a');
    stage.stop.abort();
    await stage.queue.run(stage.stop.signal);
    expect(stage.news()).toEqual([]);
  });

  test('can be followed by another run, which does not overlap with a worker left from the first', async () => {
    const stage = new Stage({ graceMs: 10 }).start();
    stage.queue.add('a');
    stage.stop.abort();
    await stage.clock.advance(10);
    expect(stage.stopped).toBe(true);

    void stage.queue.run(new AbortController().signal);
    stage.queue.add('a');
    stage.queue.add('b');
    expect(stage.news()).toEqual(['a', 'b']);
    await stage.end('a');
    expect(stage.news()).toEqual(['a']);
  });

  test('a second run beside the first is refused', async () => {
    const stage = new Stage().start();
    await expect(stage.queue.run(new AbortController().signal)).rejects.toThrow('running already');
  });
});
