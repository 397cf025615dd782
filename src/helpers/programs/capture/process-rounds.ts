// Reads all processes of a pod in two rounds, the second for what was started during the first.
import type { SocketRecord } from '../../../api/process-record.ts';
import { findProcesses, keyOf, type FoundProcess } from './process-find.ts';
import type { Reader } from './process-pieces.ts';
import { readProcess, unread, type ReadProcess } from './process-read.ts';
import { readSockets } from './sockets.ts';

const ROUNDS = 2;

/** What was found of a pod on its node. */
export interface Everything {
  /** The oldest first within a round. */
  found: FoundProcess[];
  processes: ReadProcess[];
  sockets: SocketRecord[];
  /** That of the node; undefined where it could not be read. */
  nodeNetwork: string | undefined;
  /** For people. */
  problems: string[];
}

/** Reads at most `maxProcesses`, and ends early with what it has when the signal fires. */
export async function readAll(reader: Reader, maxProcesses: number): Promise<Everything> {
  const { files, proc, signal } = reader;
  const nodeNetwork = await files.link(`${proc}/1/ns/net`).catch(() => undefined);
  const all: Everything = { found: [], processes: [], sockets: [], nodeNetwork, problems: [] };
  const known = new Set<string>();
  const networks = new Set<string>();
  for (let round = 1; round <= ROUNDS && !signal.aborted; round += 1) {
    const { found, problems } = await findProcesses(reader);
    const fresh = found.filter((one) => !known.has(keyOf(one)));
    const some = fresh.slice(0, Math.max(0, maxProcesses - known.size));
    if (round === 1) all.problems.push(...problems);
    if (some.length < fresh.length) all.problems.push(tooMany(fresh.length - some.length, maxProcesses));
    for (const one of some) known.add(keyOf(one));
    all.found.push(...some);
    await readRound(reader, some, networks, all);
    for (const { found: of } of all.processes) known.add(keyOf(of));
  }
  if (all.found.length > 0 && networks.size === 0)
    all.problems.push('no sockets were read: the network of no process could be told');
  return { ...all, processes: withRoots(all.processes) };
}

async function readRound(
  reader: Reader,
  found: readonly FoundProcess[],
  networks: Set<string>,
  all: Everything,
): Promise<void> {
  const { sockets, problems } = await readSockets(reader.files, found, networks, all.sockets.length);
  for (const socket of sockets) all.sockets.push(socket);
  all.problems.push(...problems);
  for (const one of found) {
    const isOver = reader.signal.aborted;
    // What is known of it already is still said.
    const read = isOver
      ? [unread(reader, one, 'not read: the time for it was over')]
      : await readProcess(reader, one);
    all.processes.push(...read);
  }
}

/** The root is worth a word only where it is not simply that of the container. */
function withRoots(processes: readonly ReadProcess[]): ReadProcess[] {
  const mounts = new Map<string, string>();
  for (const { found, record } of processes) {
    const namespace = record.namespaces['mnt'];
    if (namespace !== undefined && !mounts.has(found.containerId)) mounts.set(found.containerId, namespace);
  }
  return processes.map((one) => {
    const { root, ...record } = one.record;
    const own = record.namespaces['mnt'] ?? mounts.get(one.found.containerId);
    const isContainers = root === '/' && own === mounts.get(one.found.containerId);
    return isContainers ? { ...one, record } : one;
  });
}

function tooMany(left: number, max: number): string {
  return `${left} processes of the pod were not read: the limit is ${max}, the oldest were`;
}
