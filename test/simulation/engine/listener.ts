// Stands in for the server that is told: takes what processes post to it, and has troubles where a story is about them.
import { deadline } from '../../../src/kube/clock.ts';
import { orAbort } from '../../../src/kube/body.ts';
import type { Notice } from '../../../src/observe/notify/notice.ts';
import { PostError, type Post, type PostAnswer } from '../../../src/observe/post.ts';
import { refusalOf } from '../../support/strict-falcosidekick.ts';
import type { SimClock } from './clock.ts';
import { drawsFor } from './draws.ts';
import type { History } from './history.ts';
import { never, type Process } from './process.ts';

/**
 * What goes wrong with one request: nobody listens; it answers 503, or 429 with a `Retry-After` of so many seconds; it never
 * answers; it takes the notice, and the connection breaks before its answer.
 */
export type ListenerTrouble =
  'Refused' | 'Unavailable' | { kind: 'Throttled'; retryAfterS: number } | 'Silent' | 'Lost';

/** One request, and what became of it. Times are milliseconds after the start. */
export interface ToldNotice {
  replica: string;
  life: number;
  sentAt: number;
  /** What the process took for the time then; milliseconds since the epoch. */
  wall: number;
  body: string;
  notice: Notice;
  /** Why no server of this kind could take it; undefined: it can. */
  refusal: string | undefined;
  /** When the server took it; absent: it did not. */
  takenAt?: number;
  /** What the process heard; absent: nothing. */
  heard?: { at: number; status: number; retryAfterMs: number | undefined };
}

/** A request is given up after this time, as `run` does it. */
export const POST_TIMEOUT_MS = 5_000;
/** What each trip takes with seed 0. */
const EVEN_TRIP_MS = 2;
const LONGEST_TRIP_MS = 400;

/** See the file's first line. */
export class Listener {
  readonly #clock: SimClock;
  readonly #history: History;
  readonly #counts = new Map<string, number>();
  /** Every request, in the order in which they left. */
  readonly told: ToldNotice[] = [];
  /** Every process that tells. */
  readonly processes: Process[] = [];
  /** What goes wrong with a request that arrives; a story may change it at any time. */
  trouble: () => ListenerTrouble | undefined = () => undefined;

  constructor(clock: SimClock, history: History) {
    this.#clock = clock;
    this.#history = history;
  }

  /** How a process reaches it. */
  postFor(process: Process): Post {
    this.processes.push(process);
    return async (body, parent) => {
      const { signal, done } = deadline(process.clock, POST_TIMEOUT_MS, parent);
      try {
        return await orAbort(this.#exchange(process, body, signal), signal);
      } catch (error) {
        throw error instanceof PostError ? error : new PostError('no answer in time', { cause: error });
      } finally {
        done();
      }
    };
  }

  async #exchange(process: Process, body: string, signal: AbortSignal): Promise<PostAnswer> {
    this.#clock.stir();
    await process.turn();
    const told = this.#note(process, body);
    const draws = this.#drawsOf(process);
    await this.#clock.sleep(tripMs(draws));
    // It is asked what it is like when the request arrives.
    const trouble = this.trouble();
    if (trouble === 'Silent') return never();
    const answer = answerOf(told, trouble);
    if (answer.status < 300) told.takenAt = this.#clock.elapsed();
    await this.#clock.sleep(tripMs(draws));
    await process.turn();
    // A process that stood still has given it up first.
    if (signal.aborted) return never();
    if (trouble === 'Refused') throw new PostError('connection refused: no server listens there');
    if (trouble === 'Lost') throw new PostError('the server broke the connection off');
    told.heard = { at: this.#clock.elapsed(), ...answer };
    return { ...answer, text: '' };
  }

  #note({ replica, life, clock }: Process, body: string): ToldNotice {
    const notice = JSON.parse(body) as Notice;
    const [sentAt, wall] = [this.#clock.elapsed(), clock.now()];
    const told: ToldNotice = { replica, life, sentAt, wall, body, notice, refusal: refusalOf(body) };
    this.told.push(told);
    return told;
  }

  #drawsOf({ replica }: Process): () => number {
    const count = (this.#counts.get(replica) ?? 0) + 1;
    this.#counts.set(replica, count);
    const { seed } = this.#history;
    return seed === 0 ? () => 0 : drawsFor(seed, `listener ${replica} ${count}`);
  }
}

function answerOf({ refusal }: ToldNotice, trouble: ListenerTrouble | undefined): Omit<PostAnswer, 'text'> {
  const retryAfterMs = undefined;
  if (trouble === 'Refused') return { status: 599, retryAfterMs };
  if (trouble === 'Unavailable') return { status: 503, retryAfterMs };
  if (typeof trouble === 'object') return { status: 429, retryAfterMs: trouble.retryAfterS * 1_000 };
  return { status: refusal === undefined ? 200 : 400, retryAfterMs };
}

function tripMs(draws: () => number): number {
  return EVEN_TRIP_MS + Math.floor(draws() ** 4 * LONGEST_TRIP_MS);
}
