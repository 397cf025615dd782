// A pod in which things are planted: started, changed, one of its containers ended and started again.
import type { KubeObject } from '../../../src/api/meta.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { PODS } from '../../../src/kube/resources.ts';
import type { ClusterAccess } from '../../support/cluster-access.ts';
import { kubectl } from '../../support/manifests.ts';
import { eventually } from '../../support/real-api-test.ts';
import type { Node } from './node.ts';
import type { PlantedIn } from './planted-compare.ts';
import { runAll, type Scripts } from './planted-image.ts';
import { IN_ENDED_WORKER, IN_INIT, IN_PEER, IN_WORKER, SOCKET } from './planted.ts';
import type { Planted } from './planted-row.ts';

/** What the pod is made in, and by. */
export interface PlantingIn {
  access: ClusterAccess;
  client: KubeClient;
  node: Node;
  namespace: string;
  image: string;
}

interface ContainerStatus {
  name: string;
  containerID: string;
  restartCount: number;
  state: { running?: object; terminated?: object };
  lastState: { terminated?: { containerID: string } };
}

/** The pod, as far as it is read here. */
export interface PlantedPod extends KubeObject {
  status: {
    containerStatuses: ContainerStatus[];
    initContainerStatuses: ContainerStatus[];
  };
}

const READY_MS = 90_000;

const scripts = (rows: readonly Planted[]): Scripts =>
  rows.map(({ does }, index) => [`${String(index).padStart(3, '0')}.sh`, `cd /\n${does}\n`] as const);

/** For `pushPlantedImage`. */
export const SCRIPTS: Readonly<Record<string, Scripts>> = {
  init: scripts(IN_INIT),
  peer: scripts(IN_PEER),
  ended: scripts(IN_ENDED_WORKER),
  worker: scripts(IN_WORKER),
};

/** Makes the pod, plants everything, and tells what is in which container. Rejects with the scripts that failed. */
export async function plant(given: PlantingIn): Promise<{ pod: PlantedPod; planted: PlantedIn[] }> {
  const { client, namespace, node } = given;
  await client.create(PODS, { namespace }, podOf(given.image));
  const read = () => client.get<PlantedPod>(PODS, { namespace, name: 'planted' });
  const runs = ({ status }: PlantedPod) =>
    status.containerStatuses?.every(({ state }) => state.running !== undefined) ?? false;
  const before = await eventually('the pod runs', read, runs, READY_MS);
  const first = idOf(before, 'worker');
  await run(given, 'worker', 'ended');
  const restarted = (now: PlantedPod) => runs(now) && idOf(now, 'worker') !== first;
  await eventually('the container is started again', read, restarted, READY_MS);
  await run(given, 'worker', 'worker');
  await run(given, 'peer', 'peer');
  await plantSocket(node, idOf(before, 'peer'));
  const pod = await read();
  const one = (container: string, containerId: string, rows: readonly Planted[]) => ({
    container,
    containerId,
    rows,
  });
  const planted = [
    one('peer', idOf(pod, 'peer'), [...IN_PEER, SOCKET]),
    one('worker', first, IN_ENDED_WORKER),
    one('worker', idOf(pod, 'worker'), IN_WORKER),
    one('early', idOf(pod, 'early'), IN_INIT),
  ];
  return { pod, planted };
}

function idOf({ status }: PlantedPod, name: string): string {
  const all = [...status.containerStatuses, ...(status.initContainerStatuses ?? [])];
  const id = all.find((one) => one.name === name)?.containerID.split('://')[1];
  if (id === undefined) throw new Error(`container ${name} has no ID`);
  return id;
}

async function run({ access, namespace }: PlantingIn, container: string, folder: string): Promise<void> {
  const command = ['exec', 'planted', '-c', container, '--', ...runAll(folder)];
  const failed = await kubectl(access, '-n', namespace, ...command);
  if (failed !== '') throw new Error(`not everything was planted in ${container}: ${failed}`);
}

function podOf(image: string): KubeObject {
  const early = { name: 'early', image, command: runAll('init') };
  const peer = { name: 'peer', image, volumeMounts: [{ name: 'scratch', mountPath: '/data' }] };
  const loop = 'while [ ! -e /img/end ]; do usleep 100000; done';
  const worker = { name: 'worker', image, command: ['sh', '-c', loop] };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'planted' },
    spec: {
      terminationGracePeriodSeconds: 1,
      initContainers: [early],
      containers: [peer, worker],
      volumes: [{ name: 'scratch', emptyDir: {} }],
    },
  } as unknown as KubeObject;
}

/** Listens in the container's /img, and dies without a chance to tidy up. */
const LISTENS = `
const fs = require('node:fs');
const of = (pid) => { try { return fs.readFileSync('/proc/' + pid + '/cgroup', 'utf8'); } catch { return ''; } };
const pid = fs.readdirSync('/proc').find((name) => /^[0-9]+$/.test(name) && of(name).includes(process.argv[1]));
process.chdir('/proc/' + pid + '/root/img');
require('node:net').createServer().listen('socket', () => process.kill(process.pid, 'SIGKILL'));
`;

async function plantSocket(node: Node, id: string): Promise<void> {
  const ended: unknown = await node.run(process.execPath, '-e', LISTENS, id).catch((error: unknown) => error);
  const { signal, code } = ended as { signal?: string; code?: number };
  // `nsenter` dies of the same signal, or tells it by its exit code.
  if (signal !== 'SIGKILL' && code !== 128 + 9) throw ended;
}
