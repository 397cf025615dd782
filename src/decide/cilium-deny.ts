// Whether the denies of Cilium's policies leave anything open in a direction.
import { readSelector, type Direction } from '../api/network-policy.ts';
import { NAMESPACE_KEY } from './cilium-selector.ts';
import { isRecord, listOf } from './cilium-words.ts';

/** One entry of `ingressDeny` or `egressDeny`. */
export interface DenyEntry {
  entry: unknown;
  /** Of a policy of the cluster: its selectors of peers are not bound to a namespace. */
  isClusterwide: boolean;
}

// Everybody that Cilium tells apart (its reserved entities), and `pods` for all endpoints with a namespace, which are not
// only those of this cluster where several are meshed.
const OTHERS = ['remote-node', 'kube-apiserver', 'unmanaged', 'health', 'init', 'ingress'] as const;
const EVERYBODY: readonly string[] = ['world', 'host', ...OTHERS, 'pods'];
/** What an entity stands for besides itself. */
const STANDS_FOR: Readonly<Record<string, readonly string[]>> = {
  all: EVERYBODY,
  cluster: ['host', ...OTHERS],
};
// The node stays: without its probes the kubelet restarts the container, and the evidence is gone.
const NEEDED: Readonly<Record<Direction, readonly string[]>> = {
  Ingress: EVERYBODY.filter((one) => one !== 'host'),
  Egress: EVERYBODY,
};

/** Whether the entries together deny everybody; on ingress the pod's own node may be left out. */
export function closesDirection(direction: Direction, entries: readonly DenyEntry[]): boolean {
  const denied = new Set(entries.flatMap((one) => deniedBy(direction, one)));
  return NEEDED[direction].every((one) => denied.has(one));
}

// Of entries that deny only some ports, or that have a field not known here, nothing counts.
function deniedBy(direction: Direction, { entry, isClusterwide }: DenyEntry): readonly string[] {
  if (!isRecord(entry)) return [];
  const given = Object.entries(entry).filter(([, value]) => value !== null);
  const [[key, value] = ['', undefined], ...others] = given;
  if (others.length > 0) return [];
  const prefix = direction === 'Ingress' ? 'from' : 'to';
  const list = listOf(value) ?? [];
  if (key === `${prefix}Entities`) return list.flatMap(entity);
  return key === `${prefix}Endpoints` && isClusterwide && list.some(isAnyPod) ? ['pods'] : [];
}

function entity(name: unknown): readonly string[] {
  if (typeof name !== 'string') return [];
  return Object.hasOwn(STANDS_FOR, name) ? (STANDS_FOR[name] ?? []) : [name];
}

// An empty selector takes pods too, but what else it takes differs between versions: the form with the label is sure.
function isAnyPod(selector: unknown): boolean {
  const read = isRecord(selector) ? readSelector(selector) : undefined;
  const { matchLabels = {}, matchExpressions = [] } = read ?? {};
  const [only, ...others] = matchExpressions;
  if (Object.keys(matchLabels).length > 0 || only?.operator !== 'Exists' || others.length > 0) return false;
  return only.key === NAMESPACE_KEY || only.key === `k8s:${NAMESPACE_KEY}`;
}
