// The life of a pod as the test kubelet plays it: which stage a pod is in, read from the pod alone.
import type { KubeletPod } from './pod-status.ts';

/** Stages in the order of a life. */
export type PodStage =
  /** No node yet. */
  | 'Unbound'
  /** A node is given, nothing runs. */
  | 'Starting'
  /** An image could not be pulled; tried again. */
  | 'Pulling'
  /** The containers run and are not ready. */
  | 'Running'
  /** Nothing to do until somebody deletes it. */
  | 'Ready'
  /** Deleted; containers still run. */
  | 'Stopping'
  /** Deleted; every container is reported terminated. */
  | 'Stopped'
  /** Removed, or kept by a finalizer only. */
  | 'Over';

/** Milliseconds that a kubelet takes. `Infinity` is a wait for ever. */
export interface PodTimings {
  /** From binding until the containers run. */
  startMs: number;
  /** From there until the pod is ready. */
  readyMs: number;
  /** What the processes take to end after TERM; the grace period of the deletion cuts it short. */
  stopMs: number;
  /** From there until the kubelet lets the pod go. */
  removeMs: number;
}

/** Those of a small pod with its image on the node, as measured, but shorter. */
export const DEFAULT_TIMINGS: PodTimings = { startMs: 20, readyMs: 20, stopMs: 20, removeMs: 20 };

const PULL_RETRY_MS = 200;
const ENDED: (string | undefined)[] = ['Succeeded', 'Failed'];

/** The stage of a pod. */
export function stageOf(pod: KubeletPod): PodStage {
  const containers = pod.status?.containerStatuses ?? [];
  const runs = containers.some(({ state }) => state.running !== undefined);
  if (pod.metadata.deletionTimestamp !== undefined) return stageOfDeleted(pod, runs);
  if (ENDED.includes(pod.status?.phase)) return 'Over';
  if (pod.spec.nodeName === undefined) return 'Unbound';
  if (!runs) return containers.length > 0 ? 'Pulling' : 'Starting';
  return containers.every(({ ready }) => ready) ? 'Ready' : 'Running';
}

function stageOfDeleted({ metadata }: KubeletPod, runs: boolean): PodStage {
  if (runs) return 'Stopping';
  // A period of zero is stored before the pod is removed. Should etcd die in between, only the next deletion removes it.
  const isHeld = (metadata.finalizers ?? []).length > 0;
  return metadata.deletionGracePeriodSeconds === 0 && isHeld ? 'Over' : 'Stopped';
}

/** Milliseconds after which the kubelet does what ends the stage. */
export function stageMs(stage: PodStage, pod: KubeletPod, timings: PodTimings): number {
  const graceMs = (pod.metadata.deletionGracePeriodSeconds ?? 30) * 1000;
  const durations: Record<PodStage, number> = {
    Unbound: pod.spec.schedulingGates?.length ? Infinity : 0,
    Starting: timings.startMs,
    Pulling: PULL_RETRY_MS,
    Running: timings.readyMs,
    Ready: Infinity,
    Stopping: Math.min(timings.stopMs, graceMs),
    Stopped: timings.removeMs,
    Over: Infinity,
  };
  return durations[stage];
}
