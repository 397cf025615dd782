// Runs the collectors and finishes the bundle: evidence within a deadline, and a record of what is missing.
import { sleep, type Clock } from '../kube/clock.ts';
import type { BundleWriter } from './bundle.ts';
import type { CollectContext, Collector } from './collector.ts';
import { messageOf } from './error-message.ts';
import { EvidenceStoreError, type BundleSummary, type EvidenceStore } from './store.ts';

/** Milliseconds that a collector has to hand over what it holds once the time for evidence is over. */
export const WIND_UP_MS = 5_000;

const LATE = 'the time for evidence was over';

/**
 * Captures the evidence of one incident with the collectors one after the other, in the order given: the most volatile
 * first. A collector that fails or runs out of time is a problem in the manifest and does not keep the bundle from being
 * finished. A bundle that an earlier run finished is answered without reading anything.
 *
 * `context.signal` is the total deadline: a signal of `deadline()` in kube/clock.ts. One that fires for another reason
 * than time means that this process must stop: then nothing is finished, the promise rejects with that reason, and the
 * next run starts over. Rejects with an `EvidenceStoreError` if the store failed.
 */
export async function capture(
  collectors: readonly Collector[],
  context: CollectContext,
  store: EvidenceStore,
): Promise<BundleSummary> {
  const bundle = await store.open(context);
  if (bundle.finished) return bundle.finished;
  for (const collector of collectors) {
    throwIfStopped(context.signal);
    await collect(collector, context, bundle);
  }
  throwIfStopped(context.signal);
  return bundle.finish();
}

/** Runs one collector; whatever goes wrong with it becomes a problem of the bundle. */
async function collect(collector: Collector, context: CollectContext, bundle: BundleWriter): Promise<void> {
  const { name } = collector;
  const { clock, signal } = context;
  if (signal.aborted) return bundle.problem(name, `not started: ${LATE}`);
  const ended = new AbortController();
  try {
    const inTime = await Promise.race([
      collector.collect(context, bundle).then(() => true),
      patience(clock, signal, ended.signal).then(() => false),
    ]);
    if (!inTime) bundle.problem(name, `given up, it did not hand over what it had: ${LATE}`);
    else if (signal.aborted) bundle.problem(name, `may be incomplete: ${LATE}`);
  } catch (error) {
    if (error instanceof EvidenceStoreError) throw error;
    bundle.problem(name, `failed: ${messageOf(error)}`);
  } finally {
    ended.abort();
  }
}

/** Resolves {@link WIND_UP_MS} after the deadline, or at once when the process must stop; `ended` frees the timer. */
async function patience(clock: Clock, deadline: AbortSignal, ended: AbortSignal): Promise<void> {
  await new Promise((resolve) => {
    deadline.addEventListener('abort', resolve, { once: true, signal: ended });
  });
  if (isOutOfTime(deadline)) await sleep(clock, WIND_UP_MS, ended);
}

function throwIfStopped(signal: AbortSignal): void {
  if (!isOutOfTime(signal)) signal.throwIfAborted();
}

function isOutOfTime({ reason }: AbortSignal): boolean {
  return reason instanceof Error && reason.name === 'TimeoutError';
}
