// Virtual time: timers fire in order, and between two of them everything that was started comes to rest. Each process of
// the simulation has a clock of its own on top, with its own wall time.
import type { Cancel, Clock } from '../../../src/kube/clock.ts';

interface Timer {
  at: number;
  order: number;
  fn: () => void;
}

/** Turns of the event loop in which nothing was asked of clock or network, after which all is taken to be at rest. */
const QUIET_TURNS = 5;
/** More turns than any honest work takes between two timers. */
const MAX_TURNS = 20_000;

/** Starts at 2026-11-22T00:00:00Z. */
export class SimClock implements Clock {
  #now = Date.UTC(2026, 10, 22);
  /** Until it is marked, the start lies ahead: what was there before has a negative time. */
  #start = this.#now + 3_600_000;
  #order = 0;
  #stirred = 0;
  readonly #heap: Timer[] = [];
  readonly #waiting = new Set<{ holds: () => boolean; resolve: (held: boolean) => void }>();

  now(): number {
    return this.#now;
  }

  /** Milliseconds since the start. */
  elapsed(): number {
    return this.#now - this.#start;
  }

  /** From now on {@link elapsed} counts. */
  markStart(): void {
    this.#start = this.#now;
  }

  after(ms: number, fn: () => void): Cancel {
    this.stir();
    const timer: Timer = { at: this.#now + Math.max(0, ms), order: this.#order++, fn };
    push(this.#heap, timer);
    return () => {
      timer.fn = nothing;
    };
  }

  /** Resolves after `ms` milliseconds. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(ms, resolve));
  }

  /** Resolves to true as soon as something holds, or to false when the patience is over. */
  when(holds: () => boolean, patienceMs: number): Promise<boolean> {
    if (holds()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const waiter = { holds, resolve };
      this.#waiting.add(waiter);
      this.after(patienceMs, () => {
        if (this.#waiting.delete(waiter)) resolve(false);
      });
    });
  }

  /** Something was done: what follows from it is waited for before time goes on. */
  stir(): void {
    this.#stirred += 1;
  }

  /** Lets time pass up to `end` (ms since the epoch), firing timers on the way, until `done` holds. */
  async runUntil(end: number, done: () => boolean = () => false): Promise<void> {
    await this.#rest();
    for (let next = this.#heap[0]; next && next.at <= end && !done(); next = this.#heap[0]) {
      pop(this.#heap);
      if (next.fn === nothing) continue;
      this.#now = Math.max(this.#now, next.at);
      next.fn();
      await this.#rest();
    }
    if (!done()) this.#now = Math.max(this.#now, end);
  }

  async #rest(): Promise<void> {
    let seen = this.#stirred;
    for (let quiet = 0, turns = 0; quiet < QUIET_TURNS; turns++) {
      if (turns > MAX_TURNS) throw new Error('the simulated processes do not come to rest');
      await new Promise((resolve) => setImmediate(resolve));
      quiet = seen === this.#stirred ? quiet + 1 : 0;
      seen = this.#stirred;
      if (quiet === QUIET_TURNS && this.#tellWaiting()) quiet = 0;
    }
  }

  #tellWaiting(): boolean {
    const held = [...this.#waiting].filter(({ holds }) => holds());
    for (const waiter of held) {
      this.#waiting.delete(waiter);
      waiter.resolve(true);
    }
    return held.length > 0;
  }
}

/** What a process knows of time: its wall clock may be wrong and may jump, its timers go on evenly. */
export class ProcessClock implements Clock {
  readonly #world: SimClock;
  readonly #run: (fn: () => void) => void;
  skewMs: number;

  /** @param run calls a due timer, later or never if the process stands still or is dead. */
  constructor(world: SimClock, skewMs: number, run: (fn: () => void) => void) {
    this.#world = world;
    this.skewMs = skewMs;
    this.#run = run;
  }

  now(): number {
    return this.#world.now() + this.skewMs;
  }

  /** Milliseconds that no jump of the wall clock moves. */
  elapsed(): number {
    return this.#world.elapsed();
  }

  after(ms: number, fn: () => void): Cancel {
    let cancelled = false;
    const cancel = this.#world.after(ms, () =>
      this.#run(() => {
        if (!cancelled) fn();
      }),
    );
    return () => {
      cancelled = true;
      cancel();
    };
  }
}

function nothing(): void {}

function before(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(heap: Timer[], timer: Timer): void {
  let at = heap.push(timer) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!swapIfBefore(heap, at, parent)) return;
    at = parent;
  }
}

function pop(heap: Timer[]): void {
  const last = heap.pop();
  if (!last || heap.length === 0) return;
  heap[0] = last;
  for (let at = 0; ;) {
    const left = 2 * at + 1;
    const right = left + 1;
    const [l, r] = [heap[left], heap[right]];
    if (!l) return;
    const child = r && before(r, l) ? right : left;
    if (!swapIfBefore(heap, child, at)) return;
    at = child;
  }
}

/** Swaps two entries if the one at `child` comes first. */
function swapIfBefore(heap: Timer[], child: number, parent: number): boolean {
  const [lower, upper] = [heap[child], heap[parent]];
  if (!lower || !upper || !before(lower, upper)) return false;
  heap[child] = upper;
  heap[parent] = lower;
  return true;
}
