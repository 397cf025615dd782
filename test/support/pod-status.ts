// What the test kubelet reports about pods: pure functions from a pod to its next status.
import { createHash } from 'node:crypto';
import type { KubeObject } from '../../src/api/meta.ts';
import type { JsonPatchOp } from '../../src/kube/client.ts';
import type { Random } from '../../src/kube/clock.ts';

/** The parts of a pod that a kubelet reads. */
export interface KubeletPod extends KubeObject {
  spec: {
    nodeName?: string;
    nodeSelector?: Record<string, string>;
    schedulingGates?: unknown[];
    affinity?: { nodeAffinity?: { requiredDuringSchedulingIgnoredDuringExecution?: NodeSelector } };
    containers: { name: string; image: string }[];
  };
  status?: PodStatus;
}

interface NodeSelector {
  nodeSelectorTerms: { matchFields?: { key: string; values: string[] }[] }[];
}

interface PodStatus {
  phase?: string;
  conditions?: PodCondition[];
  containerStatuses?: ContainerStatus[];
}

interface PodCondition {
  type: string;
  status: string;
  lastTransitionTime?: string;
}

interface ContainerStatus {
  name: string;
  image: string;
  imageID: string;
  containerID?: string;
  ready: boolean;
  started: boolean;
  restartCount: number;
  state: {
    running?: { startedAt: string };
    waiting?: { reason: string; message?: string };
    terminated?: { startedAt?: string };
  };
}

/** The digest, `sha256:<64 hex>`, of each image that can be pulled. */
export type ImageTable = ReadonlyMap<string, string>;

/** What a status is made of. `at` is RFC 3339. */
export interface StatusInputs {
  images: ImageTable;
  random: Random;
  at: string;
}

/** A table in which each image has a digest of its own. */
export function imageTable(...images: string[]): Map<string, string> {
  return new Map(
    images.map((image) => [image, `sha256:${createHash('sha256').update(image).digest('hex')}`]),
  );
}

/** The image ID as containerd reports it, `repository@sha256:...`: by the digest in the name, or else by the table. */
export function imageId(image: string, images: ImageTable): string {
  const [name = '', pinned] = image.split('@', 2);
  return `${name.replace(/:[^:/]*$/, '')}@${pinned ?? images.get(image)}`;
}

/** Images of the pod that cannot be pulled. An image that is named by digest always can. */
export function missingImages(pod: KubeletPod, images: ImageTable): string[] {
  const wanted = pod.spec.containers.map(({ image }) => image);
  return wanted.filter((image) => !images.has(image) && !image.includes('@'));
}

/** Every container runs; the pod gets an address. */
export function running(pod: KubeletPod, inputs: StatusInputs): JsonPatchOp[] {
  const { images, random, at } = inputs;
  const podIP = `10.${[0, 0, 0].map(() => Math.floor(random() * 256)).join('.')}`;
  const containers = pod.spec.containers.map(({ name, image }): ContainerStatus => ({
    name,
    image,
    imageID: imageId(image, images),
    containerID: `containerd://${hex(64, random)}`,
    ready: false,
    started: true,
    restartCount: 0,
    state: { running: { startedAt: at } },
  }));
  const conditions = [condition('Initialized', 'True', at), ...readiness('False', at)];
  const fields = { phase: 'Running', startTime: at, podIP, podIPs: [{ ip: podIP }] };
  return report(pod, { ...fields, containerStatuses: containers }, conditions);
}

/** A running pod becomes ready. */
export function ready(pod: KubeletPod, at: string): JsonPatchOp[] {
  const containers = statuses(pod).map((status) => ({ ...status, ready: true }));
  return report(pod, { containerStatuses: containers }, readiness('True', at));
}

/** Images cannot be pulled. */
export function pullFailed(pod: KubeletPod, missing: readonly string[], at: string): JsonPatchOp[] {
  const containers = pod.spec.containers.map(({ name, image }): ContainerStatus => {
    const reason = missing.includes(image) ? 'ErrImagePull' : 'ContainerCreating';
    const none = { imageID: '', ready: false, started: false, restartCount: 0 };
    return { name, image, ...none, state: { waiting: { reason } } };
  });
  return report(pod, { containerStatuses: containers }, readiness('False', at));
}

/** Every container was ended by TERM, exit code 143; so the pod failed. */
export function terminated(pod: KubeletPod, at: string): JsonPatchOp[] {
  const containers = statuses(pod).map((status) => {
    const { containerID, state } = status;
    const end = { exitCode: 143, reason: 'Error', ...state.running, finishedAt: at, containerID };
    return { ...status, ready: false, started: false, state: { terminated: end } };
  });
  return report(pod, { phase: 'Failed', containerStatuses: containers }, readiness('False', at));
}

/**
 * The patch of pods/status that a kubelet sends: conditions of others (DisruptionTarget) stay, and it holds only for
 * the pod as it was read.
 */
function report(
  pod: KubeletPod,
  fields: Record<string, unknown>,
  conditions: readonly PodCondition[],
): JsonPatchOp[] {
  const { uid, resourceVersion } = pod.metadata;
  const kept = (pod.status?.conditions ?? []).filter(
    (old) => !conditions.some(({ type }) => type === old.type),
  );
  const status = { ...fields, conditions: [...kept, ...conditions] };
  return [
    { op: 'test', path: '/metadata/uid', value: uid },
    { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
    ...(pod.status === undefined ? [add('/status', {})] : []),
    ...Object.entries(status).map(([field, value]) => add(`/status/${field}`, value)),
  ];
}

const add = (path: string, value: unknown): JsonPatchOp => ({ op: 'add', path, value });

const condition = (type: string, status: string, lastTransitionTime: string): PodCondition => ({
  type,
  status,
  lastTransitionTime,
});

const readiness = (status: 'True' | 'False', at: string): PodCondition[] => [
  condition('ContainersReady', status, at),
  condition('Ready', status, at),
];

const statuses = (pod: KubeletPod): ContainerStatus[] => pod.status?.containerStatuses ?? [];

function hex(length: number, random: Random): string {
  return Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join('');
}
