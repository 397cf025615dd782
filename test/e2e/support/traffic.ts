// What gets through to and from a pod, tried one way after another.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { KubeObject } from '../../../src/api/meta.ts';
import type { ClusterAccess } from '../../support/cluster-access.ts';
import { eventually } from '../../support/real-api-test.ts';
import type { Node } from './node.ts';
import type { RunningPod } from './node-test.ts';

/** Runs a command in a pod; rejects when it fails. */
export type Exec = (pod: KubeObject, ...command: string[]) => Promise<string>;

const HELD = '/tmp/held';
/** Longer than any program of the pods waits for an answer. */
const PATIENCE_MS = 4_000;

/** `reaches`, `cut` (no answer in time), or whatever else came of it. */
export async function attempt(tried: Promise<string>): Promise<string> {
  try {
    const answer = (await tried).trim();
    return answer.startsWith('ok') ? 'reaches' : answer;
  } catch (error) {
    const text = String(error);
    return /deadline exceeded|i\/o timeout|timed out/.test(text) ? 'cut' : text;
  }
}

/** A new connection from a pod to another, by HTTP. */
export function traffic(exec: Exec, from: RunningPod, to: RunningPod): Promise<string> {
  return attempt(exec(from, 'peer', 'get', `http://${to.status.podIP}:8080/`));
}

/** A datagram and its echo. */
export function datagram(exec: Exec, from: RunningPod, to: RunningPod): Promise<string> {
  return attempt(exec(from, 'peer', 'datagram', `${to.status.podIP}:7777`));
}

/** A new connection from a pod to an address. */
export function dial(exec: Exec, from: RunningPod, address: string): Promise<string> {
  return attempt(exec(from, 'peer', 'dial', address));
}

/** A new connection from the node's own network to a pod. */
export function fromNode(node: Node, to: RunningPod): Promise<string> {
  const script = `const s = require('node:net').connect(8080, ${JSON.stringify(to.status.podIP)});
    s.setTimeout(${PATIENCE_MS}, () => { console.log('timed out'); process.exit(1); });
    s.on('connect', () => { console.log('ok'); process.exit(); });
    s.on('error', (error) => { console.log(String(error)); process.exit(1); });`;
  return attempt(
    node.run(process.execPath, '-e', script).catch((error: unknown) => {
      throw new Error((error as { stdout?: string }).stdout, { cause: error });
    }),
  );
}

/** Opens a connection that one pod keeps to another, and waits until it carries. */
export async function holdConnection(exec: Exec, from: RunningPod, to: RunningPod): Promise<void> {
  await exec(from, 'sh', '-c', `setsid peer hold ${to.status.podIP}:7777 >${HELD} 2>&1 </dev/null &`);
  await eventually(
    'the connection carries',
    () => beats(exec, from),
    ({ length }) => length > 1,
  );
}

/** What the holder of a connection has said: a line for each beat, the last one an error when it was cut. */
export async function beats(exec: Exec, pod: RunningPod): Promise<string[]> {
  return (await exec(pod, 'cat', HELD)).trim().split('\n');
}

/** Whether the connection that somebody holds carries no more. */
export function isCut(lines: readonly string[]): boolean {
  return lines.at(-1)?.includes('i/o timeout') ?? false;
}

const KNOCKED = '/tmp/knocked';

/** From now on, a pod asks another for a new connection 20 times a second. */
export async function knock(exec: Exec, from: RunningPod, to: RunningPod): Promise<void> {
  await exec(from, 'sh', '-c', `setsid peer knock ${to.status.podIP}:8080 >${KNOCKED} 2>&1 </dev/null &`);
  await eventually(
    'it is let in',
    () => knocks(exec, from),
    (all) => all.some(({ open }) => open),
  );
}

/** When it asked, in milliseconds since the epoch, and whether it was let in. */
export async function knocks(exec: Exec, from: RunningPod): Promise<{ at: number; open: boolean }[]> {
  const lines = (await exec(from, 'cat', KNOCKED)).trim().split('\n');
  return lines.map((line) => ({ at: Number(line.split(' ')[1]), open: line.startsWith('open') }));
}

/** What comes of a port-forward to the pod, by kubectl with those arguments: `reaches`, or what kubectl said. */
export async function portForward(
  access: ClusterAccess,
  pod: RunningPod,
  ...args: string[]
): Promise<string> {
  const { namespace = '', name } = pod.metadata;
  const all = [
    '--kubeconfig',
    access.adminKubeconfig,
    ...args,
    '-n',
    namespace,
    'port-forward',
    name,
    ':8080',
  ];
  const child = spawn(access.kubectl ?? 'kubectl', all, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'close');
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  try {
    for await (const line of createInterface(child.stdout)) {
      const port = /127\.0\.0\.1:(\d+) ->/.exec(line)?.[1];
      if (port === undefined) continue;
      const answer = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(PATIENCE_MS) });
      return (await answer.text()).startsWith('ok') ? 'reaches' : `answered ${answer.status}`;
    }
    await ended;
    return said.trim();
  } finally {
    child.kill();
    await ended;
  }
}
