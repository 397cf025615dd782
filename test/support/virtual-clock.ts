// A clock that tests advance by hand: timers fire in order, with the event loop drained between them.
import type { Cancel, Clock } from '../../src/kube/clock.ts';

interface Timer {
  at: number;
  order: number;
  fn: () => void;
}

/** Turns of the event loop after which in-process work that was started is taken to be at rest. */
const DRAIN_TURNS = 20;

/** See the file's first line. Starts at 2026-11-22T00:00:00Z unless told otherwise. */
export class VirtualClock implements Clock {
  #now = 0;
  /** What a wall clock shows at the time 0. */
  #epoch: number;
  #order = 0;
  readonly #timers = new Set<Timer>();

  constructor(start: number = Date.UTC(2026, 10, 22)) {
    this.#epoch = start;
  }

  now(): number {
    return this.#epoch + this.#now;
  }

  elapsed(): number {
    return this.#now;
  }

  after(ms: number, fn: () => void): Cancel {
    // In microseconds: a wait that rounding makes nothing of would keep time from moving.
    const wait = Math.ceil(Math.max(0, ms) * 1000) / 1000;
    const timer: Timer = { at: this.#now + wait, order: this.#order++, fn };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Somebody sets the machine's time; no time passes by it. */
  setBy(ms: number): void {
    this.#epoch += ms;
  }

  /** Number of timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves time forward by `ms`, firing every timer that is due on the way. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await drain();
    for (let timer = this.#next(end); timer; timer = this.#next(end)) {
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, timer.at);
      timer.fn();
      await drain();
    }
    this.#now = end;
  }

  /** Advances from timer to timer until `done` holds; throws with `what` after `limitMs` of virtual time. */
  async until(done: () => boolean, limitMs: number, what: string): Promise<void> {
    const end = this.#now + limitMs;
    await drain();
    while (!done()) {
      const timer = this.#next(end);
      if (!timer) throw new Error(`${what}: not within ${limitMs} ms of virtual time`);
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, timer.at);
      timer.fn();
      await drain();
    }
  }

  #next(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.at > end) continue;
      if (!first || timer.at < first.at || (timer.at === first.at && timer.order < first.order))
        first = timer;
    }
    return first;
  }
}

/** Lets promises, microtasks and immediates that are ready run. */
export async function drain(): Promise<void> {
  for (let turn = 0; turn < DRAIN_TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
}
