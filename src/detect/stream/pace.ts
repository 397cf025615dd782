// How fast a receiver that refused alerts asks for more, and how long a refused one waits.
import type { Clock, Random } from '../../kube/clock.ts';

const FIRST_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
const LONGEST_DELAY_MS = 60_000;

/**
 * A receiver whose intake is full would take alerts from the others only to give them back: after a refusal it pauses,
 * twice as long each time, and then tries with a single message.
 */
export class Pace {
  readonly #clock: Pick<Clock, 'elapsed'>;
  #failures = 0;
  #pausedUntil = 0;

  constructor(clock: Pick<Clock, 'elapsed'>) {
    this.#clock = clock;
  }

  /** Milliseconds to wait before asking for more. */
  get pauseMs(): number {
    return this.#failures === 0 ? 0 : Math.max(0, this.#pausedUntil - this.#clock.elapsed());
  }

  /** Whether the next message is a trial. */
  get trying(): boolean {
    return this.#failures > 0;
  }

  /** The intake took one. */
  accepted(): void {
    this.#failures = 0;
  }

  /** The intake refused one. Those that were asked for together count as one refusal. */
  refused(): void {
    if (this.pauseMs > 0) return;
    this.#pausedUntil = this.#clock.elapsed() + Math.min(LONGEST_PAUSE_MS, FIRST_MS * 2 ** this.#failures);
    this.#failures += 1;
  }
}

/**
 * Milliseconds until a message that was refused comes again, after so many deliveries: 1 s, doubling to 60 s, with up
 * to half as much on top, so that those refused together do not come back together.
 */
export function redeliveryDelayMs(deliveries: number, random: Random): number {
  const wait = Math.min(LONGEST_DELAY_MS, FIRST_MS * 2 ** Math.min(deliveries - 1, 16));
  return Math.round(wait * (1 + random() / 2));
}
