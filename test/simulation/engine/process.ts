// One life of a replica: alive, standing still, or dead. Whatever reaches it or leaves it goes through here.
import { ProcessClock, type SimClock } from './clock.ts';

/** See the file's first line. */
export class Process {
  readonly replica: string;
  readonly life: number;
  readonly clock: ProcessClock;
  readonly #world: SimClock;
  readonly #ended = new AbortController();
  readonly #forgotten = new AbortController();
  /** What waits while the process stands still, in the order in which it came. */
  readonly #held: (() => void)[] = [];
  #stopped = false;
  /** When it began, and when it died; milliseconds after the start of the world. */
  readonly bornAt: number;
  diedAt: number | undefined;
  /** When it stood still, in the same time. */
  readonly stood: { at: number; forMs: number }[] = [];

  constructor(world: SimClock, at: { replica: string; life: number; skewMs: number }) {
    this.#world = world;
    this.replica = at.replica;
    this.life = at.life;
    this.bornAt = world.elapsed();
    this.clock = new ProcessClock(world, at.skewMs, (fn) => this.run(fn));
  }

  get alive(): boolean {
    return !this.#ended.signal.aborted;
  }

  /** Alive and not standing still. */
  get running(): boolean {
    return this.alive && !this.#stopped;
  }

  /** Fires at the death: what the network keeps for the process ends. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** Fires when the history was judged: whatever still listens in memory lets go. */
  get forgotten(): AbortSignal {
    return this.#forgotten.signal;
  }

  /** Runs `fn` in the process: now, when it goes on, or never. */
  run(fn: () => void): void {
    if (!this.alive) return;
    if (this.#stopped) this.#held.push(fn);
    else fn();
  }

  /** Resolves while the process runs; never, once it is dead. */
  turn(): Promise<void> {
    return this.running ? Promise.resolve() : new Promise((resolve) => this.run(resolve));
  }

  /** The process stands still for that long. */
  stop(forMs: number): void {
    if (!this.running) return;
    this.#stopped = true;
    this.stood.push({ at: this.#world.elapsed(), forMs });
    this.#world.after(forMs, () => {
      this.#stopped = false;
      for (let next = this.#held.shift(); next && this.running; next = this.#held.shift()) next();
    });
  }

  /** The process is gone; nothing runs in it any more. */
  kill(): void {
    this.diedAt ??= this.#world.elapsed();
    this.#ended.abort();
    this.#held.length = 0;
  }

  /**
   * Frees what a process left behind: Node keeps a combined signal for as long as somebody listens to it, and a process that
   * dies in a simulation ends with all its listeners in place.
   */
  forget(): void {
    this.kill();
    this.#forgotten.abort();
  }
}

/** A promise that nobody keeps: what a dead process waits for. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}
