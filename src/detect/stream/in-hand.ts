// The messages that a receiver was handed and has not answered yet.
import type { JsMsg } from '@nats-io/jetstream';

/** A message as far as this room answers it. */
export type Answerable = Pick<JsMsg, 'working' | 'nak'>;

/** See the file's first line. */
export class InHand<Message extends Answerable> {
  readonly #capacity: number;
  readonly #messages = new Set<Message>();
  /** Not worked on any more, and given back with the others. */
  readonly #kept = new Set<Message>();
  readonly #watchers = new Set<() => void>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#messages.size + this.#kept.size;
  }

  /** How many more there may be. */
  get room(): number {
    return Math.max(0, this.#capacity - this.size);
  }

  add(message: Message): void {
    this.#messages.add(message);
  }

  /** @returns false if it was given back meanwhile. */
  remove(message: Message): boolean {
    const there = this.#messages.delete(message);
    for (const watch of this.#watchers) watch();
    return there;
  }

  /** Stays in hand until all are given back, but nobody works on it. */
  keep(message: Message): void {
    if (this.remove(message)) this.#kept.add(message);
  }

  /** Tells the server that these are worked on: it starts to wait anew. */
  keepAlive(): void {
    for (const message of this.#all()) quietly(() => message.working());
  }

  /** Gives all back, to be handed out again at once. @returns how many. */
  giveBack(): number {
    const all = this.#all();
    for (const message of all) quietly(() => message.nak());
    this.#messages.clear();
    this.#kept.clear();
    return all.length;
  }

  /** Resolves when there is room for one more, or when the signal fires. */
  roomy(signal: AbortSignal): Promise<void> {
    return this.#until(() => this.room > 0, signal);
  }

  /** Resolves when nothing is worked on, or when the signal fires. */
  atRest(signal: AbortSignal): Promise<void> {
    return this.#until(() => this.#messages.size === 0, signal);
  }

  #all(): Message[] {
    return [...this.#messages, ...this.#kept];
  }

  #until(holds: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!signal.aborted && !holds()) return;
        this.#watchers.delete(check);
        signal.removeEventListener('abort', check);
        resolve();
      };
      this.#watchers.add(check);
      signal.addEventListener('abort', check);
      check();
    });
  }
}

/** A connection that is gone takes no answer, and the server then hands the message out again by itself. */
export function quietly(answer: () => void): void {
  try {
    answer();
  } catch {
    // See above.
  }
}
