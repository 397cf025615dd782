// The pod status that a kubelet reports: running, and ended.
import { createHash } from 'node:crypto';
import { conditionSet, type AnyCondition } from '../conditions.ts';
import type { ContainerStatus, Pod } from './shapes.ts';

/** Where a pod runs and what its images resolve to. */
interface Place {
  podIP: string;
  /** Image to digest. */
  images: ReadonlyMap<string, string>;
}

/** Conditions that become True when a pod runs, in the order of the kubelet. */
const RUNNING_CONDITIONS = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady'];
/** Conditions that end with the containers. */
const ENDING_CONDITIONS = ['Ready', 'ContainersReady', 'PodReadyToStartContainers'];
/** A process that ends by SIGTERM. */
const TERMINATED_EXIT_CODE = 143;

/** Status of a pod all of whose containers run and are ready. */
export function runningStatus(
  pod: Pod,
  now: string,
  newContainerId: () => string,
  { podIP, images }: Place,
): Pod['status'] {
  return {
    ...pod.status,
    phase: 'Running',
    startTime: now,
    podIP,
    podIPs: [{ ip: podIP }],
    conditions: withConditions(pod, RUNNING_CONDITIONS, { status: 'True' }, now),
    ...(pod.spec.initContainers && {
      initContainerStatuses: pod.spec.initContainers.map((one) =>
        initStatus(one, now, newContainerId(), images),
      ),
    }),
    containerStatuses: pod.spec.containers.map(({ name, image }) => ({
      name,
      image,
      imageID: imageIdOf(image, images),
      containerID: newContainerId(),
      ready: true,
      started: true,
      restartCount: 0,
      state: { running: { startedAt: now } },
      lastState: {},
    })),
  };
}

// One that has ended well, or a sidecar, which goes on.
function initStatus(
  { name, image, restartPolicy }: { name: string; image: string; restartPolicy?: string },
  now: string,
  containerID: string,
  images: ReadonlyMap<string, string>,
): object {
  const runs = restartPolicy === 'Always';
  const ended = { exitCode: 0, reason: 'Completed', startedAt: now, finishedAt: now, containerID };
  return {
    name,
    image,
    imageID: imageIdOf(image, images),
    containerID,
    ready: true,
    started: runs,
    restartCount: 0,
    state: runs ? { running: { startedAt: now } } : { terminated: ended },
    lastState: {},
  };
}

/** Status of a pod all of whose containers ended by SIGTERM. */
export function terminatedStatus(pod: Pod, now: string): Pod['status'] {
  const ended = { status: 'False', reason: 'PodFailed' };
  return {
    ...pod.status,
    phase: 'Failed',
    conditions: withConditions(pod, ENDING_CONDITIONS, ended, now),
    containerStatuses: (pod.status.containerStatuses ?? []).map((container) => endOf(container, now)),
  };
}

function endOf(container: ContainerStatus, now: string): ContainerStatus {
  if (container.state.terminated) return container;
  const { containerID, state } = container;
  const terminated = {
    exitCode: TERMINATED_EXIT_CODE,
    reason: 'Error',
    ...state.running,
    finishedAt: now,
    containerID,
  };
  return { ...container, ready: false, started: false, state: { terminated } };
}

function withConditions(
  pod: Pod,
  types: readonly string[],
  value: Pick<AnyCondition, 'status' | 'reason'>,
  now: string,
): AnyCondition[] {
  const before = pod.status.conditions ?? [];
  return types.reduce((list, type) => conditionSet(list, { type, ...value }, now), before);
}

/** `<repository>@sha256:<digest>`, as containerd reports an image that was pulled. */
function imageIdOf(image: string, images: ReadonlyMap<string, string>): string {
  const [named = '', pinned] = image.split('@', 2);
  const madeUp = () => `sha256:${createHash('sha256').update(image).digest('hex')}`;
  // A colon after the last slash begins a tag; one before it is the port of a registry.
  const repository = named.replace(/:[^/:]*$/, '');
  return `${repository}@${pinned ?? images.get(image) ?? madeUp()}`;
}
