// Keeps repeated log lines from flooding the log.
import type { Clock } from '../kube/clock.ts';

/**
 * Answers whether a line of that kind is due: the first is, then one each `everyMs`. Kinds come from a fixed set, as
 * each is remembered.
 */
export function throttle(clock: Clock, everyMs: number): (kind: string) => boolean {
  const last = new Map<string, number>();
  return (kind) => {
    const before = last.get(kind);
    if (before !== undefined && clock.elapsed() - before < everyMs) return false;
    last.set(kind, clock.elapsed());
    return true;
  };
}
