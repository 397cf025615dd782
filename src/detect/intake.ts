// The one door for detections, whichever way they come in: it counts each once, keeps it safe, and sees it to its end.
import type { Detection } from '../api/detection.ts';
import type { Journal } from './journal/journal.ts';
import type { DetectionOutcome } from './outcome.ts';
import { IntakeQueue, type IntakeQueueOptions } from './queue.ts';
import { RecentIds } from './recent.ts';

/** What became of handing over a detection. */
export type Submission = Refused | Accepted;

/** There is no room, or the process stops; the reason is for people. */
export interface Refused {
  accepted: false;
  reason: string;
}

/** It is worked on from now on, in this process. */
export interface Accepted {
  accepted: true;
  /** Never rejects. */
  outcome: Promise<DetectionOutcome>;
  /**
   * Resolves once no crash can lose it: it has an outcome, or it is in the journal. Rejects when the journal cannot take
   * it; it is worked on nevertheless, and its sender should send it again.
   */
  durable: Promise<void>;
}

/** Where ways in hand over a detection. */
export interface Intake {
  submit(detection: Detection): Submission;
}

/** Options of {@link DurableIntake}. */
export interface DurableIntakeOptions extends IntakeQueueOptions {
  /** Absent: what waits is in memory only, and nothing is durable before it has an outcome. */
  journal?: Pick<Journal, 'append' | 'settle' | 'pending'>;
  /** Called once for each accepted detection when it ended; must not throw. */
  onOutcome: (outcome: DetectionOutcome, detection: Detection) => void;
}

const REMEMBERED_IDS = 20_000;

const DUPLICATE: DetectionOutcome = {
  outcome: 'Duplicate',
  message: 'the same detection was counted before',
};

/** A detection without an outcome yet. */
interface InHand {
  outcome: Promise<DetectionOutcome>;
  ended: Promise<void>;
  durable: Promise<void>;
  /** The journal could not take it. */
  exposed: boolean;
}

/** See the file's first line. What the last process left in the journal is taken up at once. */
export class DurableIntake implements Intake {
  readonly #options: DurableIntakeOptions;
  readonly #queue: IntakeQueue;
  readonly #recent = new RecentIds(REMEMBERED_IDS);
  readonly #inHand = new Map<string, InHand>();

  constructor(options: DurableIntakeOptions) {
    this.#options = options;
    this.#queue = new IntakeQueue(options);
    for (const detection of options.journal?.pending ?? []) {
      const inHand = this.#follow(detection, this.#queue.restore(detection));
      inHand.durable = Promise.resolve();
    }
  }

  /** Detections that wait or are handled. */
  get depth(): number {
    return this.#queue.depth;
  }

  submit(detection: Detection): Submission {
    const { id } = detection.summary;
    const before = this.#inHand.get(id);
    if (before === undefined && !this.#recent.has(id)) return this.#accept(detection);
    this.#options.onOutcome(DUPLICATE, detection);
    if (before === undefined) {
      return { accepted: true, outcome: Promise.resolve(DUPLICATE), durable: Promise.resolve() };
    }
    // Sent again because the journal could not take it: a new chance to keep it.
    if (before.exposed) this.#keep(detection, before);
    return { accepted: true, outcome: before.outcome.then(() => DUPLICATE), durable: before.durable };
  }

  /** Has a detection looked at once more that had an outcome: it turned out to be in nobody's hands. */
  again(detection: Detection): void {
    const inHand = this.#follow(detection, this.#queue.restore(detection));
    this.#keep(detection, inHand);
    inHand.durable.catch(() => {});
  }

  /**
   * Accepts nothing more, goes on for up to `graceMs` milliseconds, then leaves the rest.
   * @returns how many detections have no outcome; those that are in the journal are taken up by the next process.
   */
  stop(graceMs = 0): Promise<number> {
    return this.#queue.stop(graceMs);
  }

  #accept(detection: Detection): Submission {
    const outcome = this.#queue.add(detection);
    if (outcome === undefined) return { accepted: false, reason: this.#queue.refusal };
    const inHand = this.#follow(detection, outcome);
    this.#keep(detection, inHand);
    return { accepted: true, outcome, durable: inHand.durable };
  }

  #follow(detection: Detection, outcome: Promise<DetectionOutcome>): InHand {
    const { id } = detection.summary;
    const ended = outcome.then((result) => {
      this.#inHand.delete(id);
      this.#recent.add(id);
      this.#options.journal?.settle(id);
      this.#options.onOutcome(result, detection);
    });
    const inHand = { outcome, ended, durable: ended, exposed: false };
    this.#inHand.set(id, inHand);
    return inHand;
  }

  #keep(detection: Detection, inHand: InHand): void {
    const { journal } = this.#options;
    if (!journal) return;
    inHand.exposed = false;
    inHand.durable = Promise.race([inHand.ended, journal.append(detection)]);
    inHand.durable.catch(() => (inHand.exposed = true));
  }
}
