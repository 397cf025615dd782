// Tells people through Events what was done. Best effort: an Event never delays or fails a response.
import type { KubeClient } from './client.ts';
import { sleep, type Clock, type Random } from './clock.ts';
import { isAlreadyExists, isThrottled, isUnavailable } from './errors.ts';
import { eventObject, type EventInput, type EventObject } from './event-object.ts';
import type { Log } from './log.ts';
import { EVENTS } from './resources.ts';

export type { EventInput, ObjectReference } from './event-object.ts';

/** What a recorder is made of. */
export interface EventRecorderOptions {
  client: KubeClient;
  clock: Clock;
  random: Random;
  log: Log;
  /** Name of this replica, e.g. its pod. */
  reportingInstance: string;
}

/** Events that wait to be sent. */
const MAX_QUEUED = 500;
/** The same Event is not sent again within this time. */
const REPEAT_MS = 10 * 60_000;
/** Events remembered for that. */
const MAX_REMEMBERED = 1_000;
const MAX_TRIES = 3;
const RETRY_MS = 1_000;
/** One line in the log for so many dropped Events. */
const LOG_EVERY_DROPS = 100;

interface Queued {
  event: EventObject;
  /** What makes two Events the same. */
  identity: string;
}

/**
 * Sends Events one at a time, from a queue of 500 that drops its oldest. An Event that is the same as one of the last
 * ten minutes (object, type, reason, action and note) is not sent again; one that could not be sent may be.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #queue: Queued[] = [];
  /** Identity and when it was recorded, oldest first. */
  readonly #recent = new Map<string, number>();
  #sending: Promise<void> | undefined;
  #dropped = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  /** Events that were dropped because the queue was full. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Queues an Event and returns at once. Never throws. */
  record(input: EventInput): void {
    const { clock, reportingInstance } = this.#options;
    const { regarding, type, reason, action, note } = input;
    const identity = JSON.stringify([regarding, type, reason, action, note]);
    if (this.#isRepeat(identity, clock.elapsed())) return;
    this.#queue.push({ identity, event: eventObject(input, reportingInstance, this.#options) });
    if (this.#queue.length > MAX_QUEUED) this.#dropOldest();
    this.#sending ??= this.#sendAll();
  }

  /** Resolves when everything recorded so far was sent or given up. */
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

  #dropOldest(): void {
    const oldest = this.#queue.shift();
    if (oldest !== undefined) this.#recent.delete(oldest.identity);
    if (this.#dropped % LOG_EVERY_DROPS === 0)
      this.#options.log.warn({ dropped: this.#dropped + 1 }, 'too many Events wait; the oldest are dropped');
    this.#dropped += 1;
  }

  async #sendAll(): Promise<void> {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      await this.#send(next);
    }
    this.#sending = undefined;
  }

  async #send({ identity, event }: Queued): Promise<void> {
    for (let tries = 1; ; tries++) {
      const failure = await this.#try(event);
      if (failure === undefined) return;
      const mayPass = isUnavailable(failure) || isThrottled(failure);
      if (!mayPass || tries === MAX_TRIES) {
        this.#recent.delete(identity);
        this.#options.log.warn({ err: failure, reason: event.reason }, 'an Event could not be written');
        return;
      }
      const { clock, random } = this.#options;
      await sleep(clock, RETRY_MS * tries * (1 + random()));
    }
  }

  /** The failure, or undefined. A lost answer shows as AlreadyExists at the next try: names are unique. */
  async #try(event: EventObject): Promise<unknown> {
    try {
      await this.#options.client.create(EVENTS, event.metadata, event);
      return undefined;
    } catch (error) {
      return isAlreadyExists(error) ? undefined : error;
    }
  }
}
