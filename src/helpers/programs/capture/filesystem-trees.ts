// The trees of a pod on its node, opened: the own layer of each container above its image, and the volumes that go with the pod.
import { closeSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { messageOf } from '../../../evidence/error-message.ts';
import { codeOf } from '../../../evidence/files.ts';
import { containerOf } from '../netns-cgroup.ts';
import { openView, type MergedView } from './changes-view.ts';
import type { Tree } from './changes-read.ts';
import type { NodeContext } from './collector.ts';
import { CRIO_FOLDER, crioLayer } from './layers-crio.ts';
import type { Mount } from './layers-mounts.ts';
import { layersInTable, layersOfChain, type Layers } from './layers.ts';
import { OVERLAY_SNAPSHOTTER, snapshotChain } from './snapshots.ts';
import { openDirectory, type ByteText } from './walk-directory.ts';

/** A container of the order. */
export type SoughtContainer = NodeContext['order']['containers'][number];

/** A tree that could be opened, and what is wrong with it. */
export interface OpenTree {
  tree: Tree;
  problems: readonly string[];
  close: () => void;
}

/** Why there is nothing to read, for people. */
export class NoTreeError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NoTreeError';
  }
}

/** Folders of the node. */
export interface NodeFolders {
  /** Where the runtime keeps its containers. */
  containerd: string;
  /** Where the kubelet keeps the volumes of pods. */
  kubelet: string;
}

/** Processes that are asked for their view of a container. */
const MAX_ASKED = 32;

/** Where trees are looked for. */
export interface Finding extends Pick<NodeContext, 'proc' | 'hostFolder'> {
  mounts: readonly Mount[];
  folders: NodeFolders;
  /** Processes of the pod, by container. */
  processes: ReadonlyMap<string, readonly number[]>;
}

/** Opens the tree of a container. @throws NoTreeError */
export function openTree(finding: Finding, container: SoughtContainer): OpenTree {
  const layers = findLayers(finding, container.id);
  const problems = [...layers.doubts];
  const { fd: upper, why } = openHost(finding, layers.upper);
  if (upper === undefined) throw new NoTreeError(`its own layer ${layers.upper} ${why}`);
  const lowers: number[] = [];
  for (const path of layers.lowers) {
    const lower = openHost(finding, path);
    if (lower.fd !== undefined) lowers.push(lower.fd);
    else problems.push(`a layer of its image ${lower.why}, what that holds is reported as added: ${path}`);
  }
  const view = viewOf(finding, container, layers);
  const mountPoints = view?.mountPoints ?? new Set<ByteText>();
  const owner = { container: container.name, containerId: container.id, where: 'Root' as const };
  return {
    tree: { owner, prefix: '', upper, lowers, view, mountPoints },
    problems: view || container.ended ? problems : [...problems, 'no process of it showed its filesystem'],
    close: () => {
      view?.close();
      for (const fd of [upper, ...lowers]) closeSync(fd);
    },
  };
}

function findLayers({ mounts, hostFolder, folders }: Finding, id: string): Layers {
  const storage = hostFolder(CRIO_FOLDER);
  const layer = storage === undefined ? undefined : explained(() => crioLayer(storage, id));
  const found = layersInTable(mounts, id, layer);
  if (found.result === 'Layers') return found.layers;
  if (found.result === 'Unsupported') throw new NoTreeError(`Unsupported: ${found.why}`);
  // It has ended: its layer is there as long as the container is, and only the snapshotter knows where.
  const folder = folders.containerd;
  const database = hostFolder(`${folder}/${OVERLAY_SNAPSHOTTER}/metadata.db`);
  const nothing = 'Unsupported: nothing is mounted for it as overlay, and';
  if (database === undefined) throw new NoTreeError(`${nothing} ${folder} is not mounted here`);
  const chain = explained(() => snapshotChain(database, id), `${nothing} containerd's list of snapshots`);
  if (chain === undefined) throw new NoTreeError(`${nothing} containerd's snapshotter has none for it`);
  return layersOfChain(folder, chain);
}

function explained<T>(read: () => T, what = 'the list of CRI-O'): T {
  try {
    return read();
  } catch (error) {
    throw new NoTreeError(`${what} could not be read: ${messageOf(error)}`);
  }
}

function openHost({ hostFolder }: Finding, path: ByteText): { fd?: number; why?: string } {
  const here = hostFolder(Buffer.from(path, 'latin1').toString('utf8'));
  if (here === undefined) return { why: 'is not mounted in the capture pod' };
  try {
    return { fd: openDirectory(crioTarget(here)) };
  } catch (error) {
    return { why: `could not be opened (${codeOf(error) ?? messageOf(error)})` };
  }
}

// CRI-O has short names for layers, which are links of its own: `l/ABCDEF` to `../<layer>/diff`.
function crioTarget(path: string): string {
  if (!/\/overlay\/l\/[A-Z0-9]{26}$/.test(path)) return path;
  const target = /^\.\.\/([0-9a-f]{64})\/diff$/.exec(readlinkSync(path))?.[1];
  return target === undefined ? path : path.replace(/\/l\/[A-Z0-9]{26}$/, `/${target}/diff`);
}

function viewOf(
  { proc, processes }: Finding,
  { id }: SoughtContainer,
  { device }: Layers,
): MergedView | undefined {
  if (device === undefined) return undefined;
  for (const pid of (processes.get(id) ?? []).slice(0, MAX_ASKED)) {
    const view = openView(proc, pid, device);
    if (view) return view;
  }
  return undefined;
}

/** The processes of a pod's containers, by container, the lowest PIDs first. */
export function podProcesses(proc: string, podUid: string): Map<string, number[]> {
  const found = new Map<string, number[]>();
  const pids = readdirSync(proc).filter((name) => /^[0-9]{1,10}$/.test(name));
  for (const pid of pids.map(Number).toSorted((one, other) => one - other)) {
    const id = containerOfProcess(`${proc}/${pid}/cgroup`, podUid);
    if (id !== undefined) found.set(id, [...(found.get(id) ?? []), pid].slice(0, MAX_ASKED));
  }
  return found;
}

function containerOfProcess(path: string, podUid: string): string | undefined {
  try {
    return containerOf(readFileSync(path, 'latin1'), podUid);
  } catch {
    // Gone, which is as good as of no container.
    return undefined;
  }
}
