// The logs of every container of the pod, of the current run and of the one before.
import type { KubeObject } from '../../api/meta.ts';
import type { TextOptions, TextRead } from '../../kube/client.ts';
import { deadline, timestamp } from '../../kube/clock.ts';
import { KubeError } from '../../kube/errors.ts';
import { PODS, resourcePath } from '../../kube/resources.ts';
import type { BundleWriter } from '../bundle.ts';
import type { CollectContext, Collector } from '../collector.ts';
import { messageOf } from '../error-message.ts';
import { pathSegment } from '../path.ts';
import { jsonFile } from './reads.ts';
import { readTargetPod } from './target-pod.ts';

/** Bytes of one log that are kept, from its beginning. */
export const MAX_LOG_BYTES = 10 * 1024 * 1024;
/** Of a longer log this many last lines are kept too: what the intruder did is at the end. */
export const TAIL_LINES = 10_000;
/** Containers whose logs are read. */
export const MAX_CONTAINERS = 64;

/** Milliseconds for all logs of a pod: eviction waits for them, and a node that does not answer must not hold it up. */
export const ALL_LOGS_MS = 60_000;

const NAME = 'logs';
const PARALLEL_READS = 4;
/**
 * A log that flows may take its time. Where the kubelet does not answer, or the API server cannot reach it (500, 502,
 * 503), more than a second try would only give the intruder time. The API server itself waits 10 s for a kubelet that says
 * nothing: it is given up before.
 */
const ONE_LOG: TextOptions = { timeoutMs: 30_000, idleMs: 8_000, retry: { tries: 2, withinMs: 2_000 } };

type Run = 'current' | 'previous';

/** One log to read. */
interface LogRead {
  container: string;
  type: 'init' | 'regular' | 'ephemeral';
  run: Run;
  /** Last lines only. */
  tail?: boolean;
}

/** What became of one log, for `logs/about.json`. */
interface LogResult extends LogRead {
  file?: string;
  truncated?: boolean;
  /** Why there is no file, if that is nothing to worry about. */
  note?: string;
  problem?: string;
  /** It was not asked for, as the time was over. */
  unread?: true;
}

/** The collector. A log that does not exist is a note in `logs/about.json` and no problem. */
export const podLogs: Collector = { name: NAME, collect };

async function collect(context: CollectContext, bundle: BundleWriter): Promise<void> {
  const live = await readTargetPod(context);
  if ('problem' in live) return bundle.problem(NAME, `no logs: ${live.problem}`);
  const containers = containersOf(live.pod);
  if (containers.length > MAX_CONTAINERS)
    bundle.problem(NAME, `only the first ${MAX_CONTAINERS} of ${containers.length} containers were read`);
  const named = containers.slice(0, MAX_CONTAINERS);
  // What runs now is worth most, should the time not suffice.
  const reads = (['current', 'previous'] as const).flatMap((run) =>
    named.map((container): LogRead => ({ ...container, run })),
  );
  const results = await keepLogs(context, bundle, reads);
  const unread = results.filter((result) => result.unread).length;
  if (unread > 0) {
    const why = context.signal.aborted
      ? 'the time for evidence was over'
      : `the ${ALL_LOGS_MS / 1000} s for the logs of one pod were over`;
    bundle.problem(NAME, `${unread} logs were not asked for, as ${why}; logs/about.json names them`);
  }
  await bundle.add({ ...aboutFile(context, results), collector: NAME });
  await checkStillThere(context, bundle);
}

/** Reads and keeps them all in the time that there is. */
async function keepLogs(
  context: CollectContext,
  bundle: BundleWriter,
  reads: readonly LogRead[],
): Promise<LogResult[]> {
  const { signal, done } = deadline(context.clock, ALL_LOGS_MS, context.signal);
  try {
    const limited = { ...context, signal };
    const results = await inParallel(reads, PARALLEL_READS, (read) => keepLog(limited, bundle, read));
    return results.flat();
  } finally {
    done();
  }
}

function containersOf(pod: KubeObject): Pick<LogRead, 'container' | 'type'>[] {
  type Named = { name: string }[];
  const spec = (pod['spec'] ?? {}) as Record<string, Named | undefined>;
  const named = (field: string, type: LogRead['type']) =>
    (spec[field] ?? []).map(({ name }) => ({ container: name, type }));
  return [
    ...named('containers', 'regular'),
    ...named('ephemeralContainers', 'ephemeral'),
    ...named('initContainers', 'init'),
  ];
}

/** Reads and keeps one log; of one that is cut the end too. Rejects only if the bundle cannot store. */
async function keepLog(context: CollectContext, bundle: BundleWriter, read: LogRead): Promise<LogResult[]> {
  const answer = await readLog(context, read);
  if (!('bytes' in answer)) {
    if ('problem' in answer) bundle.problem(NAME, answer.problem);
    return [{ ...read, ...answer }];
  }
  const { bytes, truncated } = answer;
  const file = fileOf(read);
  await bundle.add({
    path: file,
    content: bytes,
    collector: NAME,
    contentType: 'text/plain',
    source: sourceOf(context, read),
    truncated,
    collectedAt: timestamp(context.clock),
  });
  const result = { ...read, file, truncated };
  if (!truncated) return [result];
  bundle.problem(NAME, cutMessage(read, answer));
  return read.tail ? [result] : [result, ...(await keepLog(context, bundle, { ...read, tail: true }))];
}

function cutMessage(read: LogRead, { bytes, failure }: TextRead): string {
  const why = failure ? ` (${messageOf(failure)})` : '';
  const rest = read.tail ? '' : '; its end is asked for as well';
  return `${fileOf(read)} is cut after ${bytes.length} bytes${why}${rest}`;
}

async function readLog(
  { client, signal, target: { namespace, name } }: CollectContext,
  read: LogRead,
): Promise<TextRead | Pick<LogResult, 'note' | 'problem' | 'unread'>> {
  if (signal.aborted) return { unread: true };
  const at = { namespace, name, subresource: 'log' };
  try {
    return await client.readText(PODS, at, queryOf(read), MAX_LOG_BYTES, { ...ONE_LOG, signal });
  } catch (error) {
    // The kubelet's answer where a container has not started, or has not run before. (404: pod or node are gone.)
    if (error instanceof KubeError && error.status === 400) return { note: messageOf(error) };
    const what = `${read.run} log of container ${read.container}${read.tail ? ', its end' : ''}`;
    return { problem: `${what}: ${messageOf(error)}` };
  }
}

function queryOf({ container, run, tail }: LogRead): Record<string, string> {
  return {
    container,
    timestamps: 'true',
    // One byte more than we keep, so that a cut is seen as one.
    limitBytes: String(MAX_LOG_BYTES + 1),
    ...(run === 'previous' && { previous: 'true' }),
    ...(tail && { tailLines: String(TAIL_LINES) }),
  };
}

function fileOf({ container, run, tail }: LogRead): string {
  return `logs/${pathSegment(container)}/${run}${tail ? '-end' : ''}.log`;
}

function sourceOf({ target: { namespace, name } }: CollectContext, read: LogRead): string {
  const query = new URLSearchParams(queryOf(read)).toString();
  return `GET ${resourcePath(PODS, { namespace, name, subresource: 'log' })}?${query}`;
}

function aboutFile({ clock }: CollectContext, results: readonly LogResult[]) {
  return jsonFile({ path: 'logs/about.json', source: 'this capture', clock }, { logs: results });
}

// Logs are read by the pod's name: a pod that took the name meanwhile (StatefulSet) would have answered.
async function checkStillThere(context: CollectContext, bundle: BundleWriter): Promise<void> {
  const live = await readTargetPod(context);
  if ('problem' in live)
    bundle.problem(NAME, `logs may be cut short or from another pod, since at their end: ${live.problem}`);
}

/** Runs `work` on all items, at most `width` at a time; rejects once all that was begun has ended. */
async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const runner = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  const ends = await Promise.allSettled(Array.from({ length: width }, runner));
  const failure = ends.find((end) => end.status === 'rejected');
  if (failure) throw failure.reason;
  return results;
}
