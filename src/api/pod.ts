// What we keep of a pod: a projection small enough to hold one of every pod of the cluster in memory.
import {
  BREAK_GLASS_ANNOTATION,
  DELETION_COST_ANNOTATION,
  INCIDENT_ANNOTATION,
  NETWORKS_ANNOTATION,
  NETWORK_STATUS_ANNOTATION,
  QUARANTINE_LABEL,
  SEVERITY_LABEL,
} from './names.ts';
import type { KubeObject, OwnerReference } from './meta.ts';
import { goingFacts, type GoingFacts } from './pod-end.ts';

/** What a container of whichever kind runs. */
export interface ImageFacts {
  name: string;
  /** As the pod asks for it. */
  image: string;
  /** As the runtime resolved it; absent before the container was created. */
  imageID?: string;
}

/** One container of a pod, its spec and status side by side; neither an init container nor an ephemeral one. */
export interface ContainerFacts extends ImageFacts {
  /** With the runtime's scheme; absent before the container was created. */
  containerID?: string;
  /** ID of the container before the last restart. */
  previousContainerID?: string;
  /** True once the kubelet reports the container as terminated. */
  terminated: boolean;
}

/** A pod as far as decisions need it. */
export interface PodFacts {
  namespace: string;
  name: string;
  uid: string;
  resourceVersion: string;
  createdAt: string;
  /** Set while the pod terminates. */
  deletionTimestamp?: string;
  /** What is known of its end; only while it terminates. */
  going?: GoingFacts;
  nodeName?: string;
  labels: Readonly<Record<string, string>>;
  /** Only die-operator's own; see {@link ownAnnotations}. */
  annotations: Readonly<Record<string, string>>;
  /** What the break-glass annotation says, cut; anybody who may patch the pod wrote it. */
  breakGlassUntil?: string;
  serviceAccount?: string;
  ownerReferences: readonly OwnerReference[];
  phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
  ready: boolean;
  /** Since when it is Ready, as its kubelet says. */
  readyAt?: string;
  /** How often its containers were started again, all together; absent: never. */
  restarts?: number;
  /** Why a container of it does not start, if that lasts as a rule. */
  waiting?: WaitingReason;
  /** True for a static pod's mirror object, which only the kubelet can really delete. */
  mirror: boolean;
  /** Its first address. */
  ip?: string;
  /** Since when its sandbox, and with it its network, is there, as its kubelet says (Kubernetes 1.29 and later). */
  sandboxAt?: string;
  /** NetworkPolicies do not reach it. */
  hostNetwork: boolean;
  /** It is attached to more networks than that of the cluster, which no NetworkPolicy reaches either. */
  otherNetworks?: true;
  /** It shares the processes or the IPC of its node. */
  hostNamespaces?: true;
  /** It binds ports of its node: two such pods cannot run on one node. */
  hostPorts?: true;
  /** It mounts volumes that outlive it. */
  volumeClaims?: true;
  /** Its priority class is one of those without which a node or the cluster may fail. */
  critical?: true;
  /** Its annotation {@link DELETION_COST_ANNOTATION}, cut. */
  deletionCost?: string;
  containers: readonly ContainerFacts[];
  /** Absent: none. */
  initContainers?: readonly ImageFacts[];
  /** For debugging, added while the pod runs; absent: none. */
  ephemeralContainers?: readonly ImageFacts[];
}

/** Reasons of waiting containers that are more than a moment of every start. */
export const WAITING_REASONS = [
  'CrashLoopBackOff',
  'RunContainerError',
  'ImagePullBackOff',
  'ErrImagePull',
  'ErrImageNeverPull',
  'InvalidImageName',
  'CreateContainerConfigError',
  'CreateContainerError',
] as const;
/** See {@link WAITING_REASONS}. */
export type WaitingReason = (typeof WAITING_REASONS)[number];

const CRITICAL: ReadonlySet<string | undefined> = new Set([
  'system-node-critical',
  'system-cluster-critical',
]);
const MAX_TIME = 40;
/** Longer than any cost, which is a number of 32 bits. */
const MAX_COST = 16;
/** More is not looked at. */
const MAX_NETWORKS = 4_096;

interface RawContainerStatus {
  name: string;
  imageID?: string;
  containerID?: string;
  restartCount?: number;
  state?: { terminated?: unknown; waiting?: { reason?: string } | null };
  lastState?: { terminated?: { containerID?: string } };
}

interface RawContainer {
  name: string;
  image?: string;
  ports?: { hostPort?: number }[];
}

interface RawPod extends KubeObject {
  spec?: {
    nodeName?: string;
    serviceAccountName?: string;
    priorityClassName?: string;
    hostNetwork?: boolean;
    hostPID?: boolean;
    hostIPC?: boolean;
    containers?: RawContainer[];
    initContainers?: RawContainer[];
    ephemeralContainers?: RawContainer[];
    volumes?: { persistentVolumeClaim?: object }[];
  };
  status?: {
    phase?: PodFacts['phase'];
    podIP?: string;
    conditions?: { type: string; status: string; lastTransitionTime?: string | null }[];
    containerStatuses?: RawContainerStatus[];
    initContainerStatuses?: RawContainerStatus[];
    ephemeralContainerStatuses?: RawContainerStatus[];
  };
}

/** Projects a pod as the API server sends it. */
export function podFacts(object: KubeObject): PodFacts {
  const pod = object as RawPod;
  return { ...fromMetadata(pod), ...fromSpec(pod), ...fromStatus(pod) };
}

function fromMetadata(pod: RawPod) {
  const { metadata } = pod;
  const { annotations = {}, labels = {}, ownerReferences = [], deletionTimestamp } = metadata;
  const going = goingFacts(pod);
  const breakGlassUntil = annotations[BREAK_GLASS_ANNOTATION]?.slice(0, MAX_TIME);
  const deletionCost = annotations[DELETION_COST_ANNOTATION]?.slice(0, MAX_COST);
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    createdAt: metadata.creationTimestamp,
    ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    ...(going && { going }),
    labels,
    annotations: ownAnnotations(annotations),
    ...(isAttached(annotations) && { otherNetworks: true as const }),
    ...(breakGlassUntil !== undefined && { breakGlassUntil }),
    ...(deletionCost !== undefined && { deletionCost }),
    ownerReferences,
    mirror: annotations['kubernetes.io/config.mirror'] !== undefined,
  };
}

// As Multus has them (its "Kubernetes Network Custom Resource Definition De-facto Standard"): networks that the pod asks
// for, and one entry with a name for each that it has, that of the cluster among them.
function isAttached(annotations: Record<string, string>): boolean {
  const asked = annotations[NETWORKS_ANNOTATION]?.slice(0, MAX_NETWORKS).trim() ?? '';
  const has = annotations[NETWORK_STATUS_ANNOTATION]?.slice(0, MAX_NETWORKS).match(/"name"\s*:/g) ?? [];
  return (asked !== '' && asked !== '[]') || has.length > 1;
}

function fromSpec({ spec = {}, status }: RawPod) {
  const { nodeName, serviceAccountName: serviceAccount, hostNetwork = false, containers = [] } = spec;
  const statuses = new Map(status?.containerStatuses?.map((one) => [one.name, one]));
  return {
    ...(nodeName !== undefined && { nodeName }),
    ...(serviceAccount !== undefined && { serviceAccount }),
    hostNetwork,
    ...(CRITICAL.has(spec.priorityClassName) && { critical: true as const }),
    ...boundTo(spec),
    containers: containers.map(({ name, image = '' }) => containerFacts(name, image, statuses.get(name))),
    ...otherContainers(spec, status),
  };
}

function otherContainers(
  spec: NonNullable<RawPod['spec']>,
  status: RawPod['status'] = {},
): Pick<PodFacts, 'initContainers' | 'ephemeralContainers'> {
  const initContainers = imagesOf(spec.initContainers, status.initContainerStatuses);
  const ephemeralContainers = imagesOf(spec.ephemeralContainers, status.ephemeralContainerStatuses);
  return { ...(initContainers && { initContainers }), ...(ephemeralContainers && { ephemeralContainers }) };
}

// Most pods have none: nothing is kept for them.
function imagesOf(
  containers: readonly RawContainer[] = [],
  statuses: readonly RawContainerStatus[] = [],
): ImageFacts[] | undefined {
  if (containers.length === 0) return undefined;
  const known = new Map(statuses.map(({ name, imageID }) => [name, imageID]));
  return containers.map(({ name, image = '' }) => {
    const imageID = known.get(name);
    return { name, image, ...(imageID && { imageID }) };
  });
}

// What two copies of the pod would share, or what it shares with its node.
function boundTo({
  hostPID,
  hostIPC,
  containers = [],
  initContainers = [],
  volumes = [],
}: NonNullable<RawPod['spec']>): Pick<PodFacts, 'hostNamespaces' | 'hostPorts' | 'volumeClaims'> {
  const ports = [...containers, ...initContainers].flatMap(({ ports: own = [] }) => own);
  return {
    ...([hostPID, hostIPC].includes(true) && { hostNamespaces: true }),
    ...(ports.some(({ hostPort }) => Boolean(hostPort)) && { hostPorts: true }),
    ...(volumes.some(({ persistentVolumeClaim }) => persistentVolumeClaim) && { volumeClaims: true }),
  };
}

function fromStatus({ status = {} }: RawPod) {
  const { phase = 'Pending' as const, podIP, conditions = [] } = status;
  const isTrue = (name: string) => conditions.find(({ type, status: is }) => type === name && is === 'True');
  const sandboxAt = isTrue('PodReadyToStartContainers')?.lastTransitionTime;
  const ready = isTrue('Ready');
  return {
    phase,
    ready: ready !== undefined,
    ...(ready?.lastTransitionTime && { readyAt: ready.lastTransitionTime }),
    ...troubles([...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])]),
    ...(podIP && { ip: podIP }),
    ...(sandboxAt && { sandboxAt }),
  };
}

// Restarts of sidecars count, too; other init containers run before the pod can be Ready.
function troubles(statuses: readonly RawContainerStatus[]): Pick<PodFacts, 'restarts' | 'waiting'> {
  const restarts = statuses.reduce((sum, { restartCount = 0 }) => sum + restartCount, 0);
  const reasons = statuses.map(({ state }) => state?.waiting?.reason);
  const waiting = WAITING_REASONS.find((reason) => reasons.includes(reason));
  return { ...(restarts > 0 && { restarts }), ...(waiting && { waiting }) };
}

/** The annotations of a pod that are ours. */
export function ownAnnotations(annotations: Record<string, string>): Record<string, string> {
  const incident = annotations[INCIDENT_ANNOTATION];
  return incident === undefined ? {} : { [INCIDENT_ANNOTATION]: incident };
}

/** The labels of a pod without ours: what a selector of somebody else can have meant. */
export function foreignLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(labels).filter(([key]) => key !== QUARANTINE_LABEL && key !== SEVERITY_LABEL),
  );
}

/** The owner that manages the pod; undefined for a bare pod. */
export function controllerOf(pod: Pick<PodFacts, 'ownerReferences'>): OwnerReference | undefined {
  return pod.ownerReferences.find((owner) => owner.controller === true);
}

/** Label by which StatefulSets and DaemonSets name the revision of their template that a pod was made from. */
export const REVISION_LABEL = 'controller-revision-hash';

/** Whether the pod carries the quarantine label. */
export function isQuarantined(pod: Pick<PodFacts, 'labels'>): boolean {
  return pod.labels[QUARANTINE_LABEL] === 'true';
}

function containerFacts(name: string, image: string, status: RawContainerStatus | undefined): ContainerFacts {
  const previous = status?.lastState?.terminated?.containerID;
  return {
    name,
    image,
    ...(status?.imageID && { imageID: status.imageID }),
    ...(status?.containerID && { containerID: status.containerID }),
    ...(previous && { previousContainerID: previous }),
    terminated: status?.state?.terminated !== undefined,
  };
}
