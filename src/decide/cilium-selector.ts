// Endpoint selectors of Cilium, as far as the labels of a pod decide them: yes, no, or not to be told from here.
import { readSelector } from '../api/network-policy.ts';
import type { LabelSelector } from '../api/meta.ts';
import { compileSelector } from './selector.ts';
import type { Suspect } from './residual.ts';

/** Whether a selector takes a pod. */
export type Match = 'Yes' | 'No' | 'Maybe';

type Requirement = Required<NonNullable<LabelSelector['matchExpressions']>[number]>;

/** Label that Cilium gives each pod: its namespace. */
export const NAMESPACE_KEY = 'io.kubernetes.pod.namespace';
const RESERVED = 'reserved.';
const NAMESPACE_LABELS = 'io.cilium.k8s.namespace.labels.';
const SERVICE_ACCOUNT_KEY = 'io.cilium.k8s.policy.serviceaccount';
/** Where the labels of a pod come from. */
const SOURCES = new Set(['k8s', 'any']);
// Set by Cilium from its own configuration.
const UNTOLD = new Set(['io.cilium.k8s.policy.cluster']);

// What Cilium's configuration may leave out of identities, and does by default for most of these
// (docs.cilium.io/en/stable/operations/performance/scalability/identity-relevant-labels): a pod may carry such a label
// and no selector sees it. Those that Cilium sets itself are always there.
const MAY_BE_UNSEEN =
  /kubernetes\.io|k8s\.io|pod-template-|controller-revision-hash|pod-name|^annotation|etcd_node|^statefulset/;

/**
 * Judges an `endpointSelector`.
 * @param ofNamespace the policy is one of the pod's namespace, whose selector Cilium binds to that namespace itself.
 */
export function endpointMatch(selector: unknown, suspect: Suspect, ofNamespace: boolean): Match {
  const read = readSelector(selector);
  if (!read || selector === undefined || selector === null) return 'Maybe';
  const labels = ciliumLabels(suspect);
  const judged = requirementsOf(read, ofNamespace).map((requirement) => judge(requirement, labels));
  if (judged.includes('No')) return 'No';
  return judged.includes('Maybe') ? 'Maybe' : 'Yes';
}

function ciliumLabels({ labels, namespace, namespaceLabels, serviceAccount }: Suspect): Map<string, string> {
  return new Map([
    ...Object.entries(labels),
    ...Object.entries(namespaceLabels).map(([key, value]) => [`${NAMESPACE_LABELS}${key}`, value] as const),
    [NAMESPACE_KEY, namespace] as const,
    ...(serviceAccount === undefined ? [] : [[SERVICE_ACCOUNT_KEY, serviceAccount] as const]),
  ]);
}

function requirementsOf({ matchLabels = {}, matchExpressions = [] }: LabelSelector, ofNamespace: boolean) {
  const labels = Object.entries(matchLabels)
    .filter(([key]) => !(ofNamespace && splitKey(key).name === NAMESPACE_KEY))
    .map(([key, value]): Requirement => ({ key, operator: 'In', values: [value] }));
  return [...labels, ...matchExpressions.map((one): Requirement => ({ values: [], ...one }))];
}

function judge({ key, operator, values }: Requirement, labels: ReadonlyMap<string, string>): Match {
  const { source, name } = splitKey(key);
  const isPositive = operator === 'In' || operator === 'Exists';
  // No pod that runs has a reserved label: those are for what is no pod.
  if (source === 'reserved') return isPositive ? 'No' : 'Yes';
  const value = labels.get(name);
  if (!SOURCES.has(source) || isUntold(name, value)) return 'Maybe';
  const holds = compileSelector({ matchExpressions: [{ key: 'label', operator, values }] })(
    value === undefined ? {} : { label: value },
  );
  // Without the label the outcome may be the other one.
  if (holds === isPositive && isUnsure(name)) return 'Maybe';
  return holds ? 'Yes' : 'No';
}

function isUntold(name: string, value: string | undefined): boolean {
  return UNTOLD.has(name) || (name === SERVICE_ACCOUNT_KEY && value === undefined);
}

function isUnsure(name: string): boolean {
  const ofCilium =
    name === NAMESPACE_KEY || name === SERVICE_ACCOUNT_KEY || name.startsWith(NAMESPACE_LABELS);
  return !ofCilium && MAY_BE_UNSEEN.test(name);
}

// `k8s:app`, `any:app` and `app` are the same for a pod; `$host` and `reserved.host` are other ways to write `reserved:host`.
function splitKey(key: string): { source: string; name: string } {
  if (key.startsWith('$')) return { source: 'reserved', name: key.slice(1) };
  if (key.startsWith(RESERVED)) return { source: 'reserved', name: key.slice(RESERVED.length) };
  const colon = key.indexOf(':');
  return colon < 0
    ? { source: 'any', name: key }
    : { source: key.slice(0, colon), name: key.slice(colon + 1) };
}
