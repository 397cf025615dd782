// A queue of what people are told: sent one at a time, without ever holding up who tells it.
import { sleep, type Clock } from './clock.ts';

/** What became of a try: it was sent; it was given up, and the same may be told again; or when it is to be tried again. */
export type Tried = 'Sent' | 'GivenUp' | { againInMs: number };

/** How often an item was tried. */
export interface Attempt {
  /** The present try is one of them. */
  tries: number;
  /** When the first began, in `elapsed` of the clock. */
  since: number;
}

/** What an {@link Outbox} is made of. */
export interface OutboxOptions<T> {
  clock: Clock;
  /** Tries to send one. Must not reject. */
  send: (item: T, attempt: Attempt) => Promise<Tried>;
  /** Told how many were dropped before this one. */
  onDrop: (before: number) => void;
  /** Ends all waits before another try. */
  signal?: AbortSignal;
}

/** Items that wait to be sent. */
const MAX_QUEUED = 500;
/** The same is not sent again within this time. */
const REPEAT_MS = 10 * 60_000;
/** Identities remembered for that. */
const MAX_REMEMBERED = 1_000;

interface Queued<T> extends Attempt {
  item: T;
  identity: string;
  rank: number;
  /** Place among all that were added. */
  order: number;
  /** When the next try is due. */
  dueAt: number;
}

/**
 * Sends the items of the highest rank first, equals in their order, from a queue of 500 that drops the oldest of the lowest
 * rank; what is the same as one of the last ten minutes is left out. An item that is to be tried again holds up those of
 * its rank and below, and none above.
 */
export class Outbox<T> {
  readonly #options: OutboxOptions<T>;
  /** In the order in which it is sent. */
  readonly #queue: Queued<T>[] = [];
  /** Identity and when it was added, oldest first. */
  readonly #recent = new Map<string, number>();
  #sending: Promise<void> | undefined;
  /** Ends the wait before another try, as what came may be more urgent. */
  #wake = () => {};
  #added = 0;
  #dropped = 0;

  constructor(options: OutboxOptions<T>) {
    this.#options = options;
  }

  /** Items that were dropped because the queue was full. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Queues what `make` gives and returns at once.
   * @param identity what makes two items the same.
   * @param rank the higher, the more urgent.
   */
  add(identity: string, rank: number, make: () => T): void {
    if (this.#isRepeat(identity, this.#options.clock.elapsed())) return;
    this.#put({ identity, rank, item: make(), order: this.#added++, tries: 0, since: 0, dueAt: 0 });
    if (this.#queue.length > MAX_QUEUED) this.#dropOldest();
    this.#wake();
    this.#sending ??= this.#sendAll();
  }

  /** Resolves when everything added so far was sent or given up. */
  async flush(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending;
  }

  #isRepeat(identity: string, now: number): boolean {
    for (const [known, since] of this.#recent) {
      const isFull = this.#recent.size >= MAX_REMEMBERED && !this.#recent.has(identity);
      if (now - since < REPEAT_MS && !isFull) break;
      this.#recent.delete(known);
    }
    if (this.#recent.has(identity)) return true;
    this.#recent.set(identity, now);
    return false;
  }

  #put(entry: Queued<T>): void {
    this.#queue.push(entry);
    this.#queue.sort((a, b) => b.rank - a.rank || a.order - b.order);
  }

  #dropOldest(): void {
    const lowest = this.#queue.at(-1)?.rank;
    const at = this.#queue.findIndex(({ rank }) => rank === lowest);
    for (const { identity } of this.#queue.splice(at, 1)) this.#recent.delete(identity);
    this.#options.onDrop(this.#dropped);
    this.#dropped += 1;
  }

  async #sendAll(): Promise<void> {
    const { clock, signal } = this.#options;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const waitMs = Math.ceil(next.dueAt - clock.elapsed());
      if (waitMs <= 0 || signal?.aborted) await this.#try(next);
      else {
        await this.#wait(waitMs);
        this.#put(next);
      }
    }
    this.#sending = undefined;
  }

  async #wait(ms: number): Promise<void> {
    const { clock, signal } = this.#options;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await sleep(clock, ms, signal ? AbortSignal.any([signal, woken.signal]) : woken.signal);
    this.#wake = () => {};
  }

  async #try(next: Queued<T>): Promise<void> {
    const { clock, send } = this.#options;
    if (next.tries === 0) next.since = clock.elapsed();
    next.tries += 1;
    const tried = await send(next.item, next);
    if (tried === 'GivenUp') this.#recent.delete(next.identity);
    if (typeof tried !== 'object') return;
    // Timers have whole milliseconds: what is left after one would be waited for again and again.
    next.dueAt = Math.ceil(clock.elapsed() + tried.againInMs);
    this.#put(next);
  }
}
