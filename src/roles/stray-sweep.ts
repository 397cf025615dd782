// Looks for quarantined pods that nobody answers for, at the start of a leader's term and as things change.
import { KeyedQueue, type KeyedQueueOptions } from '../controller/queue.ts';
import { StrayPods, type StrayPodsOptions } from '../incidents/stray-pods.ts';
import type { Metrics } from '../observe/metrics.ts';

/** What it needs. */
export interface StraySweepParts
  extends StrayPodsOptions, Pick<KeyedQueueOptions, 'clock' | 'random' | 'onOutcome'> {
  metrics: Pick<Metrics, 'showStrays'>;
}

/** See the file's first line. Runs until the signal fires. */
export async function sweepStrays(parts: StraySweepParts, signal: AbortSignal): Promise<void> {
  const { metrics } = parts;
  const pods = new StrayPods(parts);
  // One at a time: each may read the incidents of a namespace, and nobody waits for it.
  const queue = new KeyedQueue({ ...parts, workers: 1, worker: (namespace) => pods.reconcile(namespace) });
  metrics.showStrays(() => pods.count);
  const unwatch = pods.watch(queue);
  await queue.run(signal);
  unwatch();
  // Another leader tells of them from here on.
  metrics.showStrays(() => 0);
}
