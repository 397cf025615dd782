// Detections that the leading responder makes itself, and how they become incidents: as alerts do in a receiver.
import type { Detection } from '../api/detection.ts';
import type { DetectionOutcome, OutcomeName } from '../detect/outcome.ts';
import type { Handle } from '../detect/queue.ts';
import { createOpener } from '../incidents/open.ts';
import { Reporter } from '../incidents/report.ts';
import { sleep, type Clock } from '../kube/clock.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { SharedParts } from './parts.ts';
import { forgetEnded } from './receiver.ts';

/** Its key in the reports of incidents: there is one at a time, in whichever process. */
const REPORTER = 'comparison';
/** For the last reports, at a stop, in milliseconds. */
const LAST_GRACE_MS = 2_000;
/** How long what was found waits for an API server, in milliseconds; it is found again the next time. */
const RECORD_MS = 60_000;
const RETRY_MS = 1_000;

/** What they are recorded with. */
export interface RecordParts {
  clock: Clock;
  metrics: Pick<Metrics<OutcomeName>, 'detection'>;
  /** Opens incidents. */
  handle: Handle;
}

/** Opens incidents for what the leader finds, until `end`. */
export interface OwnDetections {
  handle: Handle;
  /** Writes what is left to write. */
  end(): Promise<void>;
}

/** See the file's first line. */
export function createOwnDetections(parts: SharedParts): OwnDetections {
  const reporter = new Reporter({ ...parts, receiver: REPORTER });
  const unsubscribe = parts.caches.incidents.subscribe((change) => forgetEnded(reporter, change));
  return {
    // What was just read is never too old.
    handle: createOpener({ ...parts, reporter, maxAlertAgeMs: Infinity }),
    end: async () => {
      unsubscribe();
      await Promise.race([reporter.flush(), sleep(parts.clock, LAST_GRACE_MS)]);
    },
  };
}

/** Has a detection recorded, and counts what became of it. @throws what the last try threw; the reason of the signal. */
export async function recordOwn(
  { handle, clock, metrics }: RecordParts,
  detection: Detection,
  signal: AbortSignal,
): Promise<DetectionOutcome> {
  const firstTriedAt = clock.elapsed();
  for (;;) {
    const result = await handle(detection, { firstTriedAt });
    if ('outcome' in result) {
      metrics.detection(result.outcome);
      return result;
    }
    if (clock.elapsed() - firstTriedAt >= RECORD_MS) throw new Error(result.message);
    await sleep(clock, Math.max(RETRY_MS, result.retryAfterMs), signal);
    signal.throwIfAborted();
  }
}
