// Finds out whether a pod is cut off, by traffic from within its own network and into it. The other end is this helper, which
// has a network of its own that no deny selects; the network of the node shows that both ends can be reached.
import { closeSync, openSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { z } from 'zod';
import type { Clock, Random } from '../../kube/clock.ts';
import type { NetnsOrder, NetnsReport } from '../netns-report.ts';
import type { Ended, RunInside } from './netns-enter.ts';
import { probeVerdict, type ProbeTraffic } from './probe-verdict.ts';
import {
  call,
  CALL_RESULTS,
  callTls,
  listen,
  PerProtocolSchema,
  type Call,
  type CallResult,
  type PerProtocol,
} from './probe-traffic.ts';

/** What a probe takes. */
export interface ProbeGiven {
  order: Pick<NetnsOrder, 'podAddresses'>;
  proc: string;
  run: RunInside;
  self: readonly string[];
  /** The open network of the pod. */
  fd: number;
  clock: Clock;
  random: Random;
  /** The service of the API server; undefined if that is not known. */
  api: Target | undefined;
  /** Where this helper listens. The NetworkPolicy in config/components/helpers lets everybody reach it there. */
  port: number;
  /** Addresses of this helper; default those of its interfaces. */
  ownAddresses?: readonly string[];
}

/** Where to call, or to listen. */
export interface Target {
  address: string;
  port: number;
}

/** How long the process inside the pod's network listens, in milliseconds; a Node.js process takes a second to start. */
const INSIDE_MS = 9_000;
const INSIDE_WITHIN_MS = 15_000;
/** For what must work: over by itself as soon as it does. */
const CONTROL_MS = 5_000;
/** For what must not: enough for two repetitions of a lost first packet, which come after 1 and 3 s. */
const CALL_MS = 3_500;

const InsideSchema = z.object({
  own: PerProtocolSchema,
  out: PerProtocolSchema,
  toApi: z.enum(CALL_RESULTS).optional(),
  heard: z.array(z.string().max(160)).max(16),
});
/** What the process inside the pod's network says at its end. */
export type InsideProbe = z.infer<typeof InsideSchema>;

/** Probes each address of a pod. @throws when a process could not be started or ends in error. */
export async function probeNetwork(given: ProbeGiven): Promise<NetnsReport> {
  const { order, proc, ownAddresses = addressesOfInterfaces() } = given;
  const node = openSync(`${proc}/1/ns/net`, 'r');
  try {
    const all: ProbeTraffic[] = [];
    for (const address of order.podAddresses) {
      const own = ownAddresses.find((one) => isIPv6(one) === isIPv6(address));
      if (own === undefined) throw new Error(`the helper has no address of the family of ${address}`);
      all.push(await probeAddress({ ...given, node, address, own }));
    }
    return probeVerdict(all);
  } finally {
    closeSync(node);
  }
}

/** One address, and what is at hand for it. */
interface One extends ProbeGiven {
  /** The open network of the node. */
  node: number;
  address: string;
  own: string;
}

async function probeAddress(one: One): Promise<ProbeTraffic> {
  const { address, own, port, api, clock } = one;
  const id = Math.floor(one.random() * 2 ** 48).toString(36);
  const words = { pod: `${id}-pod`, node: `${id}-node`, helper: `${id}-helper` };
  // Of those that no process gets by itself; if it is taken, the process inside says so, and the next try takes another one.
  const podPort = 10_000 + Math.floor(one.random() * 20_000);
  const service = api && isIPv6(api.address) === isIPv6(address) ? api : undefined;
  const listener = await listen(own, port, [words.pod, words.node]);
  try {
    let isInside = true;
    const inside = inPod(one, { podPort, service, id }).finally(() => (isInside = false));
    // Looked at below; until then an early end is none of an unhandled one.
    inside.catch(() => {});
    const controls = await Promise.all([
      fromNode(one, { address: own, port }, words.node),
      fromNode(one, { address, port: podPort }, words.node),
      service ? callTls({ clock, ...service, withinMs: CONTROL_MS }) : undefined,
    ]);
    const into = await call({ clock, address, port: podPort, withinMs: CALL_MS }, words.helper);
    const wasInside = isInside;
    const { own: self, out, toApi, heard } = await inside;
    return {
      controls: new Map([
        ...named('node to helper', controls[0]),
        ...named('node to pod', controls[1]),
        ...named('pod to itself', self),
        ...(service ? [['helper to API server', controls[2] ?? 'Silent'] as const] : []),
        ['listening until the end', wasInside ? 'Answered' : 'Silent'] as const,
      ]),
      out,
      outArrived: arrived(listener.heard, words.pod),
      toApi,
      into,
      intoArrived: arrived(new Set(heard), words.helper),
    };
  } finally {
    listener.close();
  }
}

function arrived(heard: ReadonlySet<string>, word: string): PerProtocol<boolean> {
  return { TCP: heard.has(`TCP ${word}`), UDP: heard.has(`UDP ${word}`) };
}

function named(what: string, results: PerProtocol<CallResult>): [string, CallResult][] {
  return Object.entries(results).map(([protocol, result]) => [`${what} by ${protocol}`, result]);
}

async function fromNode(
  { run, self, node }: One,
  { address, port }: Target,
  word: string,
): Promise<PerProtocol<CallResult>> {
  const command = [...self, 'netns-dial', address, `${port}`, word];
  return PerProtocolSchema.parse(said(await run(node, command, '', INSIDE_WITHIN_MS)));
}

async function inPod(
  { run, self, fd, address, own, port }: One,
  { podPort, service, id }: { podPort: number; service: Target | undefined; id: string },
): Promise<InsideProbe> {
  const api = service ? ['--api-address', service.address, '--api-port', `${service.port}`] : [];
  const command = [...self, 'netns-probe-inside', address, `${podPort}`, own, `${port}`, id, ...api];
  return InsideSchema.parse(said(await run(fd, command, '', INSIDE_WITHIN_MS)));
}

function said({ code, stdout, stderr }: Ended): unknown {
  if (code !== 0)
    throw new Error(`a process in a network ended with code ${code}: ${stderr.trim().slice(-400)}`);
  return JSON.parse(stdout);
}

function addressesOfInterfaces(): string[] {
  return Object.values(networkInterfaces()).flatMap((all = []) =>
    all.flatMap(({ internal, address }) => (internal || address.startsWith('fe80:') ? [] : [address])),
  );
}

/** What the process in the network of the node does: calls until it is answered. */
export function dialControl(
  clock: Clock,
  { address, port }: Target,
  word: string,
): Promise<PerProtocol<CallResult>> {
  return persistent({ clock, address, port, withinMs: CONTROL_MS }, word);
}

// Whoever is called may not listen yet.
async function persistent(to: Call, word: string): Promise<PerProtocol<CallResult>> {
  const end = to.clock.elapsed() + to.withinMs;
  let result = await call({ ...to, withinMs: 1_000 }, word);
  while (Object.values(result).some((one) => one !== 'Answered') && to.clock.elapsed() < end)
    result = await call({ ...to, withinMs: 1_000 }, word);
  return result;
}

/** What the process inside the pod's network does. @throws a system error when it cannot listen. */
export async function probeInside(
  clock: Clock,
  { here, peer, api, id }: { here: Target; peer: Target; api: Target | undefined; id: string },
): Promise<InsideProbe> {
  const listener = await listen(here.address, here.port, [`${id}-own`, `${id}-node`, `${id}-helper`]);
  try {
    const over = new Promise<void>((resolve) => void clock.after(INSIDE_MS, resolve));
    const [own, out, toApi] = await Promise.all([
      call({ clock, ...here, withinMs: CONTROL_MS }, `${id}-own`),
      call({ clock, ...peer, withinMs: CALL_MS }, `${id}-pod`),
      api && callTls({ clock, ...api, withinMs: CALL_MS }),
      over,
    ]);
    return { own, out, ...(toApi && { toApi }), heard: [...listener.heard] };
  } finally {
    listener.close();
  }
}
