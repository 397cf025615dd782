// The firewall that goes into the network of a pod, as nft reads it.
import { isIPv4, isIPv6 } from 'node:net';

/** Ours alone; whatever else is there stays as it is. */
const TABLE = 'table inet die_operator';
// Together they remove a table that is there, and do nothing where there is none.
const WITHOUT = [`add ${TABLE}`, `delete ${TABLE}`];
// Before connection tracking and every chain that a container may have made for itself at an ordinary priority.
const PRIORITY = -300;

/** What may still pass. */
export interface Passing {
  /** Addresses of the node, from which probes come. */
  nodeAddresses: readonly string[];
  /** TCP ports of these probes. */
  probePorts: readonly number[];
}

/**
 * Lets nothing pass but probes that the node begins. nft takes all of it or nothing, and a table of ours that is there is
 * replaced in the same moment.
 */
export function cutRuleset({ nodeAddresses, probePorts }: Passing): string {
  const [v4, v6] = [nodeAddresses.filter(isIPv4), nodeAddresses.filter(isIPv6)];
  const families = [
    { ip: 'ip', addresses: v4 },
    { ip: 'ip6', addresses: v6 },
  ].filter(({ addresses }) => addresses.length > 0 && probePorts.length > 0);
  const ports = set(probePorts);
  const probesIn = families.map(
    ({ ip, addresses }) => `${ip} saddr ${set(addresses)} tcp dport ${ports} accept`,
  );
  // Not the packet that opens a connection: from a probe's port the pod could call its node.
  const probesOut = families.map(
    ({ ip, addresses }) =>
      `${ip} daddr ${set(addresses)} tcp sport ${ports} tcp flags & (syn | ack) != syn accept`,
  );
  // Without these IPv6 finds no neighbour; none of them is passed on by a router.
  const needsNeighbours = v6.length > 0 && probePorts.length > 0;
  const neighbour = 'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255';
  const near = `ip6 daddr { fe80::/10, ff02::/16, ${v6.join(', ')} }`;
  return lines([
    ...WITHOUT,
    `${TABLE} {`,
    ...chain('input', ['iif lo accept', ...probesIn, ...(needsNeighbours ? [`${neighbour} accept`] : [])]),
    ...chain('output', [
      'oif lo accept',
      ...probesOut,
      ...(needsNeighbours ? [`${neighbour} ${near} accept`] : []),
    ]),
    // Of networks that a container has made inside of the pod's.
    ...chain('forward', []),
    '}',
  ]);
}

/** Takes the firewall away; that there is none is no error. */
export function uncutRuleset(): string {
  return lines(WITHOUT);
}

function chain(hook: string, rules: readonly string[]): string[] {
  const type = `type filter hook ${hook} priority ${PRIORITY}; policy drop;`;
  return [`  chain ${hook} {`, ...[type, ...rules].map((rule) => `    ${rule}`), '  }'];
}

function set(elements: readonly (string | number)[]): string {
  return `{ ${[...new Set(elements)].join(', ')} }`;
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join('');
}
