// Tries a call again within one deadline.
import type { RetryLimit } from './client.ts';
import { deadline, sleep, type Clock, type Random } from './clock.ts';
import type { KubeError } from './errors.ts';

/** First and longest wait between tries, before jitter. */
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 5_000;

/** How long and when a call may be tried again. */
export interface RetryOptions {
  clock: Clock;
  random: Random;
  /** Milliseconds for all tries and waits together. */
  timeoutMs: number;
  retry?: RetryLimit | undefined;
  signal?: AbortSignal | undefined;
  mayRetry: (error: KubeError) => boolean;
}

/**
 * Runs `attempt` until it succeeds, fails in a way that `mayRetry` refuses, or the next wait would pass the deadline or
 * the limit of `retry`; then its last error is thrown. `attempt` rejects with a KubeError only, and obeys the signal that it is given.
 */
export async function withRetries<T>(
  attempt: (signal: AbortSignal) => Promise<T>,
  { clock, random, timeoutMs, retry, mayRetry, signal: parent }: RetryOptions,
): Promise<T> {
  const { tries: most, withinMs } = retry ?? { tries: Infinity, withinMs: timeoutMs };
  const endsAt = clock.elapsed() + Math.min(timeoutMs, withinMs);
  const { signal, done } = deadline(clock, timeoutMs, parent);
  try {
    for (let tries = 1; ; tries++) {
      const result = await settled(attempt(signal));
      if ('value' in result) return result.value;
      const wait = retryWaitMs(tries, result.error, random);
      const isLast = tries >= most || clock.elapsed() + wait >= endsAt;
      if (isLast || !mayRetry(result.error)) throw result.error;
      await sleep(clock, wait, signal);
      if (signal.aborted) throw result.error;
    }
  } finally {
    done();
  }
}

/** Doubles from try to try with half of it random, and is never shorter than the server asked for. */
export function retryWaitMs(tries: number, error: Pick<KubeError, 'retryAfterMs'>, random: Random): number {
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (tries - 1));
  return (error.retryAfterMs ?? 0) + longest * (0.5 + random() / 2);
}

async function settled<T>(work: Promise<T>): Promise<{ value: T } | { error: KubeError }> {
  try {
    return { value: await work };
  } catch (error) {
    return { error: error as KubeError };
  }
}
