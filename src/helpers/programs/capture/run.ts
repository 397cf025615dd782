// What a capture pod does: waits for its reader, runs what collects, one after the other, and sends what they find.
import { join, relative } from 'node:path';
import { deadline, sleep, type Clock } from '../../../kube/clock.ts';
import type { CaptureOrder, NodeCollectorName } from '../../capture-order.ts';
import type { CaptureReport } from '../../capture-report.ts';
import type { CaptureSink } from '../../capture-stream.ts';
import { wireLimits } from '../../capture-wire.ts';
import { byteBudget, type NodeCollector, type NodeContext } from './collector.ts';
import { createSink, type Sink } from './serve-sink.ts';
import { acceptReader, NoReaderError, type Reader, type ServeGiven } from './serve.ts';

/** Folders of the node, and where they are in the pod. */
export interface HostFolder {
  /** On the node. */
  path: string;
  /** In this pod. */
  mountedAt: string;
}

/** What {@link runCapture} takes. */
export interface CaptureGiven extends Pick<NodeContext, 'proc'> {
  clock: Clock;
  order: CaptureOrder;
  collectors: Readonly<Record<NodeCollectorName, NodeCollector>>;
  folders: readonly HostFolder[];
  serve: Omit<ServeGiven, 'clock' | 'withinMs'>;
}

/** The reader starts this pod and comes as soon as it runs. */
const READER_WITHIN_MS = 60_000;
/** How long a collector has to hand over what it holds once its time is over. */
const WIND_UP_MS = 2_000;
/** Kept for the last frames. */
const LAST_MS = 1_000;
const MAX_MESSAGE = 900;

/** Carries out an order. @throws never: what went wrong is in the report. */
export async function runCapture(given: CaptureGiven): Promise<CaptureReport> {
  let reader: Reader | undefined;
  try {
    reader = await acceptReader({ ...given.serve, clock: given.clock, withinMs: READER_WITHIN_MS });
    const done = await collectAll(given, reader);
    return { result: 'Sent', ...done };
  } catch (error) {
    const message = messageOf(error).slice(0, MAX_MESSAGE);
    return { result: 'Refused', reason: reasonOf(error, reader), message };
  } finally {
    await reader?.end();
  }
}

function reasonOf(error: unknown, reader: Reader | undefined): 'NoReader' | 'Broken' | 'Failed' {
  if (error instanceof NoReaderError) return 'NoReader';
  return reader?.gone.aborted === true ? 'Broken' : 'Failed';
}

async function collectAll(given: CaptureGiven, reader: Reader) {
  const { clock, order } = given;
  const sink = createSink({ send: reader.send, limits: wireLimits(order), recipients: order.recipients });
  const budget = byteBudget(order.limits.maxBytes);
  const until = clock.elapsed() + Math.min(order.limits.deadlineMs, reader.deadlineMs) - LAST_MS;
  for (const [index, name] of order.collectors.entries()) {
    const share = (until - clock.elapsed()) / (order.collectors.length - index) - WIND_UP_MS;
    await collect({ ...given, budget, reader, sink, shareMs: Math.max(0, share) }, given.collectors[name]);
    reader.gone.throwIfAborted();
  }
  return sink.done();
}

interface One extends CaptureGiven {
  budget: NodeContext['budget'];
  reader: Reader;
  sink: Sink;
  shareMs: number;
}

/** Runs one collector; whatever goes wrong with it is a problem, and its file ends where it is. */
async function collect(one: One, collector: NodeCollector): Promise<void> {
  const { clock, order, proc, budget, reader, shareMs } = one;
  const time = deadline(clock, shareMs, reader.gone);
  const late = deadline(clock, shareMs + WIND_UP_MS, reader.gone);
  const own = revocable(one.sink.of(late.signal));
  const hostFolder = (path: string) => folderOf(one.folders, path);
  try {
    // What it has of the time, so that it can keep some of it for what comes last.
    const share = { ...order, limits: { ...order.limits, deadlineMs: Math.floor(shareMs) } };
    const context = { order: share, proc, hostFolder, clock, budget, signal: time.signal };
    const work = collector.collect(context, own.sink);
    const inTime = await Promise.race([
      work.then(() => true),
      own.over(clock, late.signal).then(() => false),
    ]);
    if (!inTime) own.sink.problem(collector.name, 'given up: it did not end when its time was over');
    else if (time.signal.aborted) own.sink.problem(collector.name, 'may be incomplete: its time was over');
  } catch (error) {
    own.sink.problem(collector.name, `failed: ${messageOf(error)}`);
  } finally {
    own.revoke();
    time.done();
    late.done();
  }
}

/** A sink that can be taken away, so that one collector which does not end says nothing in the time of the next one. */
function revocable(sink: CaptureSink) {
  let isRevoked = false;
  let last: Promise<unknown> = Promise.resolve();
  const own: CaptureSink = {
    file: async (head, content) => {
      if (isRevoked) throw new Error('the time of this collector is over');
      const sent = sink.file(head, content);
      last = sent.catch(() => {});
      return sent;
    },
    problem: (collector, message) => {
      if (!isRevoked) sink.problem(collector, message);
    },
  };
  return {
    sink: own,
    revoke: () => (isRevoked = true),
    /** Resolves when the time is over and no file is open any more. */
    over: async (clock: Clock, late: AbortSignal) => {
      await new Promise<void>((resolve) => {
        if (late.aborted) resolve();
        late.addEventListener('abort', () => resolve(), { once: true });
      });
      // In this turn a file that was open ends.
      await last;
      await sleep(clock, 0);
    },
  };
}

/** The path in this pod; undefined if no folder that it is in is mounted. @param path on the node. */
export function folderOf(folders: readonly HostFolder[], path: string): string | undefined {
  for (const { path: root, mountedAt } of folders) {
    const within = relative(root, path);
    if (path.startsWith('/') && within !== '..' && !within.startsWith('../')) return join(mountedAt, within);
  }
  return undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
