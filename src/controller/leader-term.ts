// How long one replica may act as the leader: judged by both clocks of its machine, so that no pause of it goes unseen.
import type { Clock } from '../kube/clock.ts';
import type { Leadership } from '../kube/fence.ts';

/** What both clocks showed at one moment, in milliseconds. */
export interface Moment {
  elapsed: number;
  wall: number;
}

/** This moment. */
export function momentOf(clock: Clock): Moment {
  return { elapsed: clock.elapsed(), wall: clock.now() };
}

/**
 * One leadership, from its beginning to its end; there is no way back into it. Its time is counted from before the last
 * write that the API server took was sent: the moment of the answer would count what the network held up for nothing.
 */
export class Term implements Leadership {
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  readonly #end = new AbortController();
  #renewed: Moment;

  /** @param deadlineMs time from the beginning of the last successful write in which requests may be sent. */
  constructor(clock: Clock, deadlineMs: number, since: Moment) {
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
    this.#renewed = since;
  }

  /** Fires at {@link end}. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Milliseconds since the last successful write began. */
  get ageMs(): number {
    const { elapsed, wall } = momentOf(this.#clock);
    // The one clock stands still while the machine sleeps, the other may be set back: the greater of the two counts.
    return Math.max(elapsed - this.#renewed.elapsed, wall - this.#renewed.wall);
  }

  remainingMs(): number {
    return this.signal.aborted ? 0 : Math.max(0, this.#deadlineMs - this.ageMs);
  }

  /** The write that began at that moment succeeded. */
  renew(since: Moment): void {
    this.#renewed = since;
  }

  /** Ends it for good. */
  end(): void {
    this.#end.abort();
  }
}
