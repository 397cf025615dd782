// Whether alerts come in through the stream, in words for people, for probes and the log.
import type { ReadinessCheck } from '../../observe/health.ts';
import type { Logger } from '../../observe/log.ts';

/** See the file's first line. */
export class StreamStatus implements ReadinessCheck {
  readonly name = 'stream';
  readonly #log: Logger;
  readonly #where: string;
  #problem: string | undefined;
  #risky: readonly string[] = [];
  #deadLetters: string | undefined;

  /** @param where the servers, for people. */
  constructor(where: string, log: Logger) {
    this.#where = where;
    this.#log = log;
    this.#problem = `not connected to ${where} yet`;
  }

  reason(): string | undefined {
    return this.#problem;
  }

  warning(): string | undefined {
    const all = [...(this.#deadLetters === undefined ? [] : [this.#deadLetters]), ...this.#risky];
    return all.length === 0 ? undefined : all.join('; ');
  }

  /** There is no connection, or it broke. */
  disconnected(why: string): void {
    this.#change(
      `not connected to ${this.#where}: ${why}. Alerts stay in the stream; it is tried again for ever`,
    );
  }

  /** There is a connection, but nothing can be read. */
  unreadable(why: string): void {
    this.#change(`connected to ${this.#where}, but no alert can be read: ${why}. It is tried again for ever`);
  }

  /** What is found on the server, before the first answer to a pull. */
  found(risky: readonly string[]): void {
    if (risky.join() !== this.#risky.join() && risky.length > 0) {
      this.#log.warn({ found: risky }, 'the stream can be read, but is set up in a way that may lose alerts');
    }
    this.#risky = risky;
  }

  /** The server answers pulls. */
  reading(): void {
    if (this.#problem === undefined) return;
    this.#problem = undefined;
    this.#log.info({ servers: this.#where }, 'alerts are read from the stream');
  }

  /** Whether messages can be set aside; `why` says why not. */
  deadLetters(why: string | undefined): void {
    const before = this.#deadLetters;
    this.#deadLetters =
      why === undefined
        ? undefined
        : `messages that cannot be used cannot be set aside, and come again: ${why}`;
    if (this.#deadLetters === before) return;
    if (this.#deadLetters === undefined) this.#log.info({}, 'messages can be set aside again');
    else
      this.#log.error({ problem: why }, 'a message could not be copied to the dead letters; it comes again');
  }

  /** Nothing is read any more. */
  stopped(): void {
    this.#problem = 'this receiver has stopped';
  }

  #change(problem: string): void {
    if (this.#problem === problem) return;
    this.#problem = problem;
    this.#log.warn({ problem }, 'no alert comes in through the stream');
  }
}
