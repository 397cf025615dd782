// Notes when alerts and test events come: at once where it is the first for a while, else soon.
import { arrivalChange, ARRIVALS, type Arrival } from '../decide/silence.ts';
import type { Cancel, Clock } from '../kube/clock.ts';
import type { Logger } from '../observe/log.ts';
import type { SilenceRecord } from './silence-record.ts';

/** At least so long from one writing to the next, in milliseconds: a storm of alerts is none of writes. */
export const NOTE_EVERY_MS: Readonly<Record<Arrival, number>> = { Alert: 60_000, Test: 10_000 };

/** What {@link SilenceNotes} is made of. */
export interface SilenceNotesOptions {
  record: Pick<SilenceRecord, 'change'>;
  clock: Clock;
  log: Logger;
}

/** See the file's first line. */
export class SilenceNotes {
  readonly #options: SilenceNotesOptions;
  /** When they came, in milliseconds since the epoch; not written yet. */
  #waiting = new Map<Arrival, number>();
  /** When each was written last, by `Clock.elapsed`. */
  readonly #writtenAt = new Map<Arrival, number>();
  #lastAlert: number | undefined;
  #writing: Promise<void> | undefined;
  #cancel: Cancel = () => {};
  #stopped = false;

  constructor(options: SilenceNotesOptions) {
    this.#options = options;
  }

  /** When the last alert came to this very process, in milliseconds since the epoch. */
  get lastAlert(): number | undefined {
    return this.#lastAlert;
  }

  /** It came just now. Never throws. */
  add(arrival: Arrival): void {
    const now = this.#options.clock.now();
    if (arrival === 'Alert') this.#lastAlert = now;
    this.#waiting.set(arrival, now);
    this.#plan();
  }

  /** Writes what waits, and no more from then on. */
  async close(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#writing;
    if (this.#waiting.size > 0) await this.#write();
  }

  #plan(): void {
    if (this.#writing || this.#stopped || this.#waiting.size === 0) return;
    this.#cancel();
    const wait = Math.min(...[...this.#waiting.keys()].map((arrival) => this.#waitFor(arrival)));
    if (wait > 0) this.#cancel = this.#options.clock.after(wait, () => this.#plan());
    else {
      this.#writing = this.#write().finally(() => {
        this.#writing = undefined;
        this.#plan();
      });
    }
  }

  #waitFor(arrival: Arrival): number {
    const at = this.#writtenAt.get(arrival) ?? -Infinity;
    return at + NOTE_EVERY_MS[arrival] - this.#options.clock.elapsed();
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    const { record, clock, log } = this.#options;
    const arrived = this.#waiting;
    this.#waiting = new Map();
    for (const arrival of arrived.keys()) this.#writtenAt.set(arrival, clock.elapsed());
    try {
      const result = await record.change((data) => arrivalChange(data, arrived, clock.now()));
      if (result === 'Failed') this.#keep(arrived);
    } catch (error) {
      log.error({ err: error }, 'when alerts came was not noted: a defect');
    }
  }

  // What came since is later.
  #keep(arrived: ReadonlyMap<Arrival, number>): void {
    for (const kind of ARRIVALS) {
      const at = arrived.get(kind);
      if (at !== undefined && !this.#waiting.has(kind)) this.#waiting.set(kind, at);
    }
  }
}
