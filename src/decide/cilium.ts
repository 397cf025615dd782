// What Cilium's own policies let through to one pod or from it, and what they close for good: a deny of Cilium wins over
// every allow, also over those of NetworkPolicies (docs.cilium.io/en/stable/security/policy/language, "Deny Policies").
import type { CiliumPolicyFacts } from '../api/cilium-policy.ts';
import { DIRECTIONS, type Direction } from '../api/network-policy.ts';
import { closesDirection } from './cilium-deny.ts';
import { byCodeUnit } from './order.ts';
import { Effort } from './effort.ts';
import { endpointMatch, type Match } from './cilium-selector.ts';
import { ciliumPeers, ciliumPorts, isRecord, listOf } from './cilium-words.ts';
import { ALL_PORTS, EVERYBODY, peerList, UNREADABLE } from './policy-words.ts';
import { judgeEach, unreadable, type Allow, type Closure, type Suspect } from './residual.ts';

const ALLOWS: Readonly<Record<Direction, string>> = { Ingress: 'ingress', Egress: 'egress' };
const DENIES: Readonly<Record<Direction, string>> = { Ingress: 'ingressDeny', Egress: 'egressDeny' };

/** What Cilium's policies let through. What cannot be judged counts as an allow. */
export function ciliumAllows(suspect: Suspect, policies: readonly CiliumPolicyFacts[]): Allow[] {
  const effort = new Effort();
  return inOrder(policies).flatMap((policy) => {
    const name = nameOf(policy);
    const unjudged = DIRECTIONS.map((direction) => unreadable(direction, name));
    const judged = policy.rules.map((rule) => {
      if (!isRecord(rule) || !effort.takes(undefined)) return undefined;
      if (matchOf(suspect, policy, rule) === 'No') return [];
      return DIRECTIONS.flatMap((direction) => allowsOf(rule[ALLOWS[direction]], direction, name, effort));
    });
    return [...judged.flatMap((allows) => allows ?? []), ...(judged.includes(undefined) ? unjudged : [])];
  });
}

// Always the same, and those of the cluster first: no tenant uses up the effort before them.
function inOrder(policies: readonly CiliumPolicyFacts[]): CiliumPolicyFacts[] {
  return policies.toSorted((a, b) => byCodeUnit(a.kind, b.kind) || byCodeUnit(a.name, b.name));
}

/** What they close: directions in which they deny everything, on ingress the pod's own node aside. */
export function ciliumClosures(suspect: Suspect, policies: readonly CiliumPolicyFacts[]): Closure[] {
  const effort = new Effort();
  const sure = inOrder(policies).flatMap((policy) =>
    policy.rules
      .filter(isRecord)
      .filter((rule) => DIRECTIONS.some((direction) => rule[DENIES[direction]]) && effort.takes(undefined))
      .filter((rule) => matchOf(suspect, policy, rule) === 'Yes')
      .map((rule) => ({ rule, isClusterwide: policy.kind === 'CiliumClusterwideNetworkPolicy' })),
  );
  return DIRECTIONS.filter((direction) =>
    closesDirection(
      direction,
      sure.flatMap(({ rule, isClusterwide }) =>
        (listOf(rule[DENIES[direction]]) ?? [])
          .filter((entry) => effort.takes(entry))
          .map((entry) => ({ entry, isClusterwide })),
      ),
    ),
  ).map((direction) => ({ direction, scope: 'All' }));
}

function nameOf({ kind, namespace, name }: CiliumPolicyFacts): string {
  return namespace === '' ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}

function matchOf(suspect: Suspect, { kind, namespace }: CiliumPolicyFacts, rule: object): Match {
  const { endpointSelector, nodeSelector } = rule as Record<string, unknown>;
  const ofNamespace = kind === 'CiliumNetworkPolicy';
  if (ofNamespace && namespace !== suspect.namespace) return 'No';
  // A policy on nodes says nothing about pods.
  if (isRecord(nodeSelector) && !isRecord(endpointSelector)) return 'No';
  return endpointMatch(endpointSelector, suspect, ofNamespace);
}

function allowsOf(section: unknown, direction: Direction, policy: string, effort: Effort): Allow[] {
  if (section === undefined || section === null) return [];
  const entries = listOf(section);
  if (!entries) return [unreadable(direction, policy)];
  return judgeEach(entries, effort, unreadable(direction, policy), (entry) =>
    entryAllows(entry, direction, policy),
  );
}

// An entry that says nothing allows nothing: that is how a policy of Cilium denies by default.
function entryAllows(entry: unknown, direction: Direction, policy: string): Allow[] {
  if (!isRecord(entry)) return [unreadable(direction, policy)];
  const { peers, isReadable } = ciliumPeers(entry, direction);
  const ports = ciliumPorts(entry) ?? (peers.length > 0 || !isReadable ? ALL_PORTS : undefined);
  if (ports === undefined) return [];
  const named = isReadable ? peers : [...peers, UNREADABLE];
  const peer = named.length === 0 ? EVERYBODY : peerList(named);
  // Endpoints are more than pods: `reserved:world` is a label, too.
  return [{ direction, policy, peer, ports, podsOnly: false }];
}
