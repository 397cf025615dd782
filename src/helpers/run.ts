// Runs a helper pod: creates it, looks at it until it is as wanted, removes it.
import { z } from 'zod';
import type { KubeObject } from '../api/meta.ts';
import { CAPTURE_NAMESPACE, HELPER_LABEL } from '../api/names.ts';
import { podFacts } from '../api/pod.ts';
import { sleep, type Clock } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import { PODS } from '../kube/resources.ts';
import { helperPod, type HelperPodSpec } from './pod.ts';

/** What running one takes. */
export interface HelperContext {
  client: KubeClient;
  clock: Clock;
  /** Fires when this process must stop. */
  stopping: AbortSignal;
}

/** A helper pod as it is now. */
export interface HelperPod {
  name: string;
  uid: string;
  ip: string | undefined;
  labels: Readonly<Record<string, string>>;
  annotations: Readonly<Record<string, string>>;
  /** Its container runs. */
  running: boolean;
  /** Why it does not run, as `ImagePullBackOff: ...`; undefined while it does. */
  waiting: string | undefined;
  /** Set once its container has ended, or the kubelet has refused it. */
  ended: HelperEnd | undefined;
}

/** How a helper ended. */
export interface HelperEnd {
  /** 0: it says what it found. */
  exitCode: number | undefined;
  /** Why the kubelet ended or refused it; else what the program left as its message. At most 4 KiB. */
  message: string;
}

const POLL_MS = 250;
const MAX_MESSAGE = 4096;
/** No helper lives as long: the admission policy sees to that. */
const LEFT_BEHIND_MS = 600_000;
/** A helper that was told to end is gone in two seconds. */
const STUCK_MS = 30_000;
/** Those that a process leaves behind are few. */
const MAX_SWEPT = 500;

const text = z.string().catch('');
const StateSchema = z
  .object({
    waiting: z.object({ reason: text, message: text }).optional(),
    running: z.looseObject({}).optional(),
    terminated: z.object({ exitCode: z.int(), reason: text, message: text }).optional(),
  })
  .catch({});
const StatusSchema = z
  .object({
    phase: text,
    podIP: z.string().optional().catch(undefined),
    reason: text,
    message: text,
    containerStatuses: z.array(z.object({ state: StateSchema })).catch([]),
  })
  .catch({ phase: '', podIP: undefined, reason: '', message: '', containerStatuses: [] });
type Status = z.infer<typeof StatusSchema>;

/** Reads a helper pod as the API server sends it. */
export function helperFacts({ metadata, ...rest }: KubeObject): HelperPod {
  const status = StatusSchema.parse(rest['status'] ?? {});
  const running = status.phase === 'Running' && status.containerStatuses[0]?.state.running !== undefined;
  return {
    name: metadata.name,
    uid: metadata.uid,
    ip: status.podIP,
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    running,
    waiting: running ? undefined : waitsFor(status),
    ended: endOf(status),
  };
}

function waitsFor({ phase, containerStatuses }: Status): string {
  const waiting = containerStatuses[0]?.state.waiting;
  return waiting ? said(waiting.reason, waiting.message) : `phase ${phase || 'unknown'}`;
}

function endOf({ phase, reason, message, containerStatuses }: Status): HelperEnd | undefined {
  const terminated = containerStatuses[0]?.state.terminated;
  if (terminated) {
    const { exitCode } = terminated;
    return { exitCode, message: said(reason || terminated.reason, message || terminated.message) };
  }
  // The kubelet did not take it, for want of room for instance.
  return phase === 'Failed' ? { exitCode: undefined, message: said(reason, message) } : undefined;
}

function said(reason: string, message: string): string {
  const whole = [reason, message].filter((part) => part !== '').join(': ');
  return whole.slice(0, MAX_MESSAGE);
}

/** Creates a helper pod. @throws KubeError, Forbidden where the admission policy does not admit it. */
export async function startHelper({ client }: HelperContext, spec: HelperPodSpec): Promise<HelperPod> {
  const body = helperPod(spec);
  return helperFacts(await client.create<KubeObject>(PODS, { namespace: CAPTURE_NAMESPACE }, body));
}

/** The helper of that name; undefined if there is none. @throws KubeError */
export async function findHelper(client: KubeClient, name: string): Promise<HelperPod | undefined> {
  try {
    return helperFacts(await client.get<KubeObject>(PODS, { namespace: CAPTURE_NAMESPACE, name }));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/**
 * Looks at a helper until `until` holds.
 * @returns the pod then; undefined when it did not hold within `withinMs`, the pod is gone or another one by now, or this
 * process must stop.
 * @throws KubeError
 */
export async function awaitHelper(
  { client, clock, stopping }: HelperContext,
  { name, uid }: Pick<HelperPod, 'name' | 'uid'>,
  until: (pod: HelperPod) => boolean,
  withinMs: number,
): Promise<HelperPod | undefined> {
  const began = clock.elapsed();
  while (!stopping.aborted) {
    const pod = await findHelper(client, name);
    if (pod?.uid !== uid) return undefined;
    if (until(pod)) return pod;
    if (clock.elapsed() - began >= withinMs) return undefined;
    await sleep(clock, POLL_MS, stopping);
  }
  return undefined;
}

/** Removes a helper pod at once. Resolves also when it is gone or another one by now. @throws KubeError */
export async function removeHelper(client: KubeClient, name: string, uid: string): Promise<void> {
  try {
    await client.delete(PODS, { namespace: CAPTURE_NAMESPACE, name }, uid, { gracePeriodSeconds: 1 });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}

/** What a sweep found. */
export interface Swept {
  /** How many were removed. */
  removed: number;
  /** By node, one that should be gone and is not: its kubelet ends nothing. */
  stuck: ReadonlyMap<string, string>;
}

/**
 * Removes helpers that a process left behind which died: all that are older than any of them lives.
 * @throws KubeError
 */
export async function sweepHelpers({
  client,
  clock,
}: Pick<HelperContext, 'client' | 'clock'>): Promise<Swept> {
  const { items } = await client.list<KubeObject>(PODS, {
    namespace: CAPTURE_NAMESPACE,
    labelSelector: HELPER_LABEL,
    limit: MAX_SWEPT,
  });
  const agoMs = (time = '') => clock.now() - Date.parse(time);
  const old = items.filter(
    ({ metadata }) =>
      metadata.deletionTimestamp === undefined && agoMs(metadata.creationTimestamp) > LEFT_BEHIND_MS,
  );
  for (const { metadata } of old) await removeHelper(client, metadata.name, metadata.uid);
  const late = items.filter(({ metadata }) => agoMs(metadata.deletionTimestamp) > STUCK_MS);
  const stuck = late.map((pod) => [podFacts(pod).nodeName ?? '', pod.metadata.name] as const);
  return { removed: old.length, stuck: new Map(stuck) };
}
