// What still lets traffic of one pod through although the deny policy selects it. Policies are additive: an allow of any
// other policy that selects the pod stays an allow. What cannot be read counts as one.
import {
  DIRECTIONS,
  readNetworkPolicySpec,
  readRule,
  type Direction,
  type NetworkPolicyFacts,
  type NetworkPolicySpec,
  type Peer,
  type Rule,
} from '../api/network-policy.ts';
import {
  ALL_PORTS,
  EVERYBODY,
  peerList,
  peerWords,
  portList,
  portWords,
  UNREADABLE,
} from './policy-words.ts';
import { NETWORKS_ANNOTATION } from '../api/names.ts';
import { Effort } from './effort.ts';
import { byCodeUnit } from './order.ts';
import { compileSelector } from './selector.ts';

type Labels = Readonly<Record<string, string>>;

/** The pod as policies see it, with its labels as they are now. */
export interface Suspect {
  namespace: string;
  labels: Labels;
  namespaceLabels: Labels;
  serviceAccount?: string;
  /** It is attached to networks that no policy is about. */
  otherNetworks?: true;
}

/** One way that a policy leaves open. Texts are cut and printable. */
export interface Allow {
  direction: Direction;
  /** In words, e.g. `namespaces with name=kube-system`. */
  peer: string;
  /** In words, e.g. `TCP 80`. */
  ports: string;
  /** Kind, namespace and name of the policy; absent if it is open because no policy denies it. */
  policy?: string;
  /** All peers are pods: a backend that can deny pods only closes it. */
  podsOnly: boolean;
}

/** A way that a policy closes whatever others allow. */
export interface Closure {
  direction: Direction;
  /** All peers but the pod's own node, or pods only. */
  scope: 'All' | 'Pods';
}

/** What NetworkPolicies let through, those of other namespaces left out. */
export function residualAllows(suspect: Suspect, policies: readonly NetworkPolicyFacts[]): Allow[] {
  const effort = new Effort();
  return policies
    .filter(({ namespace }) => namespace === suspect.namespace)
    .toSorted(({ name }, other) => byCodeUnit(name, other.name))
    .flatMap((policy) => allowsOf(suspect, policy, effort));
}

/** Directions in which no NetworkPolicy that can be read denies anything to the pod: there everything is open. */
export function undenied(suspect: Suspect, policies: readonly NetworkPolicyFacts[]): Direction[] {
  const denied = policies.flatMap(({ namespace, spec }) => {
    const read = namespace === suspect.namespace ? readNetworkPolicySpec(spec) : undefined;
    return read && compileSelector(read.podSelector)(suspect.labels) ? read.policyTypes : [];
  });
  return DIRECTIONS.filter((direction) => !denied.includes(direction));
}

/** The way that is open in a direction in which nothing denies. */
export function openWay(direction: Direction): Allow {
  return { direction, peer: EVERYBODY, ports: ALL_PORTS, podsOnly: false };
}

/** The ways by networks that no policy is about. No backend closes them. */
export function otherNetworkWays({ otherNetworks }: Suspect): Allow[] {
  const peer = `the other networks of the pod (annotation ${NETWORKS_ANNOTATION})`;
  return otherNetworks ? DIRECTIONS.map((direction) => ({ ...openWay(direction), peer })) : [];
}

/** What stays open although those ways are closed. */
export function stillOpen(allows: readonly Allow[], closures: readonly Closure[]): Allow[] {
  return allows.filter(
    (allow) =>
      !closures.some(
        ({ direction, scope }) => direction === allow.direction && (scope === 'All' || allow.podsOnly),
      ),
  );
}

function allowsOf(
  { labels }: Suspect,
  { namespace, name, spec }: NetworkPolicyFacts,
  effort: Effort,
): Allow[] {
  const policy = `NetworkPolicy ${namespace}/${name}`;
  const read = readNetworkPolicySpec(spec);
  if (!read) return DIRECTIONS.map((direction) => unreadable(direction, policy));
  if (!compileSelector(read.podSelector)(labels)) return [];
  return DIRECTIONS.flatMap((direction) => inDirection(read, direction, policy, effort));
}

function inDirection(
  { policyTypes, rules }: NetworkPolicySpec,
  direction: Direction,
  policy: string,
  effort: Effort,
): Allow[] {
  if (!policyTypes.includes(direction)) return [];
  return judgeEach(rules[direction], effort, unreadable(direction, policy), (rule) => {
    const read = readRule(rule, direction);
    return read && [{ direction, policy, ...ruleWords(read) }];
  });
}

/**
 * What parts of a policy allow, each by `judge`; undefined for one that cannot be judged.
 * @param otherwise stands for those, and for all that there is no effort left for.
 */
export function judgeEach(
  parts: readonly unknown[],
  effort: Effort,
  otherwise: Allow,
  judge: (part: unknown) => readonly Allow[] | undefined,
): Allow[] {
  const judged = parts.map((part) => (effort.takes(part) ? judge(part) : undefined));
  return [...judged.flatMap((allows) => allows ?? []), ...(judged.includes(undefined) ? [otherwise] : [])];
}

/** The way of a policy, or of a part of one, that cannot be judged. */
export function unreadable(direction: Direction, policy: string): Allow {
  return { direction, peer: UNREADABLE, ports: ALL_PORTS, policy, podsOnly: false };
}

// No peers means everybody, no ports means all of them.
function ruleWords({ peers, ports }: Rule): Pick<Allow, 'peer' | 'ports' | 'podsOnly'> {
  return {
    peer: peers.length === 0 ? EVERYBODY : peerList(peers.map(peerWords)),
    ports: portList(ports.map(portWords)),
    podsOnly: peers.length > 0 && peers.every(isOfPods),
  };
}

function isOfPods({ ipBlock, podSelector, namespaceSelector }: Peer): boolean {
  return !ipBlock && Boolean(podSelector ?? namespaceSelector);
}
