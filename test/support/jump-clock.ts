// The machine's clock for tests over a real network, which can be put forward: long waits end, and the network goes on.
import type { Cancel, Clock } from '../../src/kube/clock.ts';

interface Timer {
  at: number;
  fire: () => void;
  stop: () => void;
}

/** See the file's first line. */
export class JumpClock implements Clock {
  #aheadMs = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return performance.timeOrigin + performance.now() + this.#aheadMs;
  }

  /** Time that is jumped over is taken to have passed. */
  elapsed(): number {
    return performance.now() + this.#aheadMs;
  }

  after(ms: number, fn: () => void): Cancel {
    const fire = () => {
      this.#timers.delete(timer);
      fn();
    };
    const timer: Timer = { at: this.now() + ms, fire, stop: () => {} };
    this.#timers.add(timer);
    this.#arm(timer);
    return () => {
      this.#timers.delete(timer);
      timer.stop();
    };
  }

  /** Puts the clock forward by `ms`. Timers that are due thereby fire soon, as after a sleep of the machine. */
  jump(ms: number): void {
    this.#aheadMs += ms;
    for (const timer of this.#timers) {
      timer.stop();
      this.#arm(timer);
    }
  }

  #arm(timer: Timer): void {
    const handle = setTimeout(timer.fire, Math.max(0, timer.at - this.now()));
    Object.assign(timer, { stop: () => clearTimeout(handle) });
  }
}
