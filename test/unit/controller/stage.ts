// A queue on a virtual clock, whose runs end when the test says so.
import type { Outcome } from '../../../src/controller/outcome.ts';
import { KeyedQueue, type KeyedQueueOptions } from '../../../src/controller/queue.ts';
import { drain, VirtualClock } from '../../support/virtual-clock.ts';

/** Outcomes of one word. */
export const DONE: Outcome = { kind: 'done' };
/** See {@link DONE}. */
export const FAILED: Outcome = { kind: 'failed', error: new Error('broken') };

/** A worker whose runs end when the test says so. */
export class Stage {
  readonly clock = new VirtualClock();
  readonly started: string[] = [];
  readonly running = new Map<string, (outcome: Outcome | Error) => void>();
  readonly queue: KeyedQueue;
  readonly stop = new AbortController();
  stopped = false;
  overlaps = 0;

  constructor(options: Partial<KeyedQueueOptions> = {}) {
    const worker = (key: string) => this.#work(key);
    this.queue = new KeyedQueue({ clock: this.clock, random: () => 0, worker, ...options });
  }

  start(): this {
    this.stopped = false;
    void this.queue.run(this.stop.signal).then(() => (this.stopped = true));
    return this;
  }

  #work(key: string): Promise<Outcome> {
    this.started.push(key);
    if (this.running.has(key)) this.overlaps += 1;
    return new Promise((resolve, reject) => {
      this.running.set(key, (outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome)));
    });
  }

  async end(key: string, outcome: Outcome | Error = DONE): Promise<void> {
    const finish = this.running.get(key);
    if (!finish) throw new Error(`${key} does not run`);
    this.running.delete(key);
    finish(outcome);
    await drain();
  }

  /** Runs started since the last call. */
  news(): string[] {
    return this.started.splice(0);
  }
}
