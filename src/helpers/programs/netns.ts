// Puts a firewall into the network of one pod, takes it away, or probes the network: from within a pod of ours on the same node.
import { closeSync, openSync } from 'node:fs';
import type { NetnsOrder, NetnsReport } from '../netns-report.ts';
import { runInside, type RunInside } from './netns-enter.ts';
import { NetnsRefusal, openPodNetwork } from './netns-find.ts';
import type { InsideReport } from './netns-inside.ts';
import { probeNetwork, type ProbeGiven } from './netns-probe.ts';
import { cutRuleset, uncutRuleset } from './netns-ruleset.ts';

/** What the program needs of its surroundings. */
export interface NetnsOptions {
  /** Where the processes of the node are. */
  proc?: string;
  run?: RunInside;
  /** The command that runs this program again, which `netns-inside ADDRESS` is added to. */
  self: readonly string[];
  probing: Pick<ProbeGiven, 'clock' | 'random' | 'api' | 'port' | 'ownAddresses'>;
}

const MAX_MESSAGE = 900;

/** Carries out an order. @throws never: what went wrong is in the report. */
export async function runNetns(order: NetnsOrder, options: NetnsOptions): Promise<NetnsReport> {
  const { proc = '/proc', run = runInside, self, probing } = options;
  let fd: number | undefined;
  try {
    fd = openPodNetwork(proc, order);
    if (order.action === 'cut') return await cut({ order, proc, run, self, fd });
    if (order.action === 'uncut') return await uncut(run, fd);
    return await probeNetwork({ ...probing, order, proc, run, self, fd });
  } catch (error) {
    const reason = error instanceof NetnsRefusal ? error.reason : 'Failed';
    const message = error instanceof Error ? error.message : String(error);
    return { result: 'Refused', reason, message: message.slice(0, MAX_MESSAGE) };
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

interface Cut extends Required<Omit<NetnsOptions, 'probing'>> {
  order: NetnsOrder;
  fd: number;
}

async function cut(given: Cut): Promise<NetnsReport> {
  const { order, run, fd } = given;
  const sources = await probeSources(given);
  const nodeAddresses = [...new Set([...order.nodeAddresses, ...sources])];
  await nft(run, fd, cutRuleset({ nodeAddresses, probePorts: order.probePorts }));
  await prove(given, nodeAddresses);
  return { result: 'Cut' };
}

async function uncut(run: RunInside, fd: number): Promise<NetnsReport> {
  await nft(run, fd, uncutRuleset());
  return { result: 'Uncut' };
}

// Which of its addresses a node calls its pods from is up to the CNI: Cilium has one that the node's status does not tell. The
// kubelet is in the network of the node, so that the routes there have the answer.
async function probeSources({ order, proc, run, self }: Cut): Promise<string[]> {
  const fd = openSync(`${proc}/1/ns/net`, 'r');
  try {
    const found = await Promise.all(
      order.podAddresses.map((address) => ask(run, fd, [...self, 'netns-inside', address])),
    );
    return found.flatMap(({ source }) => source ?? []);
  } finally {
    closeSync(fd);
  }
}

/**
 * Sends a datagram to the node from within the network, which the firewall has to refuse: its policy does, for all that no rule
 * lets pass. @throws NetnsRefusal if the datagram may leave.
 */
async function prove({ run, self, fd }: Cut, nodeAddresses: readonly string[]): Promise<void> {
  const [address] = nodeAddresses;
  if (address === undefined) throw new NetnsRefusal('Failed', 'no address of the node is known');
  const { refused } = await ask(run, fd, [...self, 'netns-inside', '--send', address]);
  if (refused === 'EPERM') return;
  const what = refused === undefined ? 'could be sent' : `was not sent because of ${refused}`;
  const message = `the firewall was put in, and a datagram to ${address} ${what} all the same`;
  throw new NetnsRefusal('NotEffective', message);
}

async function ask(run: RunInside, fd: number, command: readonly string[]): Promise<InsideReport> {
  const { code, stdout, stderr } = await run(fd, command);
  if (code !== 0) throw new Error(`a look into a network ended with code ${code}: ${lastOf(stderr)}`);
  return JSON.parse(stdout) as InsideReport;
}

async function nft(run: RunInside, fd: number, ruleset: string): Promise<void> {
  const { code, stderr } = await run(fd, ['nft', '-f', '-'], ruleset);
  if (code !== 0) throw new Error(`nft ended with code ${code}: ${lastOf(stderr)}`);
}

function lastOf(text: string): string {
  return text.trim().slice(-400);
}
