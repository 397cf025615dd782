// The kinds that die-operator reads or writes, and their URLs.
import { GROUP, VERSION } from '../api/names.ts';

/** A kind as the API server serves it. */
export interface Resource {
  /** Empty for the core group. */
  group: string;
  version: string;
  plural: string;
  kind: string;
  namespaced: boolean;
}

const define = (group: string, version: string, plural: string, kind: string): Resource => ({
  group,
  version,
  plural,
  kind,
  namespaced: true,
});
const clusterScoped = (resource: Resource): Resource => ({ ...resource, namespaced: false });

export const PODS = define('', 'v1', 'pods', 'Pod');
export const NAMESPACES = clusterScoped(define('', 'v1', 'namespaces', 'Namespace'));
export const NODES = clusterScoped(define('', 'v1', 'nodes', 'Node'));
export const CONFIG_MAPS = define('', 'v1', 'configmaps', 'ConfigMap');
export const SERVICES = define('', 'v1', 'services', 'Service');
export const CORE_EVENTS = define('', 'v1', 'events', 'Event');
export const RESOURCE_QUOTAS = define('', 'v1', 'resourcequotas', 'ResourceQuota');
export const SERVICE_ACCOUNTS = define('', 'v1', 'serviceaccounts', 'ServiceAccount');
export const EVENTS = define('events.k8s.io', 'v1', 'events', 'Event');
export const DEPLOYMENTS = define('apps', 'v1', 'deployments', 'Deployment');
export const REPLICA_SETS = define('apps', 'v1', 'replicasets', 'ReplicaSet');
export const STATEFUL_SETS = define('apps', 'v1', 'statefulsets', 'StatefulSet');
export const DAEMON_SETS = define('apps', 'v1', 'daemonsets', 'DaemonSet');
export const CONTROLLER_REVISIONS = define('apps', 'v1', 'controllerrevisions', 'ControllerRevision');
export const JOBS = define('batch', 'v1', 'jobs', 'Job');
export const REPLICATION_CONTROLLERS = define('', 'v1', 'replicationcontrollers', 'ReplicationController');
export const NETWORK_POLICIES = define('networking.k8s.io', 'v1', 'networkpolicies', 'NetworkPolicy');
export const CILIUM_NETWORK_POLICIES = define(
  'cilium.io',
  'v2',
  'ciliumnetworkpolicies',
  'CiliumNetworkPolicy',
);
export const CILIUM_CLUSTERWIDE_NETWORK_POLICIES = clusterScoped(
  define('cilium.io', 'v2', 'ciliumclusterwidenetworkpolicies', 'CiliumClusterwideNetworkPolicy'),
);
export const CALICO_GLOBAL_NETWORK_POLICIES = clusterScoped(
  define('projectcalico.org', 'v3', 'globalnetworkpolicies', 'GlobalNetworkPolicy'),
);
export const CALICO_TIERS = clusterScoped(define('projectcalico.org', 'v3', 'tiers', 'Tier'));
export const CLUSTER_NETWORK_POLICIES = clusterScoped(
  define('policy.networking.k8s.io', 'v1alpha2', 'clusternetworkpolicies', 'ClusterNetworkPolicy'),
);
export const POD_DISRUPTION_BUDGETS = define('policy', 'v1', 'poddisruptionbudgets', 'PodDisruptionBudget');
export const ENDPOINT_SLICES = define('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice');
export const LEASES = define('coordination.k8s.io', 'v1', 'leases', 'Lease');
export const SELF_SUBJECT_ACCESS_REVIEWS = clusterScoped(
  define('authorization.k8s.io', 'v1', 'selfsubjectaccessreviews', 'SelfSubjectAccessReview'),
);
export const SELF_SUBJECT_REVIEWS = clusterScoped(
  define('authentication.k8s.io', 'v1', 'selfsubjectreviews', 'SelfSubjectReview'),
);
const admission = (plural: string, kind: string) =>
  clusterScoped(define('admissionregistration.k8s.io', 'v1', plural, kind));
export const ADMISSION_POLICIES = admission('validatingadmissionpolicies', 'ValidatingAdmissionPolicy');
export const ADMISSION_POLICY_BINDINGS = admission(
  'validatingadmissionpolicybindings',
  'ValidatingAdmissionPolicyBinding',
);
/** No kind: a name in RBAC rules, which admission policies ask for. */
export const QUARANTINES = define(GROUP, VERSION, 'quarantines', 'Quarantine');
/** The same, for the verb `run`. */
export const HELPERS = clusterScoped(define(GROUP, VERSION, 'helpers', 'Helper'));
export const DRIFT_POLICIES = define(GROUP, VERSION, 'driftpolicies', 'DriftPolicy');
export const CLUSTER_DRIFT_POLICIES = clusterScoped(
  define(GROUP, VERSION, 'clusterdriftpolicies', 'ClusterDriftPolicy'),
);
export const DRIFT_INCIDENTS = define(GROUP, VERSION, 'driftincidents', 'DriftIncident');

/** `apiVersion` of objects of that kind. */
export function apiVersionOf(resource: Resource): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** Names one object, or with a subresource a part of it. */
export interface ObjectPath {
  namespace?: string;
  name?: string;
  subresource?: string;
}

/** The URL path of a collection, object or subresource; without a plural, of the group's version. Every part is escaped. */
export function resourcePath(resource: Resource, at: ObjectPath = {}): string {
  const parts = resource.group === '' ? ['api'] : ['apis', resource.group];
  parts.push(resource.version);
  if (at.namespace !== undefined) parts.push('namespaces', at.namespace);
  if (resource.plural !== '') parts.push(resource.plural);
  if (at.name !== undefined) parts.push(at.name);
  if (at.subresource !== undefined) parts.push(at.subresource);
  return `/${parts.map(encodeURIComponent).join('/')}`;
}
