// Peers and ports of an entry of a Cilium policy, in words; fields that this version does not know make it unreadable.
import { readSelector, type Direction } from '../api/network-policy.ts';
import { ALL_PORTS, portList, selectorWords, UNREADABLE } from './policy-words.ts';

type Entry = Readonly<Record<string, unknown>>;

/** Peers of an entry. */
export interface CiliumPeers {
  /** In words; empty for an entry that names none. */
  peers: string[];
  /** False if there is a field, or a part of one, that cannot be judged. */
  isReadable: boolean;
}

/** Peers that are written with the prefix `from` or `to`. */
const WORDS: Readonly<Record<string, (value: unknown) => string>> = {
  Endpoints: endpointWords,
  Entities: (entity) => (typeof entity === 'string' ? `entity ${entity}` : UNREADABLE),
  CIDR: (cidr) => (typeof cidr === 'string' ? cidr : UNREADABLE),
  CIDRSet: cidrSetWords,
  FQDNs: fqdnWords,
  Services: () => 'services that the policy names',
  Nodes: () => 'nodes that the policy names',
  Groups: () => 'groups of a cloud provider',
};
const PORTS = new Set(['toPorts', 'icmps']);
// They only narrow what the rest of an entry allows.
const NARROWING = new Set(['authentication', 'fromRequires', 'toRequires']);

/** What an entry allows by peers. */
export function ciliumPeers(entry: Entry, direction: Direction): CiliumPeers {
  const prefix = direction === 'Ingress' ? 'from' : 'to';
  const fields = Object.entries(entry)
    .filter(([key, value]) => value !== null && !PORTS.has(key) && !NARROWING.has(key))
    .map(([key, value]) => peersOfField(key.startsWith(prefix) ? key.slice(prefix.length) : '', value));
  const peers = fields.flatMap((field) => field?.peers ?? []);
  const isReadable = !fields.includes(undefined);
  return { peers, isReadable };
}

// Undefined for a field that is not known, or is no list.
function peersOfField(kind: string, value: unknown): { peers: string[] } | undefined {
  const words = Object.hasOwn(WORDS, kind) ? WORDS[kind] : undefined;
  const list = listOf(value);
  return words && list && { peers: list.map((one) => words(one)) };
}

/** The ports of an entry in words; undefined if it names none. */
export function ciliumPorts(entry: Entry): string | undefined {
  const { toPorts, icmps } = entry;
  const rules = listOf(toPorts) ?? (isGiven(toPorts) ? [undefined] : []);
  const named = rules.flatMap((rule) => portsOf(rule));
  if (isGiven(icmps)) named.push('ICMP');
  if (rules.length === 0 && !isGiven(icmps)) return undefined;
  return named.includes(ALL_PORTS) ? ALL_PORTS : portList(named);
}

function portsOf(rule: unknown): string[] {
  const ports = isRecord(rule) ? listOf(rule['ports']) : undefined;
  if (!ports || ports.length === 0) return [ALL_PORTS];
  return ports.map((one) => {
    if (!isRecord(one)) return ALL_PORTS;
    const { port, endPort, protocol } = one;
    const which = typeof port === 'string' || typeof port === 'number' ? String(port) : undefined;
    if (which === undefined || which === '0') return ALL_PORTS;
    const name = typeof protocol === 'string' ? protocol : 'ANY';
    return typeof endPort === 'number' ? `${name} ${which}-${endPort}` : `${name} ${which}`;
  });
}

function endpointWords(selector: unknown): string {
  const read = isRecord(selector) ? readSelector(selector) : undefined;
  if (!read) return UNREADABLE;
  const words = selectorWords(read);
  return words === '' ? 'all pods' : `pods with ${words}`;
}

function cidrSetWords(set: unknown): string {
  if (!isRecord(set)) return UNREADABLE;
  const { cidr, except, cidrGroupRef } = set;
  if (typeof cidrGroupRef === 'string') return `CIDR group ${cidrGroupRef}`;
  if (typeof cidr !== 'string') return UNREADABLE;
  const without = listOf(except) ?? [];
  return without.length === 0 ? cidr : `${cidr} except ${without.map(String).join(', ')}`;
}

function fqdnWords(fqdn: unknown): string {
  if (!isRecord(fqdn)) return UNREADABLE;
  const { matchName, matchPattern } = fqdn;
  if (typeof matchName === 'string') return matchName;
  return typeof matchPattern === 'string' ? matchPattern : UNREADABLE;
}

/** The value as a list; undefined for anything else. */
export function listOf(value: unknown): readonly unknown[] | undefined {
  return Array.isArray(value) ? (value as unknown[]) : undefined;
}

/** Whether the value is an object and no list. */
export function isRecord(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
}
