// The waits between the failures of something that never gives up.
import type { Clock, Random } from './clock.ts';

// With half a wait of jitter on top: 0.8 s at least, 30 s at most, doubling, as kube-rs does.
const FIRST_MS = 800;
const LAST_MS = 20_000;
/** After this much time without a failure the next one is a first one again. */
const QUIET_MS = 120_000;

/** Jittered exponential waits from 0.8 s to 30 s that start over after 120 s of quiet. */
export class Backoff {
  readonly #clock: Clock;
  readonly #random: Random;
  #failures = 0;
  #waitedUntil = 0;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Failures in a row, the last one included. */
  get failures(): number {
    return this.#failures;
  }

  /** Counts a failure, and tells how many milliseconds to wait after it. */
  next(): number {
    if (this.#clock.elapsed() - this.#waitedUntil >= QUIET_MS) this.#failures = 0;
    const wait = Math.min(LAST_MS, FIRST_MS * 2 ** this.#failures) * (1 + this.#random() / 2);
    this.#failures += 1;
    this.#waitedUntil = this.#clock.elapsed() + wait;
    return wait;
  }
}
