// One comparison of a pod with its images: reads the node, and hands what is drift to what opens incidents.
import { randomUUID } from 'node:crypto';
import type { Detection } from '../api/detection.ts';
import type { PodFacts } from '../api/pod.ts';
import { collectFindings, filesystemDetection } from '../detect/filesystem.ts';
import { readChanges } from '../detect/filesystem-changes.ts';
import type { DetectionOutcome, OutcomeName } from '../detect/outcome.ts';
import type { Handle } from '../detect/queue.ts';
import { targetOf } from '../incidents/target.ts';
import type { AccessReviews } from '../kube/access-reviews.ts';
import { sleep, timestamp, type Clock } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import { DRIFT_INCIDENTS } from '../kube/resources.ts';
import type { Logger } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import { nodeCollector } from '../respond/node-capture.ts';

/** What it works with. */
export interface CompareParts {
  client: KubeClient;
  clock: Clock;
  log: Logger;
  reviews: Pick<AccessReviews, 'mayDo'>;
  metrics: Pick<Metrics<OutcomeName>, 'detection'>;
  /** Opens incidents. */
  handle: Handle;
  nodeCollector?: typeof nodeCollector | undefined;
  /** A UUID for each run; default random. */
  newId?: () => string;
}

/** What is compared. */
export interface CompareGiven {
  pod: PodFacts;
  expectedWrites: readonly string[];
  signal: AbortSignal;
}

/** How long it may hold the node, in milliseconds. */
const WITHIN_MS = 90_000;
/** How long what was found waits for an API server, in milliseconds; it is found again the next time. */
const RECORD_MS = 60_000;
const RETRY_MS = 1_000;

/** See the file's first line. @throws KubeError; the reason of the signal. */
export async function comparePod(parts: CompareParts, given: CompareGiven): Promise<void> {
  const { client, clock, reviews, nodeCollector: collectorOf = nodeCollector, newId = randomUUID } = parts;
  const { pod, signal, expectedWrites } = given;
  const { namespace, name } = pod;
  const log = parts.log.child({ namespace, pod: name });
  if (!(await reviews.mayDo({ verb: 'create', resource: DRIFT_INCIDENTS, at: { namespace } }))) {
    log.warn(
      {},
      'the pod is not compared with its images, as no incident could be opened: install config/components/comparison',
    );
    return;
  }
  const { take, findings } = collectFindings(expectedWrites);
  const reading = readChanges(take);
  const request = {
    collectors: ['Filesystem' as const],
    contents: false,
    maxBytes: 0,
    withinMs: WITHIN_MS,
    recipients: [],
  };
  const incident = { namespace, name, uid: newId() };
  await collectorOf(request, { log }).collect(
    { client, clock, signal, target: targetOf(pod), incident },
    reading.writer,
  );
  signal.throwIfAborted();
  const { complete, problems } = reading.end();
  const { danger, other } = findings.counts;
  if (!complete)
    log.warn({ problems, danger, other }, 'the pod could not be compared as a whole with its images');
  const detection = filesystemDetection(pod, findings, timestamp(clock));
  if (!detection) return;
  const { outcome, incident: key, message } = await record(parts, detection, signal);
  parts.metrics.detection(outcome);
  const { id, severity } = detection.summary;
  log.info({ outcome, incident: key, detection: id, severity, danger, other }, message);
}

/** @throws what the last try threw. */
async function record(
  { handle, clock }: CompareParts,
  detection: Detection,
  signal: AbortSignal,
): Promise<DetectionOutcome> {
  const firstTriedAt = clock.elapsed();
  for (;;) {
    const result = await handle(detection, { firstTriedAt });
    if ('outcome' in result) return result;
    if (clock.elapsed() - firstTriedAt >= RECORD_MS) throw new Error(result.message);
    await sleep(clock, Math.max(RETRY_MS, result.retryAfterMs), signal);
    signal.throwIfAborted();
  }
}
