// One server that is told: what waits for it, and how often it is tried.
import { severityRank } from '../../api/severity.ts';
import { orAbort } from '../../kube/body.ts';
import type { Clock, Random } from '../../kube/clock.ts';
import { Outbox, type Attempt, type Tried } from '../../kube/outbox.ts';
import type { Logger } from '../log.ts';
import type { Post, PostAnswer } from '../post.ts';
import { throttle } from '../throttle.ts';
import type { Notice } from './notice.ts';

/** Servers that can be told. */
export const DESTINATIONS = ['falcosidekick', 'webhook'] as const;
/** See {@link DESTINATIONS}. */
export type DestinationName = (typeof DESTINATIONS)[number];

/** What became of a notification. */
export const NOTIFY_RESULTS = [
  /** The server took it. */
  'Sent',
  /** It answered that it does not want it, which another try would not change. */
  'Refused',
  /** It did not take it in any of the tries, or in time. */
  'Failed',
  /** Too many waited. */
  'Dropped',
] as const;
/** See {@link NOTIFY_RESULTS}. */
export type NotifyResult = (typeof NOTIFY_RESULTS)[number];

/** A server, and how to reach it. */
export interface NotifyTarget {
  name: DestinationName;
  /** Limits its own time; rejects when there was no answer. */
  post: Post;
}

/** What a {@link Destination} is made of. */
export interface DestinationOptions extends NotifyTarget {
  clock: Clock;
  random: Random;
  log: Logger;
  count: (result: NotifyResult) => void;
  /** Ends everything. */
  signal: AbortSignal;
}

/** Tries of one notification. With the waits between them they outlast the restart of a server. */
export const MAX_TRIES = 6;
/** Wait before the second try, in milliseconds; it doubles from try to try, with up to half of it on top. */
const FIRST_WAIT_MS = 1_000;
/** Longest wait that `Retry-After` can ask for. */
const MAX_ASKED_MS = 60_000;
/** No wait ends later than this after the first try began: with the 5 s of the last try, one takes up to two minutes. */
const LAST_TRY_MS = 115_000;
const LOG_EVERY_MS = 60_000;

/** See the file's first line. */
export class Destination {
  readonly #options: DestinationOptions;
  readonly #outbox: Outbox<Notice>;
  readonly #logDue: (kind: string) => boolean;

  constructor(options: DestinationOptions) {
    this.#options = options;
    this.#logDue = throttle(options.clock, LOG_EVERY_MS);
    this.#outbox = new Outbox({
      clock: options.clock,
      signal: options.signal,
      send: (notice, attempt) => this.#send(notice, attempt),
      onDrop: (before) =>
        this.#tell('Dropped', `too many wait, and the least urgent are dropped, oldest first: ${before + 1}`),
    });
  }

  /** Queues it, unless it was told within the last ten minutes. Never throws. */
  add(notice: Notice): void {
    this.#outbox.add(notice.output_fields['die.id'] ?? '', severityRank(notice.priority), () => notice);
  }

  /** Resolves when everything added so far was sent or given up. */
  flush(): Promise<void> {
    return this.#outbox.flush();
  }

  async #send(notice: Notice, { tries, since }: Attempt): Promise<Tried> {
    const { clock, random, signal } = this.#options;
    const tried = await this.#try(JSON.stringify(notice));
    if (typeof tried === 'string') return tried;
    const leftMs = since + LAST_TRY_MS - clock.elapsed();
    if (signal.aborted || tries === MAX_TRIES || leftMs <= 0) {
      this.#tell('Failed', tried.failure);
      return 'GivenUp';
    }
    const backoff = FIRST_WAIT_MS * 2 ** (tries - 1) * (1 + random() / 2);
    return { againInMs: Math.min(Math.max(backoff, Math.min(tried.askedMs ?? 0, MAX_ASKED_MS)), leftMs) };
  }

  /** Whether it is settled, or why it may be tried again. */
  async #try(body: string): Promise<'Sent' | 'GivenUp' | { failure: string; askedMs?: number | undefined }> {
    const { post, signal } = this.#options;
    if (signal.aborted) return { failure: 'die-operator stops' };
    let answer: PostAnswer;
    try {
      answer = await orAbort(post(body, signal), signal);
    } catch (error) {
      return { failure: error instanceof Error ? error.message : String(error) };
    }
    const { status, retryAfterMs } = answer;
    if (status >= 200 && status < 300) {
      this.#options.count('Sent');
      return 'Sent';
    }
    if (mayPass(status)) return { failure: `it answers ${status}`, askedMs: retryAfterMs };
    this.#tell('Refused', `it answers ${status}`);
    return 'GivenUp';
  }

  // Neither the address, which may hold a secret in its path, nor foreign text.
  #tell(result: NotifyResult, why: string): void {
    const { log, name, count } = this.#options;
    count(result);
    if (!this.#logDue(result)) return;
    log.warn({ destination: name, why }, `${name} was not told; what else it is not told is counted`);
  }
}

function mayPass(status: number): boolean {
  return status >= 500 || status === 408 || status === 425 || status === 429;
}
