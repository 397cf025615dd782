// What the server fills in when an object of a built-in kind is created, as far as responses read it.
import { isJsonObject, listAt, objectAt, type JsonObject } from './json.ts';
import { podSpecDefaults, qosClass, templateDefaults } from './pod-defaults.ts';

type Fill = (object: JsonObject) => JsonObject;

/** Defaults that every write gets. */
const SPEC_DEFAULTS: Readonly<Record<string, Fill>> = {
  Pod: (pod) => ({ ...pod, spec: podSpecDefaults(objectAt(pod['spec'])) }),
  Node: (node) => withSpec(node, {}),
  Lease: (lease) => withSpec(lease, {}),
  Deployment: (deployment) =>
    withTemplate(deployment, {
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
    }),
  StatefulSet: (set) =>
    withTemplate(set, {
      replicas: 1,
      revisionHistoryLimit: 10,
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
    }),
  DaemonSet: (set) =>
    withTemplate(set, {
      revisionHistoryLimit: 10,
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
    }),
  ReplicaSet: (set) => withTemplate(set, { replicas: 1 }),
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
  DaemonSet: () => ({
    currentNumberScheduled: 0,
    desiredNumberScheduled: 0,
    numberMisscheduled: 0,
    numberReady: 0,
  }),
  Service: () => ({ loadBalancer: {} }),
  ResourceQuota: () => ({}),
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
  const filled = withDefaults(kind, rest);
  const status = FIRST_STATUS[kind]?.({ ...filled, status: object['status'] });
  return status ? { ...filled, status } : filled;
}

function newNamespace(namespace: JsonObject): JsonObject {
  const metadata = objectAt(namespace['metadata']);
  const labels = { ...objectAt(metadata['labels']), 'kubernetes.io/metadata.name': metadata['name'] };
  return { ...namespace, metadata: { ...metadata, labels }, spec: { finalizers: ['kubernetes'] } };
}

function withSpec(object: JsonObject, defaults: JsonObject): JsonObject {
  return { ...object, spec: { ...defaults, ...objectAt(object['spec']) } };
}

function withTemplate(workload: JsonObject, defaults: JsonObject): JsonObject {
  const filled = withSpec(workload, defaults);
  const spec = objectAt(filled['spec']);
  const template = objectAt(spec['template']);
  if (!isJsonObject(template['spec'])) return filled;
  return {
    ...filled,
    spec: { ...spec, template: { ...template, spec: templateDefaults(template['spec']) } },
  };
}

function podStatus(pod: JsonObject): JsonObject {
  return { phase: 'Pending', qosClass: qosClass(objectAt(pod['spec'])) };
}

/** An empty list of rules is as good as none: it does not make the policy one about that direction. */
function networkPolicySpec(spec: JsonObject): JsonObject {
  const rules = Object.fromEntries(
    ['ingress', 'egress']
      .filter((field) => listAt(spec[field]).length > 0)
      .map((field) => [field, listAt(spec[field]).map(networkPolicyRule)]),
  );
  const { ingress: _ingress, egress: _egress, ...rest } = spec;
  const policyTypes = rules['egress'] === undefined ? ['Ingress'] : ['Ingress', 'Egress'];
  return { policyTypes, ...rest, ...rules };
}

function networkPolicyRule(value: unknown): JsonObject {
  const rule = objectAt(value);
  if (rule['ports'] === undefined) return rule;
  return { ...rule, ports: listAt(rule['ports']).map((port) => ({ protocol: 'TCP', ...objectAt(port) })) };
}
