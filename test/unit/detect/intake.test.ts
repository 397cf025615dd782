// What the intake promises about a detection that it accepted: counted once, safe when it says so, taken up again.
import { describe, expect, it } from 'vitest';
import type { Detection } from '../../../src/api/detection.ts';
import type { Submission } from '../../../src/detect/intake.ts';
import { drain } from '../../support/virtual-clock.ts';
import { OPENED, QueueBench, gate, idOf, outcomeOf } from './queue-bench.ts';
import { detection } from './support.ts';

/** A journal whose disk is steered by the test. */
class SteeredJournal {
  readonly pending: Detection[];
  readonly appended: number[] = [];
  readonly settled: number[] = [];
  disk: () => Promise<void> = async () => {};

  constructor(pending: Detection[] = []) {
    this.pending = pending;
  }

  append({ summary }: Detection): Promise<void> {
    this.appended.push(idOf(summary.id));
    return this.disk();
  }

  settle(id: string): void {
    this.settled.push(idOf(id));
  }
}

const full = () => Promise.reject(new Error('the journal is full'));

async function stateOf(submission: Submission): Promise<'durable' | 'exposed' | 'open'> {
  if (!submission.accepted) throw new Error('was not accepted');
  let state: 'durable' | 'exposed' | 'open' = 'open';
  submission.durable.then(
    () => (state = 'durable'),
    () => (state = 'exposed'),
  );
  await drain();
  return state;
}

describe('a detection is safe', () => {
  it('as soon as it is in the journal, long before it has an outcome', async () => {
    const journal = new SteeredJournal();
    const disk = Promise.withResolvers<undefined>();
    journal.disk = () => disk.promise.then(() => {});
    const { handle, open } = gate();
    const bench = new QueueBench({ handle, journal });
    const submission = bench.submit(1);
    expect(await stateOf(submission)).toBe('open');
    disk.resolve(undefined);
    expect(await stateOf(submission)).toBe('durable');
    expect(journal.settled).toEqual([]);
    await open();
    expect(journal.settled).toEqual([1]);
  });

  it('as soon as it has an outcome, whatever the journal says', async () => {
    const journal = new SteeredJournal();
    journal.disk = () => new Promise(() => {});
    const bench = new QueueBench({ journal });
    expect(await stateOf(bench.submit(1))).toBe('durable');
  });

  it('without a journal only when it has an outcome', async () => {
    const { handle, open } = gate();
    const bench = new QueueBench({ handle });
    const submission = bench.submit(1);
    expect(await stateOf(submission)).toBe('open');
    await open();
    expect(await stateOf(submission)).toBe('durable');
  });
});

describe('a detection that the journal cannot take', () => {
  it('is worked on all the same, and its sender is told', async () => {
    const journal = new SteeredJournal();
    journal.disk = full;
    const { handle, open } = gate();
    const bench = new QueueBench({ handle, journal });
    const submission = bench.submit(1);
    expect(await stateOf(submission)).toBe('exposed');
    await open();
    expect(await outcomeOf(submission)).toEqual(OPENED);
  });

  it('gets a new chance when it is sent again, and is handled once', async () => {
    const journal = new SteeredJournal();
    journal.disk = full;
    const { handle, open } = gate();
    const bench = new QueueBench({ handle, journal });
    bench.submit(1);
    await drain();
    expect(await stateOf(bench.submit(1))).toBe('exposed');
    journal.disk = async () => {};
    expect(await stateOf(bench.submit(1))).toBe('durable');
    expect(journal.appended).toEqual([1, 1, 1]);
    await open();
    expect(bench.order).toEqual([1]);
    expect(bench.ended.map(({ outcome }) => outcome)).toEqual(['Duplicate', 'Duplicate', 'Opened']);
  });
});

describe('a duplicate', () => {
  it('of what still waits is no safer than the first', async () => {
    const journal = new SteeredJournal();
    const disk = Promise.withResolvers<undefined>();
    journal.disk = () => disk.promise.then(() => {});
    const bench = new QueueBench({ handle: gate().handle, journal });
    bench.submit(1);
    const again = bench.submit(1);
    expect(await stateOf(again)).toBe('open');
    disk.resolve(undefined);
    expect(await stateOf(again)).toBe('durable');
    expect(journal.appended).toEqual([1]);
  });
});

describe('a detection that is looked at again', () => {
  it('has another outcome, and is in the journal until then', async () => {
    const journal = new SteeredJournal();
    const bench = new QueueBench({ journal });
    await outcomeOf(bench.submit(1));
    bench.queue.again(detection(1));
    await drain();
    expect(bench.order).toEqual([1, 1]);
    expect(bench.ended).toHaveLength(2);
    expect({ appended: journal.appended, settled: journal.settled }).toEqual({
      appended: [1, 1],
      settled: [1, 1],
    });
  });

  it('is worked on although the journal is full', async () => {
    const journal = new SteeredJournal();
    const bench = new QueueBench({ journal });
    await outcomeOf(bench.submit(1));
    journal.disk = full;
    bench.queue.again(detection(1));
    await drain();
    expect(bench.order).toEqual([1, 1]);
  });
});

describe('what the last process left', () => {
  it('is taken up at once, in order, although the queue is smaller, and not written again', async () => {
    const journal = new SteeredJournal([1, 2, 3].map((id) => detection(id, { podUid: 'cart' })));
    const bench = new QueueBench({ journal, capacity: 1, workers: 1 });
    expect(bench.queue.depth).toBe(3);
    await drain();
    expect(bench.order).toEqual([1, 2, 3]);
    expect(journal.appended).toEqual([]);
    expect(journal.settled).toEqual([1, 2, 3]);
  });

  it('makes what comes again a duplicate', async () => {
    const journal = new SteeredJournal([detection(1)]);
    const bench = new QueueBench({ journal });
    expect(await outcomeOf(bench.submit(1))).toMatchObject({ outcome: 'Duplicate' });
    expect(bench.order).toEqual([1]);
  });
});
