// The capture pod of a node: one at a time, started for one incident, and removed whatever became of it.
import { createHash } from 'node:crypto';
import { CAPTURED_FOR_ANNOTATION } from '../api/names.ts';
import type { CaptureOrder } from '../helpers/capture-order.ts';
import { captureArgs, captureEnd } from '../helpers/capture-report.ts';
import type { HelperSettings } from '../helpers/helper-settings.ts';
import {
  awaitHelper,
  findHelper,
  removeHelper,
  startHelper,
  type HelperContext,
  type HelperPod,
} from '../helpers/run.ts';
import { isAlreadyExists } from '../kube/errors.ts';

/** No evidence can be had of the node, and why, for people. */
export class NoCaptureError extends Error {}

/** What {@link startReadingPod} takes. */
export interface ReadingPodGiven {
  context: HelperContext;
  node: string;
  /** UID of the incident. */
  incident: string;
  settings: HelperSettings;
  profile: 'capture' | 'checkpoint';
  /** Called right before the pod is created: what it is told may have changed while it waited for others. */
  args: () => Promise<string[]>;
  /** How long it may live. */
  lifetimeMs: number;
}

/** What {@link startCapture} takes. */
export interface CapturePodGiven extends Omit<ReadingPodGiven, 'profile' | 'args'> {
  key: Uint8Array;
  /** As `args` of {@link ReadingPodGiven}. */
  order: () => Promise<CaptureOrder>;
}

/** The image may have to be pulled. */
const START_MS = 60_000;
const LOOK_MS = 2_000;
const MAX_LIFETIME_S = 600;

/**
 * Starts a capture pod on a node, once no other one is there, and waits until it runs.
 * @throws NoCaptureError, with the words of the kubelet or the API server; KubeError; what `order` throws.
 */
export function startCapture({ key, order, ...given }: CapturePodGiven): Promise<HelperPod & { ip: string }> {
  const args = async () => captureArgs(await order(), key, given.settings.roots);
  return startReadingPod({ ...given, profile: 'capture', args });
}

/** The same for a pod of one of the profiles that read on a node. */
export async function startReadingPod(given: ReadingPodGiven): Promise<HelperPod & { ip: string }> {
  const name = captureName(given.node, given.profile);
  const created = await createInTurn(given, name);
  try {
    return await running(given, created);
  } catch (error) {
    await removeHelper(given.context.client, name, created.uid).catch(() => {});
    throw error;
  }
}

/** By node: the API server lets no two have the same. Names of nodes may be too long for a part of another name. */
export function captureName(node: string, profile: ReadingPodGiven['profile'] = 'capture'): string {
  return `${profile}-${createHash('sha256').update(node).digest('hex').slice(0, 16)}`;
}

async function createInTurn(given: ReadingPodGiven, name: string): Promise<HelperPod> {
  const { context, node, incident, settings, profile } = given;
  while (!context.stopping.aborted) {
    if (!(await isFree(given, name))) continue;
    const args = await given.args();
    try {
      return await startHelper(context, {
        name,
        profile,
        image: settings.image,
        node,
        args,
        lifetimeSeconds: Math.min(MAX_LIFETIME_S, Math.ceil(given.lifetimeMs / 1000)),
        annotations: { [CAPTURED_FOR_ANNOTATION]: incident },
        roots: settings.roots,
      });
    } catch (error) {
      // Another one came first.
      if (!isAlreadyExists(error)) throw error;
    }
  }
  throw new NoCaptureError(
    `pod ${name} of another capture on node ${node} did not end in time: look at that node`,
  );
}

/**
 * Whether no capture pod is there. What a process that died has left is removed: it was started for this incident, or has
 * ended. One that still works for another incident is waited for; it ends by itself as soon as its reader is gone. One that
 * has ended may have a reader that is about to look how: it stays a while longer.
 */
async function isFree({ context, incident }: ReadingPodGiven, name: string): Promise<boolean> {
  const there = await findHelper(context.client, name);
  if (!there) return true;
  const isOurs = there.annotations[CAPTURED_FOR_ANNOTATION] === incident;
  if (!isOurs && there.ended) await awaitHelper(context, there, () => false, LOOK_MS);
  if (isOurs || there.ended) await removeHelper(context.client, name, there.uid);
  await awaitHelper(context, there, ({ ended }) => !isOurs && !there.ended && ended !== undefined, LOOK_MS);
  return false;
}

async function running(
  { context, node, profile }: ReadingPodGiven,
  { name, uid }: HelperPod,
): Promise<HelperPod & { ip: string }> {
  const isSettled = (pod: HelperPod) => pod.ended !== undefined || (pod.running && pod.ip !== undefined);
  const began = context.clock.elapsed();
  const pod = await awaitHelper(context, { name, uid }, isSettled, START_MS);
  if (pod?.ended)
    throw new NoCaptureError(`the ${profile} pod on node ${node} ended: ${captureEnd(pod.ended.message)}`);
  if (pod?.ip !== undefined) return { ...pod, ip: pod.ip };
  const now = await findHelper(context.client, name);
  const why = now?.uid === uid ? now.waiting : 'it is gone';
  const seconds = Math.round((context.clock.elapsed() - began) / 1000);
  throw new NoCaptureError(
    `the ${profile} pod on node ${node} did not run within ${seconds} s (${why}): look at the node, and at image, containerdRoot and kubeletRoot of ConfigMap die-operator-helpers`,
  );
}
