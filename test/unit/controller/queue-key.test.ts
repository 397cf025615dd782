// One key in the queue: one run at a time, the earliest wanted time, and failures again with backoff.
import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../../src/controller/outcome.ts';
import { drain } from '../../support/virtual-clock.ts';
import { DONE, FAILED, Stage } from './stage.ts';

describe('one key', () => {
  test('runs once for several wishes', () => {
    const stage = new Stage();
    for (let i = 0; i < 3; i++) stage.queue.add('a');
    stage.start();
    expect(stage.news()).toEqual(['a']);
    expect(stage.queue.depth).toBe(0);
  });

  test('never runs twice at the same time, and runs once more when it was added meanwhile', async () => {
    const stage = new Stage().start();
    stage.queue.add('a');
    stage.queue.add('a');
    stage.queue.add('a');
    expect(stage.news()).toEqual(['a']);
    expect(stage.queue.depth).toBe(1);
    await stage.end('a');
    expect(stage.news()).toEqual(['a']);
    await stage.end('a');
    expect(stage.news()).toEqual([]);
  });

  test.each(['containment', 'normal'] as const)(
    'that was added while it ran and failed, is run once more at once and then with backoff (%s)',
    async (priority) => {
      const stage = new Stage().start();
      stage.queue.add('a', 0, priority);
      stage.queue.add('a', 0, priority);
      expect(stage.news()).toEqual(['a']);
      await stage.end('a', FAILED);
      expect(stage.news()).toEqual(['a']);
      for (let run = 0; run < 3; run++) {
        await stage.end('a', FAILED);
        expect(stage.news()).toEqual([]);
        await stage.clock.advance(30_000);
        expect(stage.news()).toEqual(['a']);
      }
    },
  );

  test('keeps the earliest of several wanted times', async () => {
    const stage = new Stage().start();
    stage.queue.add('a', 5000);
    stage.queue.add('a', 2000);
    stage.queue.add('a', 9000);
    await stage.clock.advance(1999);
    expect(stage.news()).toEqual([]);
    await stage.clock.advance(1);
    expect(stage.news()).toEqual(['a']);
    await stage.end('a');
    await stage.clock.advance(60_000);
    expect(stage.news()).toEqual([]);
  });

  test('that becomes due by time while it runs is run once more afterwards', async () => {
    const stage = new Stage().start();
    stage.queue.add('a');
    stage.queue.add('a', 1000);
    await stage.clock.advance(1000);
    expect(stage.news()).toEqual(['a']);
    await stage.end('a');
    expect(stage.news()).toEqual(['a']);
  });

  test('wanted a year from now is looked at within a day, since timers reach no further', async () => {
    const stage = new Stage().start();
    stage.queue.add('a', 365 * 86_400_000);
    await stage.clock.advance(86_400_000);
    expect(stage.news()).toEqual(['a']);
  });
});

describe('outcomes', () => {
  test('done leaves the key alone', async () => {
    const stage = new Stage().start();
    stage.queue.add('a');
    await stage.end('a');
    await stage.clock.advance(3_600_000);
    expect(stage.news()).toEqual(['a']);
  });

  test('requeue runs the key again at its time', async () => {
    const stage = new Stage().start();
    stage.queue.add('a');
    await stage.end('a', { kind: 'requeue', afterMs: 30_000, reason: 'Waiting' });
    stage.news();
    await stage.clock.advance(29_999);
    expect(stage.news()).toEqual([]);
    await stage.clock.advance(1);
    expect(stage.news()).toEqual(['a']);
  });

  test('an event does not wait for the time of a requeue, and replaces it', async () => {
    const stage = new Stage().start();
    stage.queue.add('a');
    await stage.end('a', { kind: 'requeue', afterMs: 30_000, reason: 'Waiting' });
    stage.queue.add('a');
    await stage.end('a');
    await stage.clock.advance(60_000);
    expect(stage.news()).toEqual(['a', 'a']);
  });

  test.each<[string, Outcome | Error]>([
    ['failed', FAILED],
    ['a rejection', new Error('thrown')],
  ])('%s runs the key again, later each time, up to half a minute', async (_, outcome) => {
    const stage = new Stage().start();
    const waits: number[] = [];
    stage.queue.add('a');
    for (let failure = 0; failure < 12; failure++) {
      await stage.end('a', outcome);
      const failedAt = stage.clock.now();
      await stage.clock.until(() => stage.running.has('a'), 600_000, 'the next try');
      waits.push(stage.clock.now() - failedAt);
    }
    expect(waits.slice(0, 4)).toEqual([500, 1000, 2000, 4000]);
    expect(waits.slice(-2)).toEqual([15_000, 15_000]);
  });

  test.each<Outcome>([DONE, { kind: 'requeue', afterMs: 1000, reason: 'Again' }])(
    '$kind forgets the failures before it',
    async (success) => {
      const stage = new Stage().start();
      stage.queue.add('a');
      await stage.end('a', FAILED);
      await stage.clock.advance(500);
      await stage.end('a', success);
      stage.queue.add('a');
      await stage.end('a', FAILED);
      stage.news();
      await stage.clock.advance(500);
      expect(stage.news()).toEqual(['a']);
    },
  );

  test('that names a priority is not overruled by a wish that came while it ran', async () => {
    const stage = new Stage({ workers: 4 }).start();
    stage.queue.add('slow', 0, 'containment');
    stage.queue.add('slow', 0, 'containment');
    await stage.end('slow', { kind: 'requeue', afterMs: 0, reason: 'Capture', priority: 'normal' });
    for (const key of ['a', 'b']) stage.queue.add(key);
    stage.queue.add('urgent', 0, 'containment');
    // Three normal keys run; the fourth worker is for containment.
    expect([...stage.running.keys()].toSorted()).toEqual(['a', 'b', 'slow', 'urgent']);
  });

  test('a worker that throws before it returns a promise is a failure too', async () => {
    const outcomes: Outcome[] = [];
    const stage = new Stage({
      worker: () => {
        throw new Error('at once');
      },
      onOutcome: (_key, outcome) => outcomes.push(outcome),
    }).start();
    stage.queue.add('a');
    await drain();
    expect(outcomes).toEqual([{ kind: 'failed', error: new Error('at once') }]);
  });

  test('are told with the time that the run took', async () => {
    const told: unknown[] = [];
    const stage = new Stage({ onOutcome: (...args) => told.push(args) }).start();
    stage.queue.add('a');
    await stage.clock.advance(250);
    await stage.end('a');
    expect(told).toEqual([['a', DONE, 250]]);
  });
});
