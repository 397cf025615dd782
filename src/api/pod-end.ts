// What of a pod that is being deleted tells how it ends: its grace, who else holds it, and whether its containers ended.
import type { KubeObject } from './meta.ts';

/** The end of a pod that is being deleted. */
export interface GoingFacts {
  /** Seconds that its containers were given, by whoever asked last. */
  graceSeconds: number;
  /** What else must let go of it before it is gone; each name and their number cut. */
  finalizers?: readonly string[];
  /** True: every container is reported to have ended, and none starts again. False: one is reported to run. */
  containersEnded?: boolean;
}

const MAX_FINALIZERS = 8;
const MAX_FINALIZER = 128;

interface RawStatus {
  name: string;
  state?: { running?: unknown; waiting?: unknown; terminated?: unknown };
}

interface RawPod extends KubeObject {
  spec?: { containers?: { name: string }[] };
  status?: {
    phase?: string;
    containerStatuses?: RawStatus[];
    initContainerStatuses?: RawStatus[];
    ephemeralContainerStatuses?: RawStatus[];
  };
}

/** Projects the end of a pod; undefined while nobody deletes it. */
export function goingFacts(object: KubeObject): GoingFacts | undefined {
  const pod = object as RawPod;
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers = [] } = pod.metadata;
  if (deletionTimestamp === undefined) return undefined;
  const ended = haveEnded(pod);
  return {
    graceSeconds: deletionGracePeriodSeconds ?? 0,
    ...(finalizers.length > 0 && {
      finalizers: finalizers.slice(0, MAX_FINALIZERS).map((name) => name.slice(0, MAX_FINALIZER)),
    }),
    ...(ended !== undefined && { containersEnded: ended }),
  };
}

// A kubelet gives a pod its last phase when nothing of it runs any more and nothing starts again; whoever else sets that
// phase (for a node that is lost) leaves the containers as they were last seen.
function haveEnded(pod: RawPod): boolean | undefined {
  const { phase, containerStatuses, initContainerStatuses, ephemeralContainerStatuses } = pod.status ?? {};
  const all = [containerStatuses, initContainerStatuses, ephemeralContainerStatuses].flatMap(
    (one) => one ?? [],
  );
  if (all.some(({ state }) => state?.running)) return false;
  const isOver = hasEnded({ phase });
  const haveStopped = all.every(({ state }) => state?.terminated ?? state?.waiting);
  return isOver && haveStopped && isComplete(pod) ? true : undefined;
}

/** Whether something is said of every container. */
function isComplete({ spec, status }: RawPod): boolean {
  const told = new Set(status?.containerStatuses?.map(({ name }) => name));
  return told.size > 0 && (spec?.containers ?? []).every(({ name }) => told.has(name));
}

/** Whether a pod has its last phase: its containers have ended for good, unless its node is lost. */
export function hasEnded({ phase }: { phase?: string | undefined }): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}
