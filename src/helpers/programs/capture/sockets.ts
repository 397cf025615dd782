// Sockets of the networks that processes of the pod are in, and which of these processes hold them.
import type { SocketRecord } from '../../../api/process-record.ts';
import { isGone } from '../proc-stat.ts';
import type { FoundProcess } from './process-find.ts';
import { whyNot, type ProcFiles } from './process-files.ts';
import { parseSockets, SOCKET_TABLES } from './sockets-parse.ts';

/** Of one table, in bytes. */
const MAX_TABLE = 16_777_216;
/** Of one table. */
const MAX_SOCKETS = 32_768;
/** Of all tables of all networks: they are held in memory until they are sent. */
const MAX_ALL_SOCKETS = 65_536;
const MAX_PIDS = 64;
/** Networks; a process may make as many as it likes. */
const MAX_NETWORKS = 64;

/** What was read, and what was not, for people. */
export interface ReadSockets {
  /** Without the processes that hold them. */
  sockets: SocketRecord[];
  problems: string[];
}

/**
 * Reads the sockets of each network once; networks in `known` are passed over, and the others put there.
 * @param before sockets that were read before, which count against the limit.
 */
export async function readSockets(
  files: ProcFiles,
  found: readonly FoundProcess[],
  known: Set<string>,
  before: number,
): Promise<ReadSockets> {
  const sockets: SocketRecord[] = [];
  const problems: string[] = [];
  for (const { folder, network } of found) {
    if (network === undefined || known.has(network)) continue;
    if (known.size >= MAX_NETWORKS) {
      problems.push(`sockets of more than ${MAX_NETWORKS} networks were not read`);
      break;
    }
    const read = await readNetwork(files, folder, network, MAX_ALL_SOCKETS - before - sockets.length);
    // The process has ended, or entered another network: the next of that network is asked.
    if (!read) continue;
    known.add(network);
    for (const socket of read.sockets) sockets.push(socket);
    problems.push(...read.problems);
  }
  return { sockets, problems };
}

async function readNetwork(
  files: ProcFiles,
  folder: string,
  namespace: string,
  room: number,
): Promise<ReadSockets | undefined> {
  const sockets: SocketRecord[] = [];
  const problems: string[] = [];
  for (const protocol of SOCKET_TABLES) {
    const max = Math.min(MAX_SOCKETS, room - sockets.length);
    try {
      const { bytes, more } = await files.read(`${folder}/net/${protocol}`, MAX_TABLE);
      const parsed = parseSockets(protocol, bytes.toString('utf8'), max);
      for (const socket of parsed.sockets) sockets.push({ ...socket, namespace, pids: [] });
      if (more || parsed.more > 0)
        problems.push(
          `${protocol} sockets of ${namespace}: more than were read, the limit is ${max}, and ${MAX_ALL_SOCKETS} for all`,
        );
      if (parsed.unread > 0)
        problems.push(`${protocol} sockets of ${namespace}: ${parsed.unread} lines are no sockets`);
    } catch (error) {
      // A kernel without IPv6 has no tables of it.
      if (!isGone(error)) problems.push(`${protocol} sockets of ${namespace}: ${whyNot(error)}`);
    }
  }
  const after = await files.link(`${folder}/ns/net`).catch(() => undefined);
  return after === namespace ? { sockets, problems } : undefined;
}

/** Which processes hold a socket, by its inode. */
export type Holders = Map<number, number[]>;

/** Adds a process that holds sockets; of one socket a limited number of processes is listed. */
export function addHolder(holders: Holders, pid: number, inodes: Iterable<number>): void {
  for (const inode of new Set(inodes)) {
    const pids = holders.get(inode);
    if (!pids) holders.set(inode, [pid]);
    else if (pids.length < MAX_PIDS && !pids.includes(pid)) pids.push(pid);
  }
}

/**
 * The sockets with their holders. In the network of the node those of other pods and of the node itself are left out.
 * @param nodeNetwork that of the node; undefined where it could not be read.
 */
export function heldSockets(
  sockets: readonly SocketRecord[],
  holders: Holders,
  nodeNetwork: string | undefined,
): SocketRecord[] {
  return sockets
    .map((socket) => ({ ...socket, pids: holders.get(socket.inode) ?? [] }))
    .filter(({ namespace, pids }) => namespace !== nodeNetwork || pids.length > 0);
}
