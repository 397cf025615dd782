// Keeps in step with files that change while the process runs: tokens and certificates are renewed without a restart.
import type { Clock } from '../kube/clock.ts';
import type { Logger } from '../observe/log.ts';

/** Something that is read from files now and then. */
export interface Reloading<T> {
  /** What was last read without an error; reads again first if that is due. */
  readonly current: () => T;
  /** Why the last reading failed, in words for people; undefined if it did not. Does not read. */
  readonly problem: () => string | undefined;
}

/** Options of {@link reloading}. */
export interface ReloadingOptions<T> {
  /** What is read, for the log: `token file`. */
  what: string;
  path: string;
  /** @throws Error with a message for people. */
  read: () => T;
  /** Milliseconds that pass at least between two readings. */
  everyMs: number;
  clock: Clock;
  log: Logger;
}

/**
 * Reads at once, and then when it is used. What fails to be read leaves the last good value in use; each new reason is
 * logged once, and so is the end of the trouble.
 * @throws what `read` throws, the first time.
 */
export function reloading<T>({ what, path, read, everyMs, clock, log }: ReloadingOptions<T>): Reloading<T> {
  let value = read();
  let checkedAt = clock.elapsed();
  let problem: string | undefined;

  const check = () => {
    const before = problem;
    try {
      value = read();
      problem = undefined;
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    if (problem === before) return;
    if (problem === undefined) log.info({ path }, `${what} is good again`);
    else log.error({ path, problem }, `${what} is not good; what was read before stays in use`);
  };

  return {
    current: () => {
      if (clock.elapsed() - checkedAt >= everyMs) {
        checkedAt = clock.elapsed();
        check();
      }
      return value;
    },
    problem: () => problem,
  };
}
