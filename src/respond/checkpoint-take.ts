// Takes the archives of checkpoints from their node: a checkpoint pod opens and removes them there, and sends them here.
import { randomBytes } from 'node:crypto';
import type { BundleWriter } from '../evidence/bundle.ts';
import { readCapture } from '../helpers/capture-reader.ts';
import { CaptureWireError, KEY_BYTES } from '../helpers/capture-wire.ts';
import { CHECKPOINT_COLLECTOR, checkpointArgs, type CheckpointOrder } from '../helpers/checkpoint-order.ts';
import type { HelperSettings } from '../helpers/helper-settings.ts';
import { checkpointLimits } from '../helpers/programs/checkpoint.ts';
import type { HelperContext } from '../helpers/run.ts';
import type { Logger } from '../observe/log.ts';
import { NoCaptureError, startReadingPod } from './capture-pod.ts';
import { connectTo, keepFile, lastWord, removeReading, unconfirmed, type ReadingPod } from './reading-pod.ts';

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

const LIFETIME_MARGIN_MS = 60_000;

/**
 * See the file's first line. Problems of single archives are in the bundle.
 * @returns how many archives came.
 * @throws NoCaptureError, in words for people; KubeError; EvidenceStoreError.
 */
export async function takeCheckpoints(given: TakeGiven): Promise<number> {
  const { context, order, options } = given;
  const key = options.newKey?.() ?? randomBytes(KEY_BYTES);
  const profile = 'checkpoint';
  const helper = await startReadingPod({
    ...given,
    profile,
    args: async () => checkpointArgs(order, key),
    lifetimeMs: order.limits.deadlineMs + LIFETIME_MARGIN_MS,
  });
  const pod: ReadingPod = { context, profile, helper, port: options.port };
  try {
    return await takeIn(given, pod, key);
  } finally {
    await removeReading(pod, options.log);
  }
}

async function takeIn(
  { context, bundle, order }: TakeGiven,
  pod: ReadingPod,
  key: Uint8Array,
): Promise<number> {
  const connection = await connectTo(pod, key, order.limits.deadlineMs);
  const collector = CHECKPOINT_COLLECTOR;
  const problem = (message: string) => bundle.problem(collector, message);
  let files = 0;
  try {
    const done = await readCapture({
      source: connection.source,
      limits: checkpointLimits(order),
      take: async (file) => {
        files += 1;
        await keepFile(bundle, file, { collector, signal: context.stopping });
      },
      problem: (_collector, message) => problem(message),
    });
    const suspect = await unconfirmed(pod, done);
    if (suspect !== undefined) problem(suspect);
    return files;
  } catch (error) {
    if (!(error instanceof CaptureWireError)) throw error;
    throw new NoCaptureError(`${error.message}${await lastWord(pod)}`, { cause: error });
  } finally {
    connection.close();
  }
}
