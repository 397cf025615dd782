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
/** Annotation that a person puts on a pod: until when its response is capped, where a ClusterDriftPolicy grants that. */
export const BREAK_GLASS_ANNOTATION = `${GROUP}/break-glass-until`;
/** Finalizer of an incident whose pod may carry our change. */
export const FINALIZER = `${GROUP}/containment`;

/** The two halves of the operator; a process runs one or both. */
export const ROLES = ['receiver', 'responder'] as const;
/** See {@link ROLES}. */
export type Role = (typeof ROLES)[number];

/** The static deny-all NetworkPolicy of each namespace. */
export const QUARANTINE_POLICY = 'die-operator-quarantine';
/** Lease in {@link SYSTEM_NAMESPACE} that the leading responder holds. */
export const RESPONDER_LEASE = 'die-operator-responder';
/** ConfigMap in {@link SYSTEM_NAMESPACE} whose key {@link PAUSED_KEY} stops destructive acts. */
export const SWITCH_CONFIGMAP = 'die-operator';
/** Key of the pause switch: any value but `"false"` or absence means paused. */
export const PAUSED_KEY = 'paused';
/** Marks objects that die-operator made. */
export const MANAGED_BY_LABEL = 'app.kubernetes.io/managed-by';
/** Value of {@link MANAGED_BY_LABEL}, reporting controller of Events and User-Agent. */
export const OPERATOR_NAME = 'die-operator';
