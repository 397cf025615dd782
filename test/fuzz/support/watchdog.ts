// Ends the process when an input hangs: a loop that never yields can be seen from another thread only.
import { Worker } from 'node:worker_threads';

/** What the thread is told, and where it looks. */
export interface Watched {
  /** Counted up with each input that begins; see {@link BEGUN} and {@link BUSY}. */
  beats: Int32Array;
  /** For people: what to do with the number of the input. */
  advice: string;
  /** Milliseconds that an input may run. */
  patienceMs: number;
}

/** Index in `beats`: inputs that were begun. */
export const BEGUN = 0;
/** Index in `beats`: 1 while an input runs. */
export const BUSY = 1;

/** Says when inputs begin and end. */
export interface Watchdog {
  begin(): void;
  end(): void;
  stop(): Promise<void>;
}

/**
 * Watches until stopped. An input that runs for longer than a minute kills the process, with the number of the input and
 * `advice` on standard error; that is far beyond the limit of a second, which is measured (see supervise.ts) where the
 * input comes to an end at all.
 */
export function watch(advice: string, patienceMs = 60_000): Watchdog {
  const beats = new Int32Array(new SharedArrayBuffer(8));
  const workerData: Watched = { beats, advice, patienceMs };
  const thread = new Worker(new URL('watchdog-thread.ts', import.meta.url), { workerData });
  thread.unref();
  return {
    begin: () => {
      Atomics.add(beats, BEGUN, 1);
      Atomics.store(beats, BUSY, 1);
    },
    end: () => void Atomics.store(beats, BUSY, 0),
    stop: async () => void (await thread.terminate()),
  };
}
