// Runs the collectors and finishes the bundle: evidence within a deadline, and a record of what is missing.
import { deadline, sleep, type Clock } from '../kube/clock.ts';
import type { BundleWriter } from './bundle.ts';
import type { CollectContext, Collector } from './collector.ts';
import { messageOf } from './error-message.ts';
import { EvidenceStoreError, type BundleSummary, type EvidenceStore } from './store.ts';

/** Milliseconds that a collector has to hand over what it holds once the time for evidence is over. */
export const WIND_UP_MS = 5_000;

/**
 * Milliseconds that a store has to begin a bundle, and to finish one. More than its own limits come to; a disk that is gone
 * has none, and would hold up the response for ever.
 */
export const STORE_MS = 300_000;

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
  const bundle = await answered(context.clock, store.open(context));
  if (bundle.finished) return bundle.finished;
  for (const collector of collectors) {
    throwIfStopped(context.signal);
    await collect(collector, context, bundle);
  }
  throwIfStopped(context.signal);
  return answered(context.clock, bundle.finish());
}

/** What the store answers. Rejects with an `EvidenceStoreError` if that is nothing. */
async function answered<T>(clock: Clock, work: Promise<T>): Promise<T> {
  const limit = deadline(clock, STORE_MS);
  const late = Promise.withResolvers<never>();
  const giveUp = () => {
    const message = `the evidence store did not answer within ${STORE_MS / 1000} s: look at the volume of --evidence-dir, or at --evidence-store. The capture is tried again.`;
    late.reject(new EvidenceStoreError('Unreachable', 'the evidence store', message));
  };
  limit.signal.addEventListener('abort', giveUp, { once: true });
  // If the limit wins, nobody looks at what becomes of the work.
  work.catch(() => {});
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    limit.done();
  }
}

/** Runs one collector; whatever goes wrong with it becomes a problem of the bundle. */
async function collect(collector: Collector, context: CollectContext, bundle: BundleWriter): Promise<void> {
  const { name } = collector;
  const { clock, signal } = context;
  if (signal.aborted) return bundle.failed(name, `not started: ${LATE}`);
  const ended = new AbortController();
  try {
    const inTime = await Promise.race([
      collector.collect(context, until(ended.signal, bundle)).then(() => true),
      patience(clock, signal, ended.signal).then(() => false),
    ]);
    if (!inTime) bundle.failed(name, `given up, it did not hand over what it had: ${LATE}`);
    else if (signal.aborted) bundle.problem(name, `may be incomplete: ${LATE}`);
  } catch (error) {
    if (error instanceof EvidenceStoreError) throw error;
    bundle.failed(name, `failed: ${messageOf(error)}`);
  } finally {
    ended.abort(new Error('the collector had ended'));
  }
}

/** The bundle for one collector: a stream that outlives the collector must not hold up the next one. */
function until(ended: AbortSignal, bundle: BundleWriter): BundleWriter {
  return {
    add: (file) =>
      bundle.add({ ...file, signal: file.signal ? AbortSignal.any([ended, file.signal]) : ended }),
    problem: (collector, message) => bundle.problem(collector, message),
    failed: (collector, message) => bundle.failed(collector, message),
  };
}

/** Resolves {@link WIND_UP_MS} after the deadline, or at once when the process must stop; `ended` frees the timer. */
async function patience(clock: Clock, limit: AbortSignal, ended: AbortSignal): Promise<void> {
  await new Promise((resolve) => {
    limit.addEventListener('abort', resolve, { once: true, signal: ended });
  });
  if (isOutOfTime(limit)) await sleep(clock, WIND_UP_MS, ended);
}

function throwIfStopped(signal: AbortSignal): void {
  if (!isOutOfTime(signal)) signal.throwIfAborted();
}

function isOutOfTime({ reason }: AbortSignal): boolean {
  return reason instanceof Error && reason.name === 'TimeoutError';
}
