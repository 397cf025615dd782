// Time and randomness as parameters, so that tests and simulations own them.

/** Stops a timer; calling it twice is harmless. */
export type Cancel = () => void;

/** A clock. Times are milliseconds since the epoch. */
export interface Clock {
  now(): number;
  /** Milliseconds since some fixed point. Setting the machine's time does not move it. */
  elapsed(): number;
  /** Calls `fn` once after `ms` milliseconds. Does not keep the process alive. */
  after(ms: number, fn: () => void): Cancel;
}

/** A number from 0 (inclusive) to 1 (exclusive). */
export type Random = () => number;

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after: (ms, fn) => {
    const timer = setTimeout(fn, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Good enough for jitter and names; nothing secret is made of it. */
export const systemRandom: Random = () => Math.random();

/** Now as RFC 3339 with milliseconds, the form of all times in our resources. */
export function timestamp(clock: Clock): string {
  return new Date(clock.now()).toISOString();
}

/** Resolves after `ms` milliseconds, or at once when the signal fires; check the signal afterwards. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const finish = () => {
      cancel();
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const cancel = clock.after(ms, finish);
    signal?.addEventListener('abort', finish, { once: true });
  });
}

/** A signal that fires when `parent` does or after `ms` milliseconds; `done` frees the timer. */
export function deadline(
  clock: Clock,
  ms: number,
  parent?: AbortSignal,
): { signal: AbortSignal; done: Cancel } {
  const controller = new AbortController();
  const cancel = clock.after(ms, () =>
    controller.abort(new DOMException(`no answer within ${ms} ms`, 'TimeoutError')),
  );
  const signal = parent ? AbortSignal.any([parent, controller.signal]) : controller.signal;
  return { signal, done: cancel };
}
