// A cluster with one real node: brought up, found again, taken down. There is at most one on a machine.
import { mkdirSync } from 'node:fs';
import { freePorts } from '../../support/ports.ts';
import type { ClusterAccess } from '../../support/cluster-access.ts';
import { killNow, ownId, type Daemon } from '../../support/processes.ts';
import { makeCgroups } from './cgroups.ts';
import { makeCredentials } from './credentials.ts';
import { pushImages, type ImageReferences } from './images.ts';
import { grantKubeletRights, installNetworkKinds, isReady, runFirstPod } from './first-objects.ts';
import type { NodeAssets } from './node-assets.ts';
import { makeNode, nodeOf, type Node } from './node.ts';
import { choosePlaces } from './places.ts';
import { exclusively, isHeld, readRecord, writeRecord, type ClusterRecord } from './record.ts';
import {
  accessOf,
  installTools,
  startAgents,
  startApiServer,
  startControllers,
  startRuntime,
  type Plan,
} from './servers.ts';
import { takeDown } from './take-down.ts';
import { allEnded, waitFor } from '../../support/waiting.ts';

/** A cluster that runs. Plain data but for `node`. */
export interface NodeCluster {
  readonly access: ClusterAccess;
  readonly node: Node;
  /** References of the tests' images with the digests that the node's registry gave them, by name. */
  readonly images: ImageReferences;
}

/** What bringing up is told. */
export interface UpOptions {
  readonly assets: NodeAssets;
  /** Told of each step; one line. */
  readonly say: (line: string) => void;
  /** `run`: it ends with this process, at the latest. `node`: it stays until it is taken down. */
  readonly until: 'run' | 'node';
}

/** There is a cluster already, and somebody uses it. */
export class ClusterInUse extends Error {
  override readonly name = 'ClusterInUse';
  constructor({ holder, places }: ClusterRecord) {
    super(`cluster ${places.id} is up, held by process ${holder.pid}: wait for it, or run make e2e-down`);
  }
}

/**
 * Brings a cluster up and waits until its node is Ready and has run a pod. First takes down what a killed run left. Rejects
 * with {@link ClusterInUse}, or with the last lines of a server's log; then nothing stays behind.
 */
export function startNode(options: UpOptions): Promise<NodeCluster> {
  return exclusively(onWait(options.say), async () => {
    const before = readRecord();
    if (before && isHeld(before)) throw new ClusterInUse(before);
    if (before) {
      options.say(`taking down cluster ${before.places.id}, which a killed run left`);
      await takeDown(before);
    }
    const record: ClusterRecord = { places: choosePlaces(), holder: ownId(), processes: [] };
    writeRecord(record);
    try {
      return await bringUp(record, options);
    } catch (error) {
      await takeDown(record);
      throw error;
    }
  });
}

/** The cluster that stays up for everybody, or undefined. One of another test run is that run's alone. */
export function findNode(): NodeCluster | undefined {
  const record = readRecord();
  if (!record?.ready || !isHeld(record) || record.holder.pid !== record.ready.init.pid) return undefined;
  return clusterOf(record, record.ready);
}

/**
 * Takes down what is on record, also when it is in use; with `id`, only that cluster. Returns its id, or undefined when there
 * was nothing.
 */
export function stopNode(say: (line: string) => void, id?: string): Promise<string | undefined> {
  return exclusively(onWait(say), async () => {
    const record = readRecord();
    if (!record || (id !== undefined && record.places.id !== id)) return undefined;
    await takeDown(record);
    return record.places.id;
  });
}

async function bringUp(record: ClusterRecord, { assets, say, until }: UpOptions): Promise<NodeCluster> {
  const { places } = record;
  const step = stepClock(say);
  mkdirSync(places.folder, { mode: 0o700 });
  makeCgroups(places.cgroup);
  await installTools({ assets, places });
  const adopt = adopter(record, until);
  const [etcd = 0, etcdPeer = 0, apiServer = 0] = await freePorts(3);
  const [node, credentials] = await allEnded([
    makeNode(places, assets.programs('pause'), adopt),
    makeCredentials(places, `https://${places.hostAddress}:${apiServer}`),
  ]);
  step('namespaces, network, certificates');
  const plan: Plan = { places, assets, credentials, ports: { etcd, etcdPeer, apiServer }, adopt };
  const access = accessOf(plan);
  const [controlPlane, [runtime, images]] = await allEnded([
    startApiServer(plan),
    startRuntime(plan, node).then(async (daemons) => [daemons, await pushImages(node, assets)] as const),
  ]);
  step('runtime and images');
  const servers = [...controlPlane, ...runtime];
  await waitFor('the API server is ready', servers, () => isReady(access));
  step('API server');
  await allEnded([grantKubeletRights(access), installNetworkKinds(access, assets.cilium('crds'))]);
  servers.push(...(await startControllers(plan)), ...(await startAgents(plan, node)));
  await runFirstPod(access, { nodeName: places.nodeName, image: images.peer }, servers, step);
  return keep(record, until, { init: node.init, access, images });
}

/** The cluster is complete: from now on others find it. */
function keep(
  record: ClusterRecord,
  until: UpOptions['until'],
  ready: NonNullable<ClusterRecord['ready']>,
): NodeCluster {
  record.ready = ready;
  if (until === 'node') record.holder = ready.init;
  writeRecord(record);
  return clusterOf(record, ready);
}

function clusterOf({ places }: ClusterRecord, ready: NonNullable<ClusterRecord['ready']>): NodeCluster {
  return { access: ready.access, images: ready.images, node: nodeOf(places, ready.init) };
}

/** Puts each process on record; with `run`, kills them when this process ends. What else is left, the next run removes. */
function adopter(record: ClusterRecord, until: UpOptions['until']): (daemon: Daemon) => void {
  if (until === 'run') process.once('exit', () => record.processes.forEach(killNow));
  return ({ id }) => {
    record.processes.push(id);
    writeRecord(record);
  };
}

function onWait(say: (line: string) => void): () => void {
  return () => say('another process sets up or takes down a cluster; waiting for it');
}

/** Says how long after the start each step ended. */
function stepClock(say: (line: string) => void): (what: string) => void {
  const started = performance.now();
  return (what) => say(`${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s  ${what}`);
}
