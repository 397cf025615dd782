// Several keys in the queue: none blocks another, and containment goes first.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../../src/controller/outcome.ts';
import type { Priority } from '../../../src/controller/queue.ts';
import { DONE, FAILED, Stage } from './stage.ts';

describe('several keys', () => {
  test('a slow key blocks no other', async () => {
    const stage = new Stage().start();
    stage.queue.add('slow');
    stage.queue.add('quick');
    await stage.end('quick');
    stage.queue.add('quick');
    expect(stage.news()).toEqual(['slow', 'quick', 'quick']);
  });

  test('a key that always fails blocks no other', async () => {
    const stage = new Stage({ workers: 1 }).start();
    stage.queue.add('bad');
    stage.queue.add('good');
    await stage.end('bad', FAILED);
    expect(stage.news()).toEqual(['bad', 'good']);
  });

  test('run in the order of arrival, and no more at a time than there are workers', async () => {
    const stage = new Stage({ workers: 2 }).start();
    for (const key of ['a', 'b', 'c', 'd']) stage.queue.add(key);
    expect(stage.news()).toEqual(['a', 'b']);
    await stage.end('b');
    await stage.end('a');
    expect(stage.news()).toEqual(['c', 'd']);
  });

  test('containment goes first, also when the key was there before with normal priority', async () => {
    const stage = new Stage({ workers: 1 });
    for (const key of ['a', 'b', 'c']) stage.queue.add(key);
    stage.queue.add('c', 0, 'containment');
    stage.start();
    await stage.end('c');
    expect(stage.news()).toEqual(['c', 'a']);
  });

  test('a later wish with normal priority does not take the priority away', () => {
    const stage = new Stage({ workers: 1 });
    stage.queue.add('a');
    stage.queue.add('b', 0, 'containment');
    stage.queue.add('b');
    stage.start();
    expect(stage.news()).toEqual(['b']);
  });

  test('a wish for containment at a later time raises a key that is due already', () => {
    const stage = new Stage({ workers: 1 });
    stage.queue.add('a');
    stage.queue.add('b');
    stage.queue.add('b', 1000, 'containment');
    stage.start();
    expect(stage.news()).toEqual(['b']);
  });

  test('a containment that failed is still containment when it is tried again', async () => {
    const stage = new Stage({ workers: 1 }).start();
    stage.queue.add('c', 0, 'containment');
    await stage.end('c', FAILED);
    stage.queue.add('busy');
    stage.queue.add('a');
    await stage.clock.advance(500);
    await stage.end('busy');
    expect(stage.news()).toEqual(['c', 'busy', 'c']);
  });

  test('normal keys leave a quarter of the workers to containment', () => {
    const stage = new Stage().start();
    for (let n = 0; n < 10; n++) stage.queue.add(`capture-${n}`);
    expect(stage.news()).toHaveLength(6);
    stage.queue.add('isolate', 0, 'containment');
    expect(stage.news()).toEqual(['isolate']);
  });
});

test('for any order of wishes and ends: no overlap, no more runs than workers, and every wish is followed by a run', async () => {
  const wish = fc.record({
    key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    afterMs: fc.constantFrom(0, 0, 100, 5000),
    priority: fc.constantFrom<Priority>('containment', 'normal'),
    outcome: fc.constantFrom<Outcome>(DONE, FAILED, { kind: 'requeue', afterMs: 50, reason: 'Again' }),
    advance: fc.nat(200),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(wish, { maxLength: 20 }),
      fc.integer({ min: 1, max: 4 }),
      async (wishes, workers) => {
        const stage = new Stage({ workers }).start();
        const owed = new Set<string>();
        const settle = async (outcome: Outcome) => {
          expect(stage.running.size).toBeLessThanOrEqual(workers);
          for (const key of stage.news()) owed.delete(key);
          const [first] = stage.running.keys();
          if (first !== undefined) await stage.end(first, outcome);
        };
        for (const { key, afterMs, priority, outcome, advance } of wishes) {
          stage.queue.add(key, afterMs, priority);
          owed.add(key);
          await stage.clock.advance(advance);
          await settle(outcome);
        }
        while (stage.queue.depth > 0 || stage.running.size > 0) {
          await settle(DONE);
          await stage.clock.advance(1000);
        }
        for (const key of stage.news()) owed.delete(key);
        expect({ overlaps: stage.overlaps, owed: [...owed] }).toEqual({ overlaps: 0, owed: [] });
      },
    ),
    { numRuns: 40 },
  );
});
