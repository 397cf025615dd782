// What we keep of a pod: a projection small enough to hold one of every pod of the cluster in memory.
import { BREAK_GLASS_ANNOTATION, INCIDENT_ANNOTATION, QUARANTINE_LABEL, SEVERITY_LABEL } from './names.ts';
import type { KubeObject, OwnerReference } from './meta.ts';

/** One container of a pod, its spec and status side by side. Init containers are left out, ephemeral ones too. */
export interface ContainerFacts {
  name: string;
  /** As the pod asks for it. */
  image: string;
  /** As the runtime resolved it; absent before the container was created. */
  imageID?: string;
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
  /** True for a static pod's mirror object, which only the kubelet can really delete. */
  mirror: boolean;
  /** NetworkPolicies do not reach it. */
  hostNetwork: boolean;
  containers: readonly ContainerFacts[];
}

const MAX_TIME = 40;

interface RawContainerStatus {
  name: string;
  imageID?: string;
  containerID?: string;
  state?: { terminated?: unknown };
  lastState?: { terminated?: { containerID?: string } };
}

interface RawPod extends KubeObject {
  spec?: {
    nodeName?: string;
    serviceAccountName?: string;
    hostNetwork?: boolean;
    containers?: { name: string; image?: string }[];
  };
  status?: {
    phase?: PodFacts['phase'];
    conditions?: { type: string; status: string }[];
    containerStatuses?: RawContainerStatus[];
  };
}

/** Projects a pod as the API server sends it. */
export function podFacts(object: KubeObject): PodFacts {
  const pod = object as RawPod;
  return { ...fromMetadata(pod), ...fromSpec(pod), ...fromStatus(pod) };
}

function fromMetadata({ metadata }: RawPod) {
  const { annotations = {}, labels = {}, ownerReferences = [], deletionTimestamp } = metadata;
  const breakGlassUntil = annotations[BREAK_GLASS_ANNOTATION]?.slice(0, MAX_TIME);
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    createdAt: metadata.creationTimestamp,
    ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    labels,
    annotations: ownAnnotations(annotations),
    ...(breakGlassUntil !== undefined && { breakGlassUntil }),
    ownerReferences,
    mirror: annotations['kubernetes.io/config.mirror'] !== undefined,
  };
}

function fromSpec({ spec = {}, status }: RawPod) {
  const { nodeName, serviceAccountName: serviceAccount, hostNetwork = false, containers = [] } = spec;
  const statuses = new Map(status?.containerStatuses?.map((one) => [one.name, one]));
  return {
    ...(nodeName !== undefined && { nodeName }),
    ...(serviceAccount !== undefined && { serviceAccount }),
    hostNetwork,
    containers: containers.map(({ name, image = '' }) => containerFacts(name, image, statuses.get(name))),
  };
}

function fromStatus({ status = {} }: RawPod) {
  const { phase = 'Pending' as const, conditions = [] } = status;
  return { phase, ready: conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True') };
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
