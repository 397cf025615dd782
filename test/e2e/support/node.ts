// The node: one process that is the first of its own namespaces for mounts, processes and the network, and a cable to the
// host. What runs in it ends with it.
import { execFile } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startDaemon, type Daemon, type ProcessId } from '../../support/processes.ts';
import type { Places } from './places.ts';
import { cleanEnvironment, processesOf } from './processes.ts';
import { waitFor } from '../../support/waiting.ts';

const INIT = join(import.meta.dirname, 'node-init.sh');
/** A program that answers more than this has gone astray. */
const MAX_OUTPUT = 64 * 1024 * 1024;

/** See the file's first line. */
export interface Node {
  readonly places: Places;
  /** Its first process, as the host numbers it. */
  readonly init: ProcessId;
  /** Runs a program in it to its end, and returns what it printed. Rejects when it fails, with its error output. */
  run(program: string, ...args: string[]): Promise<string>;
  /** The command with which the host runs a program in it. */
  command(program: string, ...args: string[]): [string, ...string[]];
}

/** The node whose first process that is. */
export function nodeOf(places: Places, init: ProcessId): Node {
  const command = (program: string, ...args: string[]): [string, ...string[]] => {
    const enter = ['--target', `${init.pid}`, '--mount', '--pid', '--net', '--'];
    return ['nsenter', ...enter, 'env', ...cleanEnvironment(places), program, ...args];
  };
  return {
    places,
    init,
    command,
    run: async (...what) => {
      const [program, ...args] = command(...what);
      const { stdout } = await promisify(execFile)(program, args, { maxBuffer: MAX_OUTPUT });
      return stdout;
    },
  };
}

/** Starts its first process and connects it. `adopt` is told of each process before anything else happens. */
export async function makeNode(
  places: Places,
  pause: string,
  adopt: (daemon: Daemon) => void,
): Promise<Node> {
  const own = ['unshare', '--mount', '--net', '--pid', '--fork', '--kill-child=KILL', '--mount-proc'];
  const args = [...cleanEnvironment(places), ...own, 'sh', INIT, places.folder, pause];
  const daemon = await startDaemon('node', 'env', args, places.folder);
  adopt(daemon);
  const ready = await waitFor('the node has its own mounts', [daemon], () => firstProcess(places, pause));
  const node = nodeOf(places, ready);
  await connect(node);
  return node;
}

/** The child of `unshare`, once it has become `pause`. */
function firstProcess(places: Places, pause: string): ProcessId | undefined {
  return processesOf(places).find(({ pid }) => {
    try {
      return readlinkSync(`/proc/${pid}/exe`) === pause;
    } catch {
      return false;
    }
  });
}

/**
 * A cable, and routes to the pods and services at its end. The node has no default route: its pods reach this machine and
 * nothing else.
 */
async function connect(node: Node): Promise<void> {
  const { folder, link, hostAddress, nodeAddress, podRange, serviceRange } = node.places;
  await batch(folder, 'host', [
    `link add ${link} type veth peer name eth0 netns ${node.init.pid}`,
    `address add ${hostAddress}/24 dev ${link}`,
    `link set ${link} up`,
    `route add ${podRange} via ${nodeAddress} dev ${link}`,
    `route add ${serviceRange} via ${nodeAddress} dev ${link}`,
  ]);
  await batch(
    folder,
    'node',
    ['link set lo up', `address add ${nodeAddress}/24 dev eth0`, 'link set eth0 up'],
    node,
  );
}

async function batch(folder: string, name: string, lines: readonly string[], node?: Node): Promise<void> {
  const file = join(folder, `ip-${name}`);
  await writeFile(file, `${lines.join('\n')}\n`);
  if (node) await node.run('ip', '-batch', file);
  else await promisify(execFile)('ip', ['-batch', file]);
}
