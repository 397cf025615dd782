// EndpointSlices: one for each Service with a selector, with the pods that it selects.
import type { KubeObject } from '../../api/meta.ts';
import { ENDPOINT_SLICES, PODS, SERVICES } from '../../kube/resources.ts';
import type { DirectApi } from '../direct.ts';
import type { Reconciliation } from './reconciler.ts';
import { bothSides, controllerRef, isReady, keyOf, ownedBy, parseKey, type Pod } from './shapes.ts';

interface Service extends KubeObject {
  spec: { selector?: Record<string, string>; ports?: { name?: string; port: number; protocol?: string }[] };
}

/** See the file's first line. */
export function endpointSliceController(api: DirectApi, delayMs: number): Reconciliation {
  return {
    delayMs,
    initial: () => api.list(SERVICES).map(keyOf),
    affected: (change) => {
      if (change.resource === SERVICES) return [keyOf(change.object)];
      return change.resource === PODS ? bothSides(change).flatMap((pod) => servicesOf(api, pod)) : [];
    },
    reconcile: (key) => {
      const service = api.get(SERVICES, parseKey(key)) as Service | undefined;
      if (service?.spec.selector) bringInOrder(api, service);
      return undefined;
    },
  };
}

function servicesOf(api: DirectApi, pod: KubeObject): string[] {
  const services = api.list(SERVICES, pod.metadata.namespace) as Service[];
  return services.filter((service) => isSelected(service, pod)).map(keyOf);
}

function isSelected({ spec: { selector } }: Service, pod: KubeObject): boolean {
  if (!selector) return false;
  return Object.entries(selector).every(([key, value]) => pod.metadata.labels?.[key] === value);
}

function bringInOrder(api: DirectApi, service: Service): void {
  const { namespace = '', uid } = service.metadata;
  const endpoints = (api.list(PODS, namespace) as Pod[])
    .filter((pod) => isSelected(service, pod) && isAddressable(pod))
    .map(endpointOf);
  const slices = api.list(ENDPOINT_SLICES, namespace);
  const slice = slices.find((candidate) => controllerRef(candidate)?.uid === uid);
  if (!slice) {
    api.create(ENDPOINT_SLICES, namespace, newSlice(service, endpoints));
    return;
  }
  api.update(ENDPOINT_SLICES, slice.metadata, 'object', (stored) => ({ ...stored, endpoints }));
}

/** A pod that has an address and has not ended. */
function isAddressable({ status }: Pod): boolean {
  return status.podIP !== undefined && status.phase !== 'Succeeded' && status.phase !== 'Failed';
}

function endpointOf(pod: Pod): object {
  const { namespace, name, uid, deletionTimestamp } = pod.metadata;
  const terminating = deletionTimestamp !== undefined;
  return {
    addresses: [pod.status.podIP],
    conditions: { ready: isReady(pod) && !terminating, serving: isReady(pod), terminating },
    nodeName: pod.spec.nodeName,
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}

function newSlice(service: Service, endpoints: readonly object[]): object {
  const { name } = service.metadata;
  return {
    metadata: {
      generateName: `${name}-`,
      labels: {
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        'kubernetes.io/service-name': name,
      },
      ownerReferences: [ownedBy(SERVICES, service)],
    },
    addressType: 'IPv4',
    ports: (service.spec.ports ?? []).map(({ name: portName = '', port, protocol = 'TCP' }) => ({
      name: portName,
      port,
      protocol,
    })),
    endpoints,
  };
}
