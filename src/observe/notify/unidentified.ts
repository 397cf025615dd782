// Alerts whose pod could not be told: a number now and then, as whoever forges alerts would otherwise send people as many
// notifications.
import type { Clock } from '../../kube/clock.ts';
import type { Say } from './notice.ts';
import { UNIDENTIFIED } from './urgency.ts';

/** Shortest time between two summaries, in milliseconds. */
const EVERY_MS = 60_000;

/** Counts such alerts and says how many at most once a minute: the first at once. */
export class UnidentifiedAlerts {
  readonly #clock: Clock;
  readonly #say: (say: Say) => void;
  #count = 0;
  #saidAt: number | undefined;
  #waits: (() => void) | undefined;

  constructor(clock: Clock, say: (say: Say) => void) {
    this.#clock = clock;
    this.#say = say;
  }

  /** One more. */
  add(): void {
    this.#count += 1;
    if (this.#waits) return;
    const passed = this.#saidAt === undefined ? EVERY_MS : this.#clock.elapsed() - this.#saidAt;
    if (passed >= EVERY_MS) this.close();
    else this.#waits = this.#clock.after(EVERY_MS - passed, () => this.close());
  }

  /** Says what was counted and not said yet. */
  close(): void {
    this.#waits?.();
    this.#waits = undefined;
    if (this.#count === 0) return;
    const count = String(this.#count);
    this.#count = 0;
    this.#saidAt = this.#clock.elapsed();
    const what = count === '1' ? '1 alert names' : `${count} alerts name`;
    this.#say({
      reason: UNIDENTIFIED,
      priority: 'Warning',
      text: `${what} no pod that could be told for certain, and nothing was done: look for the outcome Unidentified in the log of the receiver`,
      fields: { 'die.count': count },
      id: [UNIDENTIFIED, String(this.#clock.now()), count],
    });
  }
}
