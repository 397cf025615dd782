// Takes the archives of checkpoints from their node: a checkpoint pod opens and removes them there, and sends them here.
import { randomBytes } from 'node:crypto';
import type { BundleWriter } from '../evidence/bundle.ts';
import { dialCapture, type CaptureConnection } from '../helpers/capture-dial.ts';
import { readCapture, type ReceivedFile } from '../helpers/capture-reader.ts';
import { captureEnd, readCaptureReport } from '../helpers/capture-report.ts';
import { CAPTURE_PORT, CaptureWireError, KEY_BYTES, type CaptureDone } from '../helpers/capture-wire.ts';
import { CHECKPOINT_COLLECTOR, checkpointArgs, type CheckpointOrder } from '../helpers/checkpoint-order.ts';
import type { HelperSettings } from '../helpers/helper-settings.ts';
import { checkpointLimits } from '../helpers/programs/checkpoint.ts';
import { awaitHelper, removeHelper, type HelperContext, type HelperPod } from '../helpers/run.ts';
import { deadline } from '../kube/clock.ts';
import type { Logger } from '../observe/log.ts';
import { NoCaptureError, startReadingPod } from './capture-pod.ts';

/** What {@link takeCheckpoints} takes. */
export interface TakeGiven {
  context: HelperContext;
  node: string;
  /** UID of the incident. */
  incident: string;
  settings: HelperSettings;
  order: CheckpointOrder;
  bundle: BundleWriter;
  options: TakeOptions;
}

/** What a test sets, and where the log goes. */
export interface TakeOptions {
  log: Logger;
  /** Makes the key of one pod; default random bytes. */
  newKey?: () => Uint8Array;
  /** Looked at once the pod runs. */
  port?: number;
}

const CONNECT_MS = 20_000;
/** Between the last frame and what the kubelet tells of the end. */
const CONFIRM_MS = 15_000;
const LAST_WORD_MS = 3_000;
const LIFETIME_MARGIN_MS = 60_000;

/**
 * See the file's first line. Problems of single archives are in the bundle.
 * @returns how many archives came.
 * @throws NoCaptureError, in words for people; KubeError; EvidenceStoreError.
 */
export async function takeCheckpoints(given: TakeGiven): Promise<number> {
  const { context, order, options } = given;
  const key = options.newKey?.() ?? randomBytes(KEY_BYTES);
  const helper = await startReadingPod({
    ...given,
    profile: 'checkpoint',
    args: async () => checkpointArgs(order, key),
    lifetimeMs: order.limits.deadlineMs + LIFETIME_MARGIN_MS,
  });
  try {
    return await takeIn(given, helper, key);
  } finally {
    await removeHelper(context.client, helper.name, helper.uid).catch((error: unknown) =>
      options.log.warn({ pod: helper.name, err: error }, 'a helper could not be removed; it ends by itself'),
    );
  }
}

async function takeIn(
  given: TakeGiven,
  helper: HelperPod & { ip: string },
  key: Uint8Array,
): Promise<number> {
  const { context, bundle, order } = given;
  const connection = await connect(given, helper, key);
  let files = 0;
  try {
    const done = await readCapture({
      source: connection.source,
      limits: checkpointLimits(order),
      take: async (file) => {
        files += 1;
        await keep(given, file);
      },
      problem: (_collector, message) => bundle.problem(CHECKPOINT_COLLECTOR, message),
    });
    await confirm(given, helper, done);
    return files;
  } catch (error) {
    if (!(error instanceof CaptureWireError)) throw error;
    const message = await lastMessage(context, helper, LAST_WORD_MS);
    const last = message === undefined ? '' : `; the checkpoint pod ended: ${captureEnd(message)}`;
    throw new NoCaptureError(`${error.message}${last}`, { cause: error });
  } finally {
    connection.close();
  }
}

async function connect(
  given: TakeGiven,
  { ip, name, uid }: HelperPod & { ip: string },
  key: Uint8Array,
): Promise<CaptureConnection> {
  const { context, order, options } = given;
  const { port = CAPTURE_PORT } = options;
  const { clock, stopping: signal } = context;
  const limit = deadline(clock, CONNECT_MS, signal);
  let why = 'it was not tried';
  const { deadlineMs } = order.limits;
  const connection = await dialCapture(
    { clock, host: ip, port, key, deadlineMs, dialing: limit.signal, signal },
    (failed) => (why = failed),
  ).finally(limit.done);
  if (connection) return connection;
  const message = await lastMessage(context, { name, uid }, 0);
  const ended = message === undefined ? '' : `; it ended: ${captureEnd(message)}`;
  throw new NoCaptureError(
    `the checkpoint pod could not be reached at ${ip}, port ${port}: ${why}${ended}. Let the responder reach pods of die-operator-capture there`,
  );
}

/** A connection that broke leaves what came as a file that is cut, which the bundle records. */
async function keep({ bundle, context }: TakeGiven, { head, content, end }: ReceivedFile): Promise<void> {
  const sealed = () => {
    const { plain, truncated } = end();
    return { ...(plain && { plain }), truncated };
  };
  const collector = CHECKPOINT_COLLECTOR;
  await bundle.add({ ...head, collector, content, sealed, signal: context.stopping });
}

/** The hash came along with the evidence; the kubelet tells it by another way. */
async function confirm(
  { context, bundle }: TakeGiven,
  helper: HelperPod,
  { sha256, files }: CaptureDone,
): Promise<void> {
  const message = await lastMessage(context, helper, CONFIRM_MS);
  const report = message === undefined ? undefined : readCaptureReport(message);
  if (report?.result === 'Sent' && report.sha256 === sha256 && report.files === files) return;
  const said =
    report?.result === 'Sent'
      ? `says that the node sent ${report.files} files with the hash ${report.sha256}`
      : `did not confirm it: ${message === undefined ? 'the pod did not end in time' : captureEnd(message)}`;
  bundle.problem(
    CHECKPOINT_COLLECTOR,
    `SUSPECT: ${files} files with the hash ${sha256} came, and the kubelet ${said}`,
  );
}

/** What the kubelet tells of the end of a pod; undefined if it does not, in time. */
async function lastMessage(
  context: HelperContext,
  helper: Pick<HelperPod, 'name' | 'uid'>,
  withinMs: number,
): Promise<string | undefined> {
  try {
    const pod = await awaitHelper(context, helper, ({ ended }) => ended !== undefined, withinMs);
    return pod?.ended?.message;
  } catch {
    return undefined;
  }
}
