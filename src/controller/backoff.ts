// How long to wait before a key that failed is tried again.
import type { Random } from '../kube/clock.ts';

/** Shortest wait after the first failure, and longest wait at all, in milliseconds. */
export const FIRST_WAIT_MS = 500;
/** See {@link FIRST_WAIT_MS}. */
export const LONGEST_WAIT_MS = 30_000;

/**
 * Milliseconds to wait after the `failures`th failure in a row (1 or more). The range doubles with each failure, and
 * half of it is random, so that keys that failed together do not come back together.
 */
export function retryDelay(failures: number, random: Random): number {
  const ceiling = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures);
  return (ceiling / 2) * (1 + random());
}
