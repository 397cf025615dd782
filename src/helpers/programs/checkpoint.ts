// What a checkpoint pod does: takes the archives of one pod from the node, waits for its reader, and sends them.
import { messageOf } from '../../evidence/error-message.ts';
import { deadline, timestamp, type Clock } from '../../kube/clock.ts';
import type { CaptureReport } from '../capture-report.ts';
import type { CaptureSink } from '../capture-stream.ts';
import type { WireLimits } from '../capture-wire.ts';
import { CHECKPOINT_COLLECTOR, checkpointPath, type CheckpointOrder } from '../checkpoint-order.ts';
import { createSink } from './capture/serve-sink.ts';
import { acceptReader, NoReaderError, type Reader, type ServeGiven } from './capture/serve.ts';
import { takeArchives, type TakeGiven, type TakenArchive, type TakenArchives } from './checkpoint-files.ts';

/** What {@link runCheckpoint} takes. */
export interface CheckpointGiven extends Omit<TakeGiven, 'order'> {
  clock: Clock;
  order: CheckpointOrder;
  serve: Omit<ServeGiven, 'clock' | 'withinMs'>;
}

/** The reader starts this pod and comes as soon as it runs. */
const READER_WITHIN_MS = 60_000;
/** Kept for the last frames. */
const LAST_MS = 1_000;
const MAX_MESSAGE = 900;

/** What a reader takes of an order. */
export function checkpointLimits({ containers, limits }: CheckpointOrder): WireLimits {
  return { files: containers.length, bytes: limits.maxBytes };
}

/** Carries out an order. @throws never: what went wrong is in the report. */
export async function runCheckpoint(given: CheckpointGiven): Promise<CaptureReport> {
  // Before anybody comes: also where nobody does, nothing stays.
  const taken = takeArchives(given);
  let reader: Reader | undefined;
  try {
    reader = await acceptReader({ ...given.serve, clock: given.clock, withinMs: READER_WITHIN_MS });
    return { result: 'Sent', ...(await sendAll(given, taken, reader)) };
  } catch (error) {
    // Nobody is there to be told but the kubelet.
    const message = [messageOf(error), ...taken.problems].join('; ').slice(0, MAX_MESSAGE);
    return { result: 'Refused', reason: reasonOf(error, reader), message };
  } finally {
    for (const { close } of taken.archives) close();
    await reader?.end();
  }
}

function reasonOf(error: unknown, reader: Reader | undefined): 'NoReader' | 'Broken' | 'Failed' {
  if (error instanceof NoReaderError) return 'NoReader';
  return reader?.gone.aborted === true ? 'Broken' : 'Failed';
}

async function sendAll(
  { clock, order }: CheckpointGiven,
  { archives, problems }: TakenArchives,
  reader: Reader,
) {
  const { recipients, limits } = order;
  const sink = createSink({ send: reader.send, limits: checkpointLimits(order), recipients });
  const time = deadline(clock, Math.min(limits.deadlineMs, reader.deadlineMs) - LAST_MS, reader.gone);
  const own = sink.of(time.signal);
  for (const problem of problems) own.problem(CHECKPOINT_COLLECTOR, problem);
  let left = limits.maxBytes;
  for (const archive of archives) {
    if (archive.size > left) {
      const why = `is left out: it has ${archive.size} bytes, and there is room for ${left}`;
      own.problem(CHECKPOINT_COLLECTOR, `the checkpoint of container ${archive.container} ${why}`);
      continue;
    }
    left -= archive.size;
    await send(archive, { clock, order, own });
    reader.gone.throwIfAborted();
  }
  time.done();
  return sink.done();
}

async function send(
  { container, archive, content }: TakenArchive,
  { clock, order, own }: { clock: Clock; order: CheckpointOrder; own: CaptureSink },
): Promise<void> {
  const head = {
    path: checkpointPath(container),
    collector: CHECKPOINT_COLLECTOR,
    contentType: 'application/x-tar',
    source: `checkpoint of container ${container} by its kubelet, ${order.folder}/${archive}`,
    collectedAt: timestamp(clock),
  };
  try {
    await own.file(head, content());
  } catch (error) {
    const why = `the checkpoint of container ${container} is not whole: ${messageOf(error)}`;
    own.problem(CHECKPOINT_COLLECTOR, why);
  }
}
