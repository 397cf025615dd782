// Tells people through Events what was done. Best effort: an Event never delays or fails a response.
import type { KubeClient } from './client.ts';
import type { Clock, Random } from './clock.ts';
import { isAlreadyExists, isThrottled, isUnavailable } from './errors.ts';
import { eventObject, type EventInput, type EventObject } from './event-object.ts';
import type { Log } from './log.ts';
import { Outbox, type Tried } from './outbox.ts';
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

/** All Events are as urgent as each other: they tell a story. */
const RANK = 0;
const MAX_TRIES = 3;
const RETRY_MS = 1_000;
/** One line in the log for so many dropped Events. */
const LOG_EVERY_DROPS = 100;

/**
 * Sends Events one at a time, from a queue of 500 that drops its oldest. An Event that is the same as one of the last
 * ten minutes (object, type, reason, action and note) is not sent again; one that could not be sent may be.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #outbox: Outbox<EventObject>;

  constructor(options: EventRecorderOptions) {
    const { clock, log } = options;
    this.#options = options;
    this.#outbox = new Outbox({
      clock,
      send: (event, { tries }) => this.#send(event, tries),
      onDrop: (before) => {
        if (before % LOG_EVERY_DROPS === 0)
          log.warn({ dropped: before + 1 }, 'too many Events wait; the oldest are dropped');
      },
    });
  }

  /** Events that were dropped because the queue was full. */
  get dropped(): number {
    return this.#outbox.dropped;
  }

  /** Queues an Event and returns at once. Never throws. */
  record(input: EventInput): void {
    const { regarding, type, reason, action, note } = input;
    const identity = JSON.stringify([regarding, type, reason, action, note]);
    this.#outbox.add(identity, RANK, () =>
      eventObject(input, this.#options.reportingInstance, this.#options),
    );
  }

  /** Resolves when everything recorded so far was sent or given up. */
  async flush(): Promise<void> {
    await this.#outbox.flush();
  }

  async #send(event: EventObject, tries: number): Promise<Tried> {
    const failure = await this.#try(event);
    if (failure === undefined) return 'Sent';
    const { log, random } = this.#options;
    const mayPass = isUnavailable(failure) || isThrottled(failure);
    if (mayPass && tries < MAX_TRIES) return { againInMs: RETRY_MS * tries * (1 + random()) };
    log.warn({ err: failure, reason: event.reason }, 'an Event could not be written');
    return 'GivenUp';
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
