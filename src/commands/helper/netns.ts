// `die-operator helper netns`: works in the network of one pod of its node; and what it starts there and in the node's.
import { Argument, Command } from 'commander';
import { isIP } from 'node:net';
import { NETNS_ACTIONS, NetnsOrderSchema, type NetnsReport } from '../../helpers/netns-report.ts';
import { CANARY_PORT } from '../../helpers/canary-report.ts';
import { lookInside } from '../../helpers/programs/netns-inside.ts';
import { dialControl, probeInside, type Target } from '../../helpers/programs/netns-probe.ts';
import { runNetns } from '../../helpers/programs/netns.ts';
import { systemClock, systemRandom } from '../../kube/clock.ts';
import { asAddress, asPort } from './arguments.ts';
import { sayLast } from './last-word.ts';

/** See the file's first line. */
export function netnsCommands(): Command[] {
  return [netns(), inside(), dial(), probing()];
}

interface Flags {
  podUid: string;
  podAddress: string[];
  nodeAddress: string[];
  probePort: string[];
}

function netns(): Command {
  const several = (value: string, before: string[]) => [...before, value];
  return new Command('netns')
    .description('puts a firewall into the network of a pod, takes it away, or probes the network')
    .exitOverride()
    .addArgument(new Argument('<action>', 'what to do').choices(NETNS_ACTIONS))
    .requiredOption('--pod-uid <uid>', 'UID of the pod')
    .option('--pod-address <address>', 'an address of the pod; repeated for several', several, [])
    .option('--node-address <address>', 'an address of its node; repeated for several', several, [])
    .option('--probe-port <port>', 'a port that the node probes; repeated for several', several, [])
    .action(async (action: string, flags: Flags) => {
      await sayLast(await carryOut(action, flags));
    });
}

async function carryOut(
  action: string,
  { podUid, podAddress, nodeAddress, probePort }: Flags,
): Promise<NetnsReport> {
  const order = NetnsOrderSchema.safeParse({
    action,
    podUid,
    podAddresses: podAddress,
    nodeAddresses: nodeAddress,
    probePorts: probePort.map(Number),
  });
  if (!order.success) {
    const [issue] = order.error.issues;
    const message = `the order is not valid: ${issue?.path.join('.')}: ${issue?.message}`;
    return { result: 'Refused', reason: 'Failed', message };
  }
  const clock = systemClock;
  return runNetns(order.data, {
    self: [process.execPath, process.argv[1] ?? '', 'helper'],
    probing: { clock, random: systemRandom, api: apiServer(), port: CANARY_PORT },
  });
}

// The kubelet tells every container; nobody else can here, since the pod has no environment of its own.
function apiServer(): Target | undefined {
  // oxlint-disable-next-line node/no-process-env -- there is no other way to learn it without a token
  const { KUBERNETES_SERVICE_HOST: address = '', KUBERNETES_SERVICE_PORT: port } = process.env;
  return isIP(address) === 0 ? undefined : { address, port: Number(port) };
}

function inside(): Command {
  return new Command('netns-inside')
    .description('says how an address is reached from the network that it runs in')
    .exitOverride()
    .argument('<address>', 'where to', asAddress)
    .option('--send', 'also sends an empty datagram there')
    .action(async (address: string, { send = false }: { send?: boolean }) => {
      process.stdout.write(`${JSON.stringify(await lookInside(address, send))}\n`);
    });
}

function dial(): Command {
  return new Command('netns-dial')
    .description('calls a probe until it is answered, from the network that it runs in')
    .exitOverride()
    .argument('<address>', 'where to', asAddress)
    .argument('<port>', 'where to', asPort)
    .argument('<word>', 'what comes back')
    .action(async (address: string, port: number, word: string) => {
      process.stdout.write(JSON.stringify(await dialControl(systemClock, { address, port }, word)));
    });
}

interface ApiFlags {
  apiAddress?: string;
  apiPort?: number;
}

function probing(): Command {
  return new Command('netns-probe-inside')
    .description('tries what gets out of the network that it runs in, and listens for what gets in')
    .exitOverride()
    .argument('<address>', 'where to listen', asAddress)
    .argument('<port>', 'where to listen', asPort)
    .argument('<peer>', 'whom to call', asAddress)
    .argument('<peer-port>', 'whom to call', asPort)
    .argument('<id>', 'names the probe')
    .option('--api-address <address>', 'the API server', asAddress)
    .option('--api-port <port>', 'the API server', asPort)
    .action(async (...args: [string, number, string, number, string, ApiFlags]) => {
      const [address, port, peer, peerPort, id, { apiAddress, apiPort }] = args;
      const api =
        apiAddress === undefined || apiPort === undefined
          ? undefined
          : { address: apiAddress, port: apiPort };
      const ends = { here: { address, port }, peer: { address: peer, port: peerPort } };
      process.stdout.write(JSON.stringify(await probeInside(systemClock, { ...ends, api, id })));
    });
}
