// Plays any number of histories: a batch at a time in a thread of its own, because killed processes never let go of what
// they waited for, and so each history leaves some memory behind.
import { on } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { History } from './history.ts';
import type { Played } from './play.ts';

/** What a thread tells of a history. */
export type Verdict = Pick<Played, 'history' | 'violations'>;

/** About 1.3 MB are left by each history. */
const BATCH = 250;

/** Plays them in order. Rejects with what a history threw that is no violation. */
export async function* playAll(
  histories: AsyncIterable<History> | Iterable<History>,
): AsyncGenerator<Verdict, void, void> {
  let batch: History[] = [];
  for await (const history of histories) {
    batch.push(history);
    if (batch.length < BATCH) continue;
    yield* playBatch(batch);
    batch = [];
  }
  yield* playBatch(batch);
}

async function* playBatch(batch: readonly History[]): AsyncGenerator<Verdict, void, void> {
  if (batch.length === 0) return;
  const worker = new Worker(new URL('batch-worker.ts', import.meta.url), { workerData: batch });
  try {
    let left = batch.length;
    for await (const [verdict] of on(worker, 'message')) {
      yield verdict as Verdict;
      if (--left === 0) return;
    }
  } finally {
    await worker.terminate();
  }
}
