// Has the checkpoints of a pod made by its kubelet, one container after the other: what came of each, and what it said.
import { isIP } from 'node:net';
import { z } from 'zod';
import type { KubeObject } from '../api/meta.ts';
import { isArchiveOf, MAX_CHECKPOINTS, type CheckpointedPod } from '../helpers/checkpoint-order.ts';
import { sleep, type Clock } from '../kube/clock.ts';
import {
  KUBELET_PORT,
  KubeletError,
  type KubeletAddress,
  type KubeletCallOptions,
  type Kubelets,
} from '../kube/kubelet.ts';
import { cleanText } from '../kube/text.ts';

/** What {@link makeCheckpoints} takes. */
export interface MakeGiven {
  kubelets: Kubelets;
  at: KubeletAddress;
  token: string;
  pod: CheckpointedPod;
  containers: readonly string[];
  /** Path of the folder on the node in which the archives must be. */
  folder: string;
  clock: Clock;
  /** By the clock's `elapsed`: later nothing is asked for. */
  until: number;
  signal: AbortSignal;
  /** Told what did not work, for people. */
  problem: (message: string) => void;
}

/** What may be on the node now. */
export interface MadeCheckpoint {
  container: string;
  /** Name of the file in the folder; absent: the kubelet did not say, and it may come to be there. */
  archive?: string;
}

/** A second try, of a connection that was just being opened or of what CRIU does not explain, is worth while. */
const PASSING = /in-flight|connected tcp|tcp-established|criu failed/i;
const PAUSE_MS = 1_000;
const MIN_MS = 1_000;

const StatusesSchema = z
  .array(
    z.object({
      name: z.string().max(63),
      state: z.object({ running: z.looseObject({}).optional() }).catch({}),
    }),
  )
  .catch([]);

/** Names of the containers of every kind that run. */
export function runningContainers(pod: KubeObject): string[] {
  const status = (pod['status'] ?? {}) as Record<string, unknown>;
  const kinds = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'];
  return kinds
    .flatMap((kind) => StatusesSchema.parse(status[kind]))
    .flatMap(({ name, state }) => (state.running ? [name] : []));
}

const NodeStatusSchema = z
  .object({
    addresses: z.array(z.object({ type: z.string(), address: z.string() })).catch([]),
    daemonEndpoints: z
      .object({ kubeletEndpoint: z.object({ Port: z.int().min(1).max(65_535) }) })
      .optional()
      .catch(undefined),
  })
  .catch({ addresses: [] });

/** Where the kubelet of a node is; undefined if the node has no address. */
export function kubeletOf(node: KubeObject): KubeletAddress | undefined {
  const { addresses, daemonEndpoints } = NodeStatusSchema.parse(node['status']);
  const host = addresses.find(({ type, address }) => type === 'InternalIP' && isIP(address) !== 0)?.address;
  if (host === undefined) return undefined;
  return { node: node.metadata.name, host, port: daemonEndpoints?.kubeletEndpoint.Port ?? KUBELET_PORT };
}

/** See the file's first line. @throws never */
export async function makeCheckpoints(given: MakeGiven): Promise<MadeCheckpoint[]> {
  const made: MadeCheckpoint[] = [];
  const left = [...given.containers];
  if (left.length > MAX_CHECKPOINTS)
    given.problem(
      `no checkpoint is made of more than ${MAX_CHECKPOINTS} containers: ${left.splice(MAX_CHECKPOINTS).join(', ')}`,
    );
  for (const container of left) {
    try {
      made.push(...(await make(given, container)));
    } catch (error) {
      given.problem(`no checkpoint of container ${container}: ${wordsOf(error)}`);
      if (!(error instanceof KubeletError)) break;
      if (error.reason === 'NoAnswer') made.push({ container });
      // It will be the same for the others.
      if (error.reason === 'Unverified' || error.reason === 'Unreachable') break;
    }
  }
  return made;
}

async function make(given: MakeGiven, container: string): Promise<MadeCheckpoint[]> {
  const paths = await askTwice(given, container);
  return paths.flatMap((path) => {
    const archive = nameIn(given, path, container);
    if (archive !== undefined) return [{ container, archive }];
    given.problem(
      `the checkpoint of container ${container} is not taken, and stays on node ${given.at.node}: its kubelet says that it is ${cleanText(path, 512)}, which is no archive of this container in ${given.folder}. Look at kubeletRoot of ConfigMap die-operator-helpers, and remove it there`,
    );
    return [];
  });
}

/** The name of the file, if the path is exactly one that a kubelet makes for this container. */
function nameIn({ folder, pod }: MakeGiven, path: string, container: string): string | undefined {
  const name = path.slice(folder.length + 1);
  return path === `${folder}/${name}` && isArchiveOf(name, pod, container) ? name : undefined;
}

async function askTwice(given: MakeGiven, container: string): Promise<string[]> {
  const { clock, signal } = given;
  try {
    return await askOnce(given, container);
  } catch (error) {
    const mayPass = error instanceof KubeletError && error.reason === 'Failed' && PASSING.test(error.message);
    if (!mayPass || given.until - clock.elapsed() < PAUSE_MS + MIN_MS) throw error;
  }
  await sleep(clock, PAUSE_MS, signal);
  return askOnce(given, container);
}

async function askOnce(given: MakeGiven, container: string): Promise<string[]> {
  const { kubelets, at, token, pod, clock, signal, until } = given;
  const withinMs = until - clock.elapsed();
  if (withinMs < MIN_MS || signal.aborted) throw new Error('the time for checkpoints was over');
  const options: KubeletCallOptions = { withinMs, signal, token };
  return kubelets.checkpoint(at, { namespace: pod.namespace, pod: pod.name, container }, options);
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
