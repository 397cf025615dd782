// Every name that die-operator puts into a cluster. Renaming one is a breaking change.

/** API group of our resources. */
export const GROUP = 'die-operator.dev';
/** The one served version. */
export const VERSION = 'v1alpha1';
/** `apiVersion` of our resources. */
export const API_VERSION = `${GROUP}/${VERSION}`;
/** Category for `kubectl get die`. */
export const CATEGORY = 'die';

/** Namespace of the operator itself; never a target. */
export const SYSTEM_NAMESPACE = 'die-operator-system';
/** Namespace of capture pods; never a target. */
export const CAPTURE_NAMESPACE = 'die-operator-capture';

/** Present with value `true` on a quarantined pod; the deny policy selects it. */
export const QUARANTINE_LABEL = `${GROUP}/quarantine`;
/** Severity of the incident, on the pod, as a label value in lower case. */
export const SEVERITY_LABEL = `${GROUP}/severity`;
/** Annotation on the pod: the name of its incident and nothing else. */
export const INCIDENT_ANNOTATION = `${GROUP}/incident`;
/** Annotation of a pod that die-operator made anew: the UID of the incident whose pod it replaces. */
export const RESTARTED_FOR_ANNOTATION = `${GROUP}/restarted-for`;
/** Annotation that a person puts on a pod: until when its response is capped, where a ClusterDriftPolicy grants that. */
export const BREAK_GLASS_ANNOTATION = `${GROUP}/break-glass-until`;
/** Annotation of Kubernetes: of the pods that a ReplicaSet has too many, those of the lowest cost go first. */
export const DELETION_COST_ANNOTATION = 'controller.kubernetes.io/pod-deletion-cost';
/** Annotation of a pod: networks that it asks Multus for besides that of the cluster. */
export const NETWORKS_ANNOTATION = 'k8s.v1.cni.cncf.io/networks';
/** Annotation of a pod: networks that Multus gave it, that of the cluster among them. */
export const NETWORK_STATUS_ANNOTATION = 'k8s.v1.cni.cncf.io/network-status';
/** Annotation on a StatefulSet: when it was touched, so that it looks again at a pod that it could not start. */
export const TOUCHED_ANNOTATION = `${GROUP}/touched-at`;
/** Finalizer of an incident whose pod may carry our change. */
export const FINALIZER = `${GROUP}/containment`;

/** The two halves of the operator; a process runs one or both. */
export const ROLES = ['receiver', 'responder'] as const;
/** See {@link ROLES}. */
export type Role = (typeof ROLES)[number];

/** The static deny-all NetworkPolicy of each namespace. */
export const QUARANTINE_POLICY = 'die-operator-quarantine';
/** Objects of deny-capable networks that close what other policies allow; see `config/components`. */
export const BACKEND_POLICIES = {
  cilium: 'die-operator-quarantine',
  /** Calico demands the name of the tier before the dot. */
  calico: 'die-operator.quarantine',
  calicoTier: 'die-operator',
  clusterNetworkPolicy: 'die-operator-quarantine',
} as const;
/** ConfigMap of each namespace that lists its quarantined pods by name, for the admission policies that protect them. */
export const QUARANTINE_LIST = 'die-operator-quarantined';
/** ConfigMap in {@link SYSTEM_NAMESPACE} that lists the quarantined pods of the cluster by UID, for the same. */
export const QUARANTINED_PODS_LIST = 'die-operator-quarantined-pods';
/** ValidatingAdmissionPolicy, and its binding, that keep people out of quarantined pods. */
export const ACCESS_POLICY = 'die-operator-quarantine-access';
/** Lease in {@link SYSTEM_NAMESPACE} that the leading responder holds. */
export const RESPONDER_LEASE = 'die-operator-responder';
/** ConfigMap in {@link SYSTEM_NAMESPACE} whose key {@link PAUSED_KEY} stops destructive acts. */
export const SWITCH_CONFIGMAP = 'die-operator';
/** Key of the pause switch: any value but `"false"` or absence means paused. */
export const PAUSED_KEY = 'paused';
/** Key of the same ConfigMap with the decision of a person to close the circuit breaker, as JSON. */
export const BREAKER_KEY = 'breaker';
/** ConfigMap in {@link SYSTEM_NAMESPACE} with the destructive acts that were spent, and the state of the circuit breaker. */
export const LEDGER_CONFIGMAP = 'die-operator-ledger';
/** ConfigMap in {@link CAPTURE_NAMESPACE} that says which image helper pods run, and which profiles are allowed. */
export const HELPERS_CONFIGMAP = 'die-operator-helpers';
/** ServiceAccount in {@link SYSTEM_NAMESPACE} that may have checkpoints made, and nothing else. */
export const CHECKPOINT_ACCOUNT = 'die-operator-checkpoint';
/** ConfigMap in {@link SYSTEM_NAMESPACE} with what is known of each node: whether it enforces NetworkPolicies. */
export const ENFORCEMENT_CONFIGMAP = 'die-operator-enforcement';
/** ConfigMap with approved digests: of a namespace, and in {@link SYSTEM_NAMESPACE} for policies of the cluster. */
export const APPROVED_IMAGES_CONFIGMAP = 'die-operator-approved-images';
/** ConfigMap in {@link SYSTEM_NAMESPACE} in which receivers note when alerts and test events came. */
export const INTAKE_CONFIGMAP = 'die-operator-intake';
/** Label of a helper pod: its profile. The admission policy of that namespace admits one shape for each. */
export const HELPER_LABEL = `${GROUP}/helper`;
/** Annotation of a capture pod: the UID of the incident that it reads for. */
export const CAPTURED_FOR_ANNOTATION = `${GROUP}/captured-for`;
/** Marks objects that die-operator made. */
export const MANAGED_BY_LABEL = 'app.kubernetes.io/managed-by';
/** Value of {@link MANAGED_BY_LABEL}, reporting controller of Events and User-Agent. */
export const OPERATOR_NAME = 'die-operator';
