// The parts of built-in kinds that the controllers read and write.
import type { KubeObject, LabelSelector, OwnerReference } from '../../api/meta.ts';
import type { Resource } from '../../kube/resources.ts';
import { apiVersionOf } from '../../kube/resources.ts';
import type { AnyCondition } from '../conditions.ts';
import type { Change } from '../store.ts';

/** `spec.template` of a workload. */
export interface PodTemplate {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec?: object;
}

/** A Deployment or ReplicaSet. */
export interface Workload extends KubeObject {
  spec: { replicas: number; selector?: LabelSelector; template: PodTemplate };
  status?: object;
}

/** `status.containerStatuses[]`. */
export interface ContainerStatus {
  name: string;
  image: string;
  imageID: string;
  containerID: string;
  ready: boolean;
  started: boolean;
  restartCount: number;
  state: { running?: object; terminated?: object };
  lastState: object;
}

/** A Pod. */
export interface Pod extends KubeObject {
  spec: {
    nodeName?: string;
    hostNetwork?: boolean;
    containers: { name: string; image: string }[];
    initContainers?: { name: string; image: string; restartPolicy?: string }[];
  };
  status: {
    phase: string;
    podIP?: string;
    conditions?: AnyCondition[];
    containerStatuses?: ContainerStatus[];
    [field: string]: unknown;
  };
}

/** The owner that manages the object. */
export function controllerRef({ metadata }: KubeObject): OwnerReference | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller === true);
}

/** A reference that makes `owner` the manager of an object. */
export function ownedBy(resource: Resource, { metadata }: KubeObject): OwnerReference {
  const { name, uid } = metadata;
  const apiVersion = apiVersionOf(resource);
  return { apiVersion, kind: resource.kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** Whether a pod counts: it has not ended and is not on its way out. */
export function isActive({ metadata, status }: Pod): boolean {
  return (
    metadata.deletionTimestamp === undefined && status.phase !== 'Succeeded' && status.phase !== 'Failed'
  );
}

/** Whether a pod reports Ready. */
export function isReady({ status }: Pod): boolean {
  return status.conditions?.some(({ type, status: holds }) => type === 'Ready' && holds === 'True') ?? false;
}

/** `namespace/name`, the key of a controller's work. */
export function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

/** The two parts of a key. */
export function parseKey(key: string): { namespace: string; name: string } {
  const [namespace = '', name = ''] = key.split('/');
  return { namespace, name };
}

/** The object after a change and, where there was one, before it. */
export function bothSides({ object, before }: Change): KubeObject[] {
  return before ? [object, before] : [object];
}
