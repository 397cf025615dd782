// Finds the network of a pod by the processes of its containers, and opens it in a way that stays right when processes end.
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import type { NetnsReport } from '../netns-report.ts';
import { addressForms, hasAddress } from './netns-addresses.ts';
import { containerOf } from './netns-cgroup.ts';
import { isGone, parseStat, pidOf } from './proc-stat.ts';

/** Why no network was opened, for people. */
export class NetnsRefusal extends Error {
  readonly reason: (NetnsReport & { result: 'Refused' })['reason'];

  constructor(reason: NetnsRefusal['reason'], message: string) {
    super(message);
    this.name = 'NetnsRefusal';
    this.reason = reason;
  }
}

/** A pod as the processes of a node show it. */
export interface SoughtPod {
  podUid: string;
  podAddresses: readonly string[];
}

interface Process {
  pid: number;
  /** In ticks since the machine started; with the PID it names one process. */
  startedAt: number;
}

interface OpenNetwork {
  fd: number;
  /** Two that are equal are one network. */
  id: string;
}

/**
 * Opens the network of a pod. Of each container the oldest process is asked, since the runtime started that one; networks that
 * a container has made for itself do not have the pod's address, and are passed over.
 * @param proc where the processes of the node are, all of them.
 * @returns a descriptor, which the caller closes.
 * @throws NetnsRefusal when there is no process, when a container is in the network of the node, or when the network cannot be
 * told.
 */
export function openPodNetwork(proc: string, pod: SoughtPod): number {
  const oldest = oldestOfEach(proc, pod.podUid);
  if (oldest.length === 0)
    throw new NetnsRefusal('NoProcess', `no process of pod ${pod.podUid} runs on its node`);
  const node = idOf(statSync(`${proc}/1/ns/net`));
  const opened: OpenNetwork[] = [];
  try {
    for (const one of oldest) {
      const network = openNetwork(proc, pod, one);
      if (network) opened.push(network);
      if (network?.id === node)
        throw new NetnsRefusal('NodeNetwork', 'a container of the pod is in the network of the node');
    }
    return theOne(opened);
  } catch (error) {
    for (const { fd } of opened) closeSync(fd);
    throw error;
  }
}

function theOne(opened: readonly OpenNetwork[]): number {
  const [first, ...others] = opened;
  if (first === undefined)
    throw new NetnsRefusal('Changed', 'no container of the pod is in a network with the address of the pod');
  if (others.some(({ id }) => id !== first.id)) {
    const message = 'containers of the pod are in different networks that have the address of the pod';
    throw new NetnsRefusal('Ambiguous', message);
  }
  for (const { fd } of others) closeSync(fd);
  return first.fd;
}

function oldestOfEach(proc: string, podUid: string): Process[] {
  const oldest = new Map<string, Process>();
  for (const name of readdirSync(proc)) {
    const pid = pidOf(name);
    const found = pid === undefined ? undefined : readProcess(proc, pid, podUid);
    if (!found) continue;
    const before = oldest.get(found.container);
    if (!before || found.startedAt < before.startedAt) oldest.set(found.container, found);
  }
  return [...oldest.values()];
}

function readProcess(
  proc: string,
  pid: number,
  podUid: string,
): (Process & { container: string }) | undefined {
  const cgroup = readIfThere(`${proc}/${pid}/cgroup`);
  const container = cgroup === undefined ? undefined : containerOf(cgroup, podUid);
  if (container === undefined) return undefined;
  const startedAt = parseStat(readIfThere(`${proc}/${pid}/stat`) ?? '')?.startTicks;
  return startedAt === undefined ? undefined : { pid, startedAt, container };
}

/** Undefined when it does not have the pod's address, or the process is gone: what was opened may be of the next one of its PID. */
function openNetwork(
  proc: string,
  { podUid, podAddresses }: SoughtPod,
  sought: Process,
): OpenNetwork | undefined {
  const { pid, startedAt } = sought;
  const fd = openIfThere(`${proc}/${pid}/ns/net`);
  if (fd === undefined) return undefined;
  const id = idOf(fstatSync(fd));
  const isNode = id === idOf(statSync(`${proc}/1/ns/net`));
  const isPods =
    isNode || podAddresses.some((address) => hasAddress(addressTables(proc, pid), addressForms(address)));
  if (isPods && readProcess(proc, pid, podUid)?.startedAt === startedAt) return { fd, id };
  closeSync(fd);
  return undefined;
}

function addressTables(proc: string, pid: number): { v4: string; v6: string } {
  return {
    v4: readIfThere(`${proc}/${pid}/net/fib_trie`) ?? '',
    v6: readIfThere(`${proc}/${pid}/net/if_inet6`) ?? '',
  };
}

function idOf({ dev, ino }: { dev: number; ino: number }): string {
  return `${dev}:${ino}`;
}

function readIfThere(path: string): string | undefined {
  return ifThere(() => readFileSync(path, 'utf8'));
}

function openIfThere(path: string): number | undefined {
  return ifThere(() => openSync(path, 'r'));
}

function ifThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}
