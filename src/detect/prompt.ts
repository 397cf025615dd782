// A prompt answer to a sender: with the outcome if that is quick, else as soon as the detection is safe.
import type { Detection } from '../api/detection.ts';
import { sleep, type Clock } from '../kube/clock.ts';
import type { Accepted, Intake } from './intake.ts';
import type { DetectionOutcome } from './outcome.ts';

/** What the sender is told. */
export type Answer =
  | { kind: 'Outcome'; outcome: DetectionOutcome }
  /** Safe in the journal; the outcome comes later. */
  | { kind: 'Queued' }
  /** The sender should send it again; the reason is for people. */
  | { kind: 'Refused'; reason: string };

// Falcosidekick sends the next alert only after the answer to this one.
const OUTCOME_WITHIN_MS = 250;
// A disk that takes longer for one record does not get on.
const DURABLE_WITHIN_MS = 1_000;

/**
 * Makes a function that hands detections over and never takes long: while outcomes take longer than 250 ms, as they do
 * when the API server hangs, only the first sender waits for one.
 */
export function promptly(intake: Intake, clock: Clock): (detection: Detection) => Promise<Answer> {
  let slow = false;
  return async (detection) => {
    const submission = intake.submit(detection);
    if (!submission.accepted) return { kind: 'Refused', reason: submission.reason };
    // Looked at only when the outcome takes long.
    submission.durable.catch(() => {});
    const start = clock.elapsed();
    void submission.outcome.then(() => {
      if (clock.elapsed() - start <= OUTCOME_WITHIN_MS) slow = false;
    });
    const outcome = slow ? undefined : await within(OUTCOME_WITHIN_MS, submission.outcome, clock);
    if (outcome) return { kind: 'Outcome', outcome };
    slow = true;
    return whenDurable(submission, clock);
  };
}

async function whenDurable({ outcome, durable }: Accepted, clock: Clock): Promise<Answer> {
  const known = outcome.then((value): Answer => ({ kind: 'Outcome', outcome: value }));
  const safe = durable.then(
    // What ended is as safe, and the outcome says more.
    (): Promise<Answer> | Answer => Promise.race([known, Promise.resolve<Answer>({ kind: 'Queued' })]),
    (error: unknown): Answer => ({ kind: 'Refused', reason: reasonOf(error) }),
  );
  const answer = await within(DURABLE_WITHIN_MS, safe, clock);
  return answer ?? { kind: 'Refused', reason: 'it is not known yet whether the alert is safe' };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'the journal could not take it';
}

async function within<T>(ms: number, result: Promise<T>, clock: Clock): Promise<T | undefined> {
  const known = new AbortController();
  const timeout = sleep(clock, ms, known.signal).then(() => undefined);
  const first = await Promise.race([result, timeout]);
  known.abort();
  return first;
}
