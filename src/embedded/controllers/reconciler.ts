// The loop of every controller: a change names keys, and a moment later each key is looked at once. A failed look is
// repeated with growing delay, a look can ask for another one.
import type { Cancel, Clock } from '../../kube/clock.ts';
import type { Change, Store } from '../store.ts';

/** A running controller. */
export interface Controller {
  start: () => void;
  stop: () => void;
}

/** What sets a controller apart. */
export interface Reconciliation {
  /** Milliseconds from a change to the look at it. */
  delayMs: number;
  /** Keys to look at at the start. */
  initial(): Iterable<string>;
  /** Keys that a change is about. */
  affected(change: Change): Iterable<string>;
  /** Brings one key in order. Returns milliseconds after which to look again, if at all. */
  reconcile(key: string): number | undefined;
}

/** Delay of the first repetition, and the longest one (k8s.io/client-go/util/workqueue). */
const FIRST_RETRY_MS = 5;
const LAST_RETRY_MS = 1_000_000;

interface Planned {
  at: number;
  cancel: Cancel;
}

/** Builds the loop; the controllers of one cluster share its store and clock. */
export function createReconciler(store: Store, clock: Clock, what: Reconciliation): Controller {
  const planned = new Map<string, Planned>();
  const failures = new Map<string, number>();
  let unsubscribe: Cancel | undefined;

  const plan = (key: string, ms: number): void => {
    const before = planned.get(key);
    const at = clock.now() + ms;
    if (before && before.at <= at) return;
    before?.cancel();
    planned.set(key, { at, cancel: clock.after(ms, () => run(key)) });
  };
  const run = (key: string): void => {
    planned.delete(key);
    try {
      const again = what.reconcile(key);
      failures.delete(key);
      if (again !== undefined) plan(key, again);
    } catch {
      // A refused write (admission, a conflict) is tried again, as long as it takes; the requester never sees it.
      const count = failures.get(key) ?? 0;
      failures.set(key, count + 1);
      plan(key, Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** count));
    }
  };
  return {
    start: () => {
      unsubscribe ??= store.subscribe((change) => {
        for (const key of what.affected(change)) plan(key, what.delayMs);
      });
      for (const key of what.initial()) plan(key, what.delayMs);
    },
    stop: () => {
      unsubscribe?.();
      unsubscribe = undefined;
      for (const { cancel } of planned.values()) cancel();
      planned.clear();
      failures.clear();
    },
  };
}
