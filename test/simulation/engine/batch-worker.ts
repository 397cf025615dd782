// A thread that plays a batch of histories and tells the verdict on each.
import { parentPort, workerData } from 'node:worker_threads';
import type { Verdict } from './batches.ts';
import type { History } from './history.ts';
import { play } from './play.ts';

for (const given of workerData as History[]) {
  const { history, violations } = await play(given);
  const verdict: Verdict = { history, violations };
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(verdict);
}
