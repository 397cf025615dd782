// Tells people what responses do, through Falcosidekick or a webhook. Best effort: it never delays or fails a response.
import { severityRank, type Severity } from '../../api/severity.ts';
import { sleep, timestamp, type Clock, type Random } from '../../kube/clock.ts';
import type { EventRecorder } from '../../kube/events.ts';
import type { Logger } from '../log.ts';
import { Destination, type DestinationName, type NotifyResult, type NotifyTarget } from './destination.ts';
import { noticeOf, noticeWith, type Notice, type Told } from './notice.ts';
import { UnidentifiedAlerts } from './unidentified.ts';

/** Whom to tell, and what. */
export interface NotifySettings {
  targets: readonly NotifyTarget[];
  /** What is less urgent is not told. */
  minimumPriority: Severity;
}

/** What a {@link Notifier} is made of. */
export interface NotifierOptions extends NotifySettings {
  clock: Clock;
  random: Random;
  log: Logger;
  /** Name of this process among its peers. */
  instance: string;
  count: (destination: DestinationName, result: NotifyResult) => void;
}

/** How long a stop waits for what is not sent yet, in milliseconds. */
const STOP_GRACE_MS = 3_000;

/** See the file's first line. */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #destinations: readonly Destination[];
  readonly #unidentified: UnidentifiedAlerts;
  readonly #stopping = new AbortController();

  constructor(options: NotifierOptions) {
    const { clock, targets, count } = options;
    this.#options = options;
    this.#destinations = targets.map(
      (target) =>
        new Destination({
          ...options,
          ...target,
          count: (result) => count(target.name, result),
          signal: this.#stopping.signal,
        }),
    );
    this.#unidentified = new UnidentifiedAlerts(clock, (say) =>
      this.#add(noticeWith(say, { instance: options.instance, time: timestamp(clock) })),
    );
  }

  /** Tells what an Event tells, and returns at once. Never throws. */
  tell(told: Told): void {
    const { instance, clock, log } = this.#options;
    try {
      const notice = noticeOf(told, { instance, time: timestamp(clock) });
      if (notice) this.#add(notice);
    } catch (error) {
      log.error({ err: error, reason: told.reason }, 'a notification could not be made');
    }
  }

  /** An alert came whose pod could not be told. */
  unidentified(): void {
    this.#unidentified.add();
  }

  /** Resolves when everything told so far was sent or given up. */
  async flush(): Promise<void> {
    await Promise.all(this.#destinations.map((destination) => destination.flush()));
  }

  /** Sends what waits for up to three seconds, and gives up the rest. */
  async stop(): Promise<void> {
    this.#unidentified.close();
    await Promise.race([this.flush(), sleep(this.#options.clock, STOP_GRACE_MS)]);
    this.#stopping.abort();
    await this.flush();
  }

  #add(notice: Notice): void {
    const { minimumPriority } = this.#options;
    if (severityRank(notice.priority) < severityRank(minimumPriority)) return;
    for (const destination of this.#destinations) destination.add(notice);
  }
}

/** Takes what people are told. */
export interface Announcements {
  /** Returns at once. Never throws. */
  record(told: Told): void;
}

/** Records Events, and tells the same to the notifier. */
export function alsoTelling(
  events: Pick<EventRecorder, 'record'>,
  notifier: Pick<Notifier, 'tell'> | undefined,
): Announcements {
  if (!notifier) return events;
  return {
    record: (told) => {
      events.record(told);
      notifier.tell(told);
    },
  };
}
