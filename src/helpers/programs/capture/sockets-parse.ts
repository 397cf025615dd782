// The tables of sockets in /proc/PID/net, parsed. Lines that are none are counted and left out.
import { SocketAddress } from 'node:net';
import type { SocketRecord } from '../../../api/process-record.ts';
import { cut } from './process-files.ts';

/** A socket as its table has it. */
export type TableSocket = Omit<SocketRecord, 'namespace' | 'pids'>;
type Protocol = SocketRecord['protocol'];

/** Names of the tables, which are those of the protocols. */
export const SOCKET_TABLES: readonly Protocol[] = [
  'tcp',
  'tcp6',
  'udp',
  'udp6',
  'raw',
  'raw6',
  'packet',
  'unix',
];

// By number, from 1; see tcp_states.h of the kernel.
const TCP_STATES = [
  'ESTABLISHED',
  'SYN_SENT',
  'SYN_RECV',
  'FIN_WAIT1',
  'FIN_WAIT2',
  'TIME_WAIT',
  'CLOSE',
  'CLOSE_WAIT',
  'LAST_ACK',
  'LISTEN',
  'CLOSING',
  'NEW_SYN_RECV',
  'BOUND_INACTIVE',
];
const UNIX_STATES = ['UNCONNECTED', 'CONNECTING', 'CONNECTED', 'DISCONNECTING'];
const MAX_LOCAL = 512;

/**
 * The sockets of a table, at most `max`.
 * @param text what the kernel prints: a line of titles, then a line each. Unix sockets may have line ends in their paths, so a
 * process can make up Unix sockets here, which then are nobody's.
 * @returns `unread` counts the lines that are no socket, `more` the sockets beyond `max`.
 */
export function parseSockets(
  protocol: Protocol,
  text: string,
  max: number,
): { sockets: TableSocket[]; unread: number; more: number } {
  const lines = text
    .split('\n')
    .slice(1)
    .filter((line) => line !== '');
  const parse = parserOf(protocol);
  const sockets: TableSocket[] = [];
  let unread = 0;
  for (const line of lines.slice(0, max)) {
    const socket = parse(line);
    if (socket) sockets.push(socket);
    else unread += 1;
  }
  return { sockets, unread, more: Math.max(0, lines.length - max) };
}

function parserOf(protocol: Protocol): (line: string) => TableSocket | undefined {
  if (protocol === 'unix') return parseUnix;
  if (protocol === 'packet') return parsePacket;
  return (line) => parseInet(protocol, line);
}

const ENDPOINT = String.raw`([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})`;
// sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
const INET = new RegExp(
  String.raw`^ *\d+: ${ENDPOINT} ${ENDPOINT} ([0-9A-F]{2}) \S+ \S+ +\S+ +(\d{1,10}) +\d+ (\d{1,15})(?: |$)`,
);

function parseInet(protocol: Protocol, line: string): TableSocket | undefined {
  const [, local = '', port = '', remote = '', remotePort = '', state = '', uid, inode] =
    INET.exec(line) ?? [];
  if (uid === undefined) return undefined;
  return {
    protocol,
    local: endpoint(local, port),
    remote: endpoint(remote, remotePort),
    state: inetState(protocol, Number.parseInt(state, 16)),
    inode: Number(inode),
    uid: Number(uid),
  };
}

function inetState(protocol: Protocol, state: number): string {
  const name = TCP_STATES[state - 1] ?? `${state}`;
  // What has no connections is "closed" whenever it is not bound to one peer.
  return name === 'CLOSE' && !protocol.startsWith('tcp') ? 'UNCONNECTED' : name;
}

/** The kernel prints an address as numbers of 32 bits, each in the order of the machine: the last byte first. */
function endpoint(hex: string, port: string): string {
  const bytes = Buffer.from(hex, 'hex').swap32();
  const number = Number.parseInt(port, 16);
  if (bytes.length === 4) return `${bytes.join('.')}:${number}`;
  const groups = Array.from({ length: 8 }, (_none, at) => bytes.readUInt16BE(at * 2).toString(16));
  const { address } = new SocketAddress({ address: groups.join(':'), family: 'ipv6' });
  return `[${address}]:${number}`;
}

// sk RefCnt Type Proto Iface R Rmem User Inode
const PACKET = /^[0-9a-f]+ +\d+ +\d+ +([0-9a-f]{4}) +(\d{1,10}) +\d+ +\d+ +(\d{1,10}) +(\d{1,15}) *$/;

function parsePacket(line: string): TableSocket | undefined {
  const [, ethertype, device, uid, inode] = PACKET.exec(line) ?? [];
  if (inode === undefined) return undefined;
  const local = `interface ${device}, protocol 0x${ethertype}`;
  return { protocol: 'packet', local, inode: Number(inode), uid: Number(uid) };
}

// Num: RefCount Protocol Flags Type St Inode Path
const UNIX = /^[0-9a-f]+: [0-9A-F]+ [0-9A-F]+ ([0-9A-F]+) [0-9A-F]+ ([0-9A-F]{2}) +(\d{1,15})(?: (.*))?$/s;
const ACCEPTS = 0x1_0000;

function parseUnix(line: string): TableSocket | undefined {
  const [, flags = '', state = '', inode, path = ''] = UNIX.exec(line) ?? [];
  if (inode === undefined) return undefined;
  const listens = (Number.parseInt(flags, 16) & ACCEPTS) !== 0;
  const number = Number.parseInt(state, 16);
  return {
    protocol: 'unix',
    local: cut(path, MAX_LOCAL),
    state: listens ? 'LISTEN' : (UNIX_STATES[number - 1] ?? `${number}`),
    inode: Number(inode),
  };
}
