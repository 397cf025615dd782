// A queue of keys: each key is worked on by one worker at a time, urgent ones first, failed ones again with backoff.
import { sleep, type Cancel, type Clock, type Random } from '../kube/clock.ts';
import { retryDelay } from './backoff.ts';
import type { Outcome } from './outcome.ts';

/** Containment goes before everything else, and has workers that nothing else can take. */
export type Priority = 'containment' | 'normal';

/** What the queue works with. */
export interface KeyedQueueOptions {
  /** Brings the object of that key one step further. A rejection counts as `failed`. The signal fires at the stop. */
  worker: (key: string, signal: AbortSignal) => Promise<Outcome>;
  clock: Clock;
  random: Random;
  /** Runs at the same time. Default 8, of which at most three quarters run keys of normal priority. */
  workers?: number;
  /** Milliseconds that a stop waits for running workers. Default 10,000. */
  graceMs?: number;
  /** Told of each run that ended, for logs and metrics. Must not throw. */
  onOutcome?: (key: string, outcome: Outcome, tookMs: number) => void;
}

interface Delayed {
  at: number;
  priority: Priority;
  cancel: Cancel;
}

const DEFAULT_WORKERS = 8;
const DEFAULT_GRACE_MS = 10_000;
// A timer of Node takes at most 24 days. A look before its time does no harm: it finds what is left to wait for.
const LONGEST_DELAY_MS = 86_400_000;

/** See the file's first line. A key is in at most one of delayed, ready or held; besides, it can be running. */
export class KeyedQueue {
  readonly #options: KeyedQueueOptions;
  readonly #workers: number;
  readonly #delayed = new Map<string, Delayed>();
  /** In the order of arrival. */
  readonly #ready = { containment: new Set<string>(), normal: new Set<string>() };
  /** Due while it runs: it is run once more afterwards. */
  readonly #held = new Map<string, Priority>();
  readonly #running = new Map<string, Priority>();
  readonly #failures = new Map<string, number>();
  #signal: AbortSignal | undefined;
  #isAtRest = true;
  #rest = Promise.withResolvers<undefined>();

  constructor(options: KeyedQueueOptions) {
    this.#options = options;
    this.#workers = options.workers ?? DEFAULT_WORKERS;
    this.#rest.resolve(undefined);
  }

  /** Keys that wait for a time, a worker or the end of their present run. */
  get depth(): number {
    const { containment, normal } = this.#ready;
    return this.#delayed.size + this.#held.size + containment.size + normal.size;
  }

  /** Resolves when nothing runs and nothing is due. */
  get idle(): Promise<void> {
    return this.#rest.promise;
  }

  /**
   * Asks for a run of that key in `afterMs` milliseconds. Of several wishes for a key the earliest time and the higher
   * priority win. A key that is running is run once more afterwards.
   */
  add(key: string, afterMs = 0, priority: Priority = 'normal'): void {
    const delayed = this.#delayed.get(key);
    const wanted = higher(priority, delayed?.priority);
    if (afterMs <= 0) {
      this.#makeDue(key, wanted);
    } else if (this.#isDue(key)) {
      if (wanted === 'containment') this.#makeDue(key, wanted);
    } else {
      const at = Math.min(
        this.#options.clock.elapsed() + Math.min(afterMs, LONGEST_DELAY_MS),
        delayed?.at ?? Infinity,
      );
      this.#delay(key, at, wanted);
    }
  }

  /**
   * Works until the signal fires, then waits for the running workers, but not longer than the grace. What waits at the
   * stop is forgotten. May be called again after it returned.
   */
  async run(signal: AbortSignal): Promise<void> {
    if (this.#signal) throw new Error('the queue is running already');
    this.#signal = signal;
    this.#startWorkers();
    await new Promise<void>((resolve) => {
      if (signal.aborted) return resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    this.#forgetAll();
    const { clock, graceMs = DEFAULT_GRACE_MS } = this.#options;
    const rested = new AbortController();
    void this.idle.then(() => rested.abort());
    await sleep(clock, graceMs, rested.signal);
    this.#signal = undefined;
  }

  #isDue(key: string): boolean {
    return this.#held.has(key) || this.#ready.normal.has(key) || this.#ready.containment.has(key);
  }

  #makeDue(key: string, priority: Priority): void {
    this.#delayed.get(key)?.cancel();
    this.#delayed.delete(key);
    if (this.#running.has(key)) {
      this.#held.set(key, higher(priority, this.#held.get(key)));
      return;
    }
    if (this.#ready.containment.has(key)) return;
    if (priority === 'containment') this.#ready.normal.delete(key);
    this.#ready[priority].add(key);
    this.#noteRest();
    this.#startWorkers();
  }

  #delay(key: string, at: number, priority: Priority): void {
    const { clock } = this.#options;
    this.#delayed.get(key)?.cancel();
    const cancel = clock.after(at - clock.elapsed(), () => this.#makeDue(key, priority));
    this.#delayed.set(key, { at, priority, cancel });
  }

  #startWorkers(): void {
    if (!this.#signal || this.#signal.aborted) return;
    for (let next = this.#take(); next; next = this.#take())
      void this.#work(next.key, next.priority, this.#signal);
  }

  /** The next key that a worker may begin with. */
  #take(): { key: string; priority: Priority } | undefined {
    const priority = this.#ready.containment.size > 0 ? 'containment' : 'normal';
    // Slow work such as capturing must not be able to take every worker while a pod waits to be isolated.
    const limit = priority === 'containment' ? this.#workers : Math.ceil((this.#workers * 3) / 4);
    const [key] = this.#ready[priority];
    if (key === undefined || this.#running.size >= limit) return undefined;
    this.#ready[priority].delete(key);
    this.#running.set(key, priority);
    return { key, priority };
  }

  async #work(key: string, priority: Priority, signal: AbortSignal): Promise<void> {
    const { worker, clock, onOutcome } = this.#options;
    const started = clock.elapsed();
    let outcome: Outcome;
    try {
      outcome = await worker(key, signal);
    } catch (error) {
      outcome = { kind: 'failed', error };
    }
    this.#running.delete(key);
    onOutcome?.(key, outcome, clock.elapsed() - started);
    const wished = this.#held.get(key);
    this.#held.delete(key);
    if (!signal.aborted) this.#followUp(key, outcome, { priority, wished });
    // The next run of the queue wished it.
    else if (wished) this.#makeDue(key, wished);
    this.#startWorkers();
    this.#noteRest();
  }

  /**
   * A key keeps its priority until one of its runs is done or says otherwise; what a run says of it is newer than what was
   * wished while it ran. A wish is for one more run at once, whatever the outcome.
   */
  #followUp(
    key: string,
    outcome: Outcome,
    { priority, wished }: { priority: Priority; wished: Priority | undefined },
  ): void {
    const kept = higher(priority, wished);
    if (outcome.kind === 'failed') {
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      this.add(key, wished ? 0 : retryDelay(failures, this.#options.random), kept);
      return;
    }
    this.#failures.delete(key);
    if (outcome.kind === 'requeue') this.add(key, wished ? 0 : outcome.afterMs, outcome.priority ?? kept);
    else if (wished) this.add(key, 0, wished);
  }

  #forgetAll(): void {
    for (const { cancel } of this.#delayed.values()) cancel();
    for (const waiting of [this.#delayed, this.#held, this.#failures]) waiting.clear();
    for (const ready of Object.values(this.#ready)) ready.clear();
    this.#noteRest();
  }

  #noteRest(): void {
    const isAtRest = this.#running.size + this.#ready.containment.size + this.#ready.normal.size === 0;
    if (isAtRest === this.#isAtRest) return;
    this.#isAtRest = isAtRest;
    if (isAtRest) this.#rest.resolve(undefined);
    else this.#rest = Promise.withResolvers<undefined>();
  }
}

function higher(one: Priority, other: Priority | undefined): Priority {
  return one === 'containment' || other === 'containment' ? 'containment' : 'normal';
}
