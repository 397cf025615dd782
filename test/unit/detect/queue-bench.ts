// A queue whose handler is steered by the test.
import type { Detection, ToldIdentity } from '../../../src/api/detection.ts';
import type { DetectionOutcome } from '../../../src/detect/outcome.ts';
import { DurableIntake, type DurableIntakeOptions, type Submission } from '../../../src/detect/intake.ts';
import type { Attempt, Handle } from '../../../src/detect/queue.ts';
import { VirtualClock, drain } from '../../support/virtual-clock.ts';
import { RecordingLog, detection } from './support.ts';

/** What the handler says unless told otherwise. */
export const OPENED: DetectionOutcome = { outcome: 'Opened', message: 'opened' };
/** Identity of one pod. */
export const CART: ToldIdentity = { podUid: 'cart' };

/** Sizes and steering of a {@link QueueBench}. */
export interface BenchOptions {
  handle?: Handle;
  capacity?: number;
  workers?: number;
  random?: () => number;
  journal?: NonNullable<DurableIntakeOptions['journal']>;
}

/** A queue whose handler is steered by the test. */
export class QueueBench {
  readonly clock = new VirtualClock();
  readonly log = new RecordingLog();
  readonly tries: { id: number; at: number; attempt: Attempt }[] = [];
  readonly ended: { id: number; outcome: string }[] = [];
  readonly queue: DurableIntake;
  readonly start = this.clock.now();
  running = 0;
  mostRunning = 0;

  constructor({ handle = async () => OPENED, random = () => 0.5, ...sizes }: BenchOptions = {}) {
    this.queue = new DurableIntake({
      ...sizes,
      handle: (submitted, attempt) => this.#track(handle, submitted, attempt),
      clock: this.clock,
      random,
      log: this.log,
      onOutcome: ({ outcome }, { summary }) => void this.ended.push({ id: idOf(summary.id), outcome }),
    });
  }

  submit(id: number, identity: ToldIdentity = {}): Submission {
    return this.queue.submit(detection(id, identity));
  }

  get order(): number[] {
    return this.tries.map((attempt) => attempt.id);
  }

  async #track(handle: Handle, submitted: Detection, attempt: Attempt): ReturnType<Handle> {
    this.tries.push({ id: idOf(submitted.summary.id), at: this.clock.now() - this.start, attempt });
    this.mostRunning = Math.max(this.mostRunning, ++this.running);
    try {
      return await handle(submitted, attempt);
    } finally {
      this.running--;
    }
  }
}

/** The number that a detection was made with. */
export const idOf = (id: string) => Number.parseInt(id, 16);

/** A handler whose runs end when the test says so. */
export function gate(): { handle: Handle; open: (outcome?: DetectionOutcome) => Promise<void> } {
  const waiting: ((outcome: DetectionOutcome) => void)[] = [];
  return {
    handle: () => new Promise((resolve) => void waiting.push(resolve)),
    open: async (outcome = OPENED) => {
      waiting.shift()?.(outcome);
      await drain();
    },
  };
}

/** The outcome of what must have been accepted. */
export function outcomeOf(submission: Submission): Promise<DetectionOutcome> {
  if (!submission.accepted) throw new Error('was not accepted');
  return submission.outcome;
}
