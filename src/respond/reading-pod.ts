// What all pods that read on a node have in common once they run: the way to them, how what they send is kept, and what their
// kubelet tells of their end.
import type { BundleWriter } from '../evidence/bundle.ts';
import { dialCapture, type CaptureConnection } from '../helpers/capture-dial.ts';
import type { ReceivedFile } from '../helpers/capture-reader.ts';
import { captureEnd, readCaptureReport } from '../helpers/capture-report.ts';
import { CAPTURE_PORT, type CaptureDone } from '../helpers/capture-wire.ts';
import { awaitHelper, removeHelper, type HelperContext, type HelperPod } from '../helpers/run.ts';
import { deadline } from '../kube/clock.ts';
import type { Logger } from '../observe/log.ts';
import { NoCaptureError } from './capture-pod.ts';

/** A pod of one of these profiles that runs. */
export interface ReadingPod {
  context: HelperContext;
  profile: 'capture' | 'checkpoint';
  helper: HelperPod & { ip: string };
  /** Default that of all helpers. */
  port?: number | undefined;
}

const CONNECT_MS = 20_000;
/** Between the last frame and what the kubelet tells of the end. */
const CONFIRM_MS = 15_000;
const LAST_WORD_MS = 3_000;

/** Connects. @param deadlineMs how long the pod may send. @throws NoCaptureError, with what the kubelet tells of an end. */
export async function connectTo(
  { context, profile, helper, port = CAPTURE_PORT }: ReadingPod,
  key: Uint8Array,
  deadlineMs: number,
): Promise<CaptureConnection> {
  const { clock, stopping: signal } = context;
  const { ip: host } = helper;
  const limit = deadline(clock, CONNECT_MS, signal);
  let why = 'it was not tried';
  const connection = await dialCapture(
    { clock, host, port, key, deadlineMs, dialing: limit.signal, signal },
    (failed) => (why = failed),
  ).finally(limit.done);
  if (connection) return connection;
  const message = await lastMessage(context, helper, 0);
  const ended = message === undefined ? '' : `; it ended: ${captureEnd(message)}`;
  throw new NoCaptureError(
    `the ${profile} pod could not be reached at ${host}, port ${port}: ${why}${ended}. Let the responder reach pods of die-operator-capture there`,
  );
}

/** Keeps a file. A connection that broke leaves what came as a file that is cut, which the bundle records. */
export async function keepFile(
  bundle: BundleWriter,
  { head, content, end }: ReceivedFile,
  { collector = head.collector, signal }: { collector?: string; signal: AbortSignal },
): Promise<void> {
  const sealed = () => {
    const { plain, truncated } = end();
    return { ...(plain && { plain }), truncated };
  };
  await bundle.add({ ...head, collector, content, sealed, signal });
}

/**
 * The hash came along with the evidence; the kubelet tells it by another way.
 * @returns why it is suspect; undefined if both say the same.
 */
export async function unconfirmed(
  { context, helper }: ReadingPod,
  { sha256, files }: CaptureDone,
): Promise<string | undefined> {
  const message = await lastMessage(context, helper, CONFIRM_MS);
  const report = message === undefined ? undefined : readCaptureReport(message);
  if (report?.result !== 'Sent') {
    const why = message === undefined ? 'its pod did not end in time' : captureEnd(message);
    return `SUSPECT: everything came, and the node did not confirm it: ${why}`;
  }
  if (report.sha256 === sha256 && report.files === files) return undefined;
  const said = `${report.files} files with the hash ${report.sha256}`;
  return `SUSPECT: ${files} files with the hash ${sha256} came, and its kubelet says that the node sent ${said}`;
}

/** Why the other end went, as far as its kubelet knows: to be put behind another message. */
export async function lastWord({ context, profile, helper }: ReadingPod): Promise<string> {
  const message = await lastMessage(context, helper, LAST_WORD_MS);
  return message === undefined ? '' : `; the ${profile} pod ended: ${captureEnd(message)}`;
}

/** Removes it. Never rejects: it ends by itself, too. */
export async function removeReading({ context, helper }: ReadingPod, log: Logger): Promise<void> {
  const { name, uid } = helper;
  await removeHelper(context.client, name, uid).catch((error: unknown) =>
    log.warn({ pod: name, err: error }, 'a helper could not be removed; it ends by itself'),
  );
}

/** What the kubelet tells of the end of a pod; undefined if it does not, in time. */
async function lastMessage(
  context: HelperContext,
  helper: HelperPod,
  withinMs: number,
): Promise<string | undefined> {
  try {
    const pod = await awaitHelper(context, helper, ({ ended }) => ended !== undefined, withinMs);
    return pod?.ended?.message;
  } catch {
    return undefined;
  }
}
