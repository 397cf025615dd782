// What the server fills in when an object of a built-in kind is created, as far as responses read it.
import { listAt, objectAt, type JsonObject } from './json.ts';

type Fill = (object: JsonObject) => JsonObject;

/** Defaults that every write gets. */
const SPEC_DEFAULTS: Readonly<Record<string, Fill>> = {
  Pod: (pod) => ({ ...pod, spec: podSpec(objectAt(pod['spec'])) }),
  Node: (node) => withSpec(node, {}),
  Deployment: (deployment) => withSpec(deployment, { replicas: 1 }),
  StatefulSet: (set) => withSpec(set, { replicas: 1 }),
  ReplicaSet: (set) => withSpec(set, { replicas: 1 }),
  Service: (service) => withSpec(service, { type: 'ClusterIP' }),
  NetworkPolicy: (policy) => ({ ...policy, spec: networkPolicySpec(objectAt(policy['spec'])) }),
};

/** The first status. A node keeps the one that it is registered with. */
const FIRST_STATUS: Readonly<Record<string, (object: JsonObject) => JsonObject>> = {
  Pod: podStatus,
  Namespace: () => ({ phase: 'Active' }),
  Node: (node) => objectAt(node['status']),
  Deployment: () => ({}),
  StatefulSet: () => ({ replicas: 0, availableReplicas: 0 }),
  ReplicaSet: () => ({ replicas: 0 }),
  Service: () => ({ loadBalancer: {} }),
  PodDisruptionBudget: () => ({
    disruptionsAllowed: 0,
    currentHealthy: 0,
    desiredHealthy: 0,
    expectedPods: 0,
  }),
};

/** The object of that kind with the defaults of its spec. */
export function withDefaults(kind: string, object: JsonObject): JsonObject {
  return SPEC_DEFAULTS[kind]?.(object) ?? object;
}

/** The new object with all defaults; a status that came with it is dropped, as the server does. */
export function withFirstDefaults(kind: string, object: JsonObject): JsonObject {
  const { status: _dropped, ...rest } = kind === 'Namespace' ? newNamespace(object) : object;
  const status = FIRST_STATUS[kind]?.(object);
  return withDefaults(kind, status ? { ...rest, status } : rest);
}

function newNamespace(namespace: JsonObject): JsonObject {
  const metadata = objectAt(namespace['metadata']);
  const labels = { ...objectAt(metadata['labels']), 'kubernetes.io/metadata.name': metadata['name'] };
  return { ...namespace, metadata: { ...metadata, labels }, spec: { finalizers: ['kubernetes'] } };
}

function withSpec(object: JsonObject, defaults: JsonObject): JsonObject {
  return { ...object, spec: { ...defaults, ...objectAt(object['spec']) } };
}

function podSpec(spec: JsonObject): JsonObject {
  return {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    serviceAccountName: 'default',
    schedulerName: 'default-scheduler',
    securityContext: {},
    enableServiceLinks: true,
    ...spec,
    containers: listAt(spec['containers']).map((container) => ({
      resources: {},
      imagePullPolicy: 'IfNotPresent',
      terminationMessagePath: '/dev/termination-log',
      terminationMessagePolicy: 'File',
      ...objectAt(container),
    })),
  };
}

function podStatus(pod: JsonObject): JsonObject {
  const asks = listAt(objectAt(pod['spec'])['containers']).some(
    (container) => Object.keys(objectAt(objectAt(container)['resources'])).length > 0,
  );
  return { phase: 'Pending', qosClass: asks ? 'Burstable' : 'BestEffort' };
}

/** An empty list of rules is as good as none: it does not make the policy one about that direction. */
function networkPolicySpec(spec: JsonObject): JsonObject {
  const rules = Object.fromEntries(
    ['ingress', 'egress']
      .filter((field) => listAt(spec[field]).length > 0)
      .map((field) => [field, spec[field]]),
  );
  const { ingress: _ingress, egress: _egress, ...rest } = spec;
  const policyTypes = rules['egress'] === undefined ? ['Ingress'] : ['Ingress', 'Egress'];
  return { policyTypes, ...rest, ...rules };
}
