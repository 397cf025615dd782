// Peers and ports of network policies in words for people. Tenants write policies: what gets into a record is cut, and holds
// nothing but printable characters.
import type { LabelSelector } from '../api/meta.ts';
import type { Peer, Port } from '../api/network-policy.ts';

/** Longest list of peers, in characters. */
const MAX_PEER = 160;
/** Longest list of ports, in characters. */
const MAX_PORTS = 80;

export const EVERYBODY = 'everybody';
export const ALL_PORTS = 'all ports';
/** What stands for a part of a policy that cannot be judged, which so counts as an allow. */
export const UNREADABLE = 'what cannot be judged, so perhaps everybody';

/** The text with printable ASCII only, cut to so many characters. */
export function plainText(text: string, max: number): string {
  // Longer input is not looked at: a policy may hold a megabyte.
  const plain = text.slice(0, max + 1).replaceAll(/[^ -~]/g, '?');
  return plain.length > max ? `${plain.slice(0, max - 3)}...` : plain;
}

/** Several peers as one text. */
export function peerList(peers: readonly string[]): string {
  return plainText(peers.join('; '), MAX_PEER);
}

/** Several ports as one text; none given means all. */
export function portList(ports: readonly string[]): string {
  return ports.length === 0 ? ALL_PORTS : plainText(ports.join(', '), MAX_PORTS);
}

/** A selector as kubectl takes it, e.g. `app=web,tier in (a,b),!legacy`; empty for one that selects everything. */
export function selectorWords({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  const requirements = matchExpressions.map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`;
  });
  return [...labels, ...requirements].join(',');
}

/** One peer of a NetworkPolicy. */
export function peerWords({ podSelector, namespaceSelector, ipBlock }: Peer): string {
  if (ipBlock) {
    const { cidr, except } = ipBlock;
    return except && except.length > 0 ? `${cidr} except ${except.join(', ')}` : cidr;
  }
  if (!podSelector && !namespaceSelector) return UNREADABLE;
  const pods = podSelector && selectorWords(podSelector as LabelSelector);
  const spaces = namespaceSelector && selectorWords(namespaceSelector as LabelSelector);
  if (typeof spaces !== 'string') return pods ? `pods with ${pods}` : 'all pods of the namespace';
  const where = spaces === '' ? 'all namespaces' : `namespaces with ${spaces}`;
  return pods ? `pods with ${pods} in ${where}` : where;
}

/** One port of a NetworkPolicy; the protocol is TCP where none is given. */
export function portWords({ protocol, port, endPort }: Port): string {
  const name = protocol ?? 'TCP';
  if (port === undefined || port === null) return name;
  return typeof endPort === 'number' ? `${name} ${port}-${endPort}` : `${name} ${port}`;
}
