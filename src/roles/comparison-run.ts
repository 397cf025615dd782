// One comparison of a pod with its images: reads the node, and hands what is drift to what opens incidents.
import { randomUUID } from 'node:crypto';
import type { PodFacts } from '../api/pod.ts';
import { collectFindings, filesystemDetection } from '../detect/filesystem.ts';
import { readChanges } from '../detect/filesystem-changes.ts';
import { targetOf } from '../incidents/target.ts';
import type { AccessReviews } from '../kube/access-reviews.ts';
import { timestamp } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import { DRIFT_INCIDENTS } from '../kube/resources.ts';
import type { Logger } from '../observe/log.ts';
import { nodeCollector } from '../respond/node-capture.ts';
import { recordOwn, type RecordParts } from './own-detections.ts';

/** What it works with. */
export interface CompareParts extends RecordParts {
  client: KubeClient;
  log: Logger;
  reviews: Pick<AccessReviews, 'mayDo'>;
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
  const { outcome, incident: key, message } = await recordOwn(parts, detection, signal);
  const { id, severity } = detection.summary;
  log.info({ outcome, incident: key, detection: id, severity, danger, other }, message);
}
