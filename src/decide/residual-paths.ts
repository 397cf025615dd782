// All that can still reach a quarantined pod or be reached by it, as it stands in the record.
import type { CiliumPolicyFacts } from '../api/cilium-policy.ts';
import { MAX_PATHS, type IsolationPath } from '../api/incident.ts';
import type { NetworkPolicyFacts } from '../api/network-policy.ts';
import { ciliumAllows, ciliumClosures } from './cilium.ts';
import type { NetworkProbe, NodeEnforcement } from './isolated.ts';
import { ALL_PORTS, plainText } from './policy-words.ts';
import {
  openWay,
  otherNetworkWays,
  residualAllows,
  stillOpen,
  undenied,
  type Allow,
  type Closure,
  type Suspect,
} from './residual.ts';

/** What is known of the network around one pod. */
export interface NetworkView {
  namespaceLabels: Readonly<Record<string, string>>;
  /** NetworkPolicies of its namespace. */
  networkPolicies: readonly NetworkPolicyFacts[];
  /** Cilium's policies of its namespace and of the cluster. */
  ciliumPolicies: readonly CiliumPolicyFacts[];
  /** What other backends close, see backends.ts. */
  closures: readonly Closure[];
  /** Why policies that are there cannot be read, in words; undefined if all can. */
  blind: string | undefined;
  /** Whose policies are not read, and may allow more. */
  unread?: readonly string[];
  /** What was found out about the node of the pod. */
  enforcement: NodeEnforcement | undefined;
  probe: NetworkProbe | undefined;
  /** Who in the pod could get around a firewall in its network, in words; absent if nobody. */
  passesFirewall?: string;
  /** Admission policies refuse exec, attach and port-forward into quarantined pods. */
  execProtected: boolean;
}

/** The paths, those of policies first, and how many found no room. */
export interface Paths {
  paths: IsolationPath[];
  morePaths: number;
  /** There is a direction in which no policy denies, and it was not asked for long enough to be sure. */
  unseen: boolean;
}

const MAX_POLICY_NAME = 320;
/** Together they must leave room for the rest of an incident. */
const MAX_CHARACTERS = 6_000;

/**
 * Finds all paths.
 * @param isSettled the deny policy has had the time to be seen: without one, everything is open.
 */
export function residualPaths(suspect: Suspect, view: NetworkView, isSettled: boolean): Paths {
  const { networkPolicies, ciliumPolicies } = view;
  const closures = [...ciliumClosures(suspect, ciliumPolicies), ...view.closures];
  const open = stillOpen(undenied(suspect, networkPolicies).map(openWay), closures);
  const allows = [...residualAllows(suspect, networkPolicies), ...ciliumAllows(suspect, ciliumPolicies)];
  const found = [
    ...otherNetworkWays(suspect),
    ...(isSettled ? open : []),
    ...stillOpen(allows, closures),
  ].map(policyPath);
  return {
    ...bounded(unique(found).toSorted(byText), alwaysThere(view)),
    unseen: !isSettled && open.length > 0,
  };
}

function policyPath({ direction, peer, ports, policy }: Allow): IsolationPath {
  return {
    kind: 'Policy',
    direction,
    peer,
    ports,
    ...(policy !== undefined && { policy: plainText(policy, MAX_POLICY_NAME) }),
  };
}

// The kubelet's probes must pass, and no network policy is asked about the node (or, with ours, about an exec).
function alwaysThere({ enforcement, execProtected }: NetworkView): IsolationPath[] {
  const node: IsolationPath = {
    kind: 'Node',
    direction: 'Ingress',
    peer: 'its node: probes, and whatever runs in the network of the node',
    ports: ALL_PORTS,
  };
  const exec: IsolationPath = {
    kind: 'Exec',
    direction: 'Ingress',
    peer: 'whoever may exec, attach or port-forward',
    ports: ALL_PORTS,
  };
  const established: IsolationPath = {
    kind: 'Established',
    direction: 'Ingress',
    peer: 'connections that were open before, which the network of the node does not cut',
    ports: ALL_PORTS,
  };
  return [
    ...(enforcement?.establishedCut === false ? [established] : []),
    node,
    ...(execProtected ? [] : [exec]),
  ];
}

function bounded(
  ofPolicies: readonly IsolationPath[],
  always: readonly IsolationPath[],
): Omit<Paths, 'unseen'> {
  const kept: IsolationPath[] = [];
  let characters = 0;
  for (const path of ofPolicies.slice(0, MAX_PATHS - always.length)) {
    characters += textOf(path).length;
    if (characters > MAX_CHARACTERS) break;
    kept.push(path);
  }
  return { paths: [...kept, ...always], morePaths: ofPolicies.length - kept.length };
}

function unique(paths: readonly IsolationPath[]): IsolationPath[] {
  return [...new Map(paths.map((path) => [textOf(path), path])).values()];
}

// The same order whatever the watch sends first: the record is written only when something changed.
function byText(a: IsolationPath, b: IsolationPath): number {
  return textOf(a) < textOf(b) ? -1 : 1;
}

function textOf({ direction, peer, ports, policy = '' }: IsolationPath): string {
  return [policy, direction, peer, ports].join('\n');
}
