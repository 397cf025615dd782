// The folders on the node that a container's root filesystem is made of: its own, which holds every change, and the image's.
import { OVERLAY_SNAPSHOTTER } from './snapshots.ts';
import type { Mount } from './layers-mounts.ts';

/** Paths on the node. Texts are bytes, a character each (latin1). */
export interface Layers {
  /** Everything that the container has changed. */
  upper: string;
  /** Of the image, the topmost first. */
  lowers: readonly string[];
  /** `major:minor` of the merged filesystem, where it is mounted. */
  device: string | undefined;
  /** Why some of what is found may be wrong, for people. */
  doubts: readonly string[];
}

/** What the mount table says of a container. */
export type LayersFound =
  | { result: 'Layers'; layers: Layers }
  /** Its filesystem is of another kind than this version reads. */
  | { result: 'Unsupported'; why: string }
  /** Nothing is mounted for it: it has ended, or its runtime keeps it elsewhere. */
  | { result: 'None' };

/**
 * Finds the layers of a container in the mount table of its node. The table is the node's, not the container's, and the mount
 * point is named after the container by its runtime: nobody in a container can put anything into either.
 * @param crioLayer the layer that CRI-O says is the container's, if it knows it.
 */
export function layersInTable(
  mounts: readonly Mount[],
  containerId: string,
  crioLayer: string | undefined,
): LayersFound {
  const endings = [`/${containerId}/rootfs`, ...(crioLayer ? [`/overlay/${crioLayer}/merged`] : [])];
  // The last one mounted lies on top.
  const mount = mounts.findLast(({ mountPoint }) => endings.some((ending) => mountPoint.endsWith(ending)));
  if (mount === undefined) return { result: 'None' };
  const upper = mount.options.get('upperdir');
  // Newer kernels take each folder in an option of its own, and tell them so.
  const lower = mount.options.get('lowerdir') ?? mount.options.get('lowerdir+');
  if (mount.type !== 'overlay' || upper === undefined || lower === undefined) {
    return { result: 'Unsupported', why: `its root filesystem is mounted as ${mount.type}, not as overlay` };
  }
  if (!upper.startsWith('/')) return { result: 'Unsupported', why: `its upper folder is relative: ${upper}` };
  const lowers = splitLowers(lower).map((path) => absolute(path, upper));
  const layers = { upper, lowers, device: mount.device, doubts: doubtsOf(mount) };
  return { result: 'Layers', layers };
}

/** The layers that containerd's snapshotter keeps under these numbers, the container's own first. */
export function layersOfChain(folder: string, chain: readonly string[]): Layers {
  const [upper, ...lowers] = chain.map((id) => `${folder}/${OVERLAY_SNAPSHOTTER}/snapshots/${id}/fs`);
  return { upper: upper ?? '', lowers, device: undefined, doubts: [] };
}

// Colons within a name have a backslash before them; `::` begins folders of data only, which have no names.
function splitLowers(text: string): string[] {
  const [merged = ''] = text.split('::');
  return merged.split(/(?<!\\):/).map((path) => path.replaceAll(/\\(.)/g, '$1'));
}

// containerd and CRI-O leave out the beginning that all have, for want of room: containerd up to `snapshots/`, CRI-O up to
// `overlay/`. Both have <there>/<id>/<folder> as the upper one.
function absolute(path: string, upper: string): string {
  return path.startsWith('/') ? path : `${upper.split('/').slice(0, -2).join('/')}/${path}`;
}

function doubtsOf({ options }: Mount): string[] {
  const doubts: string[] = [];
  if (options.get('metacopy') === 'on')
    doubts.push(
      'the node mounts with metacopy=on: of a file with other metadata only, the content is not there',
    );
  if (['on', 'follow'].includes(options.get('redirect_dir') ?? ''))
    doubts.push(
      'the node mounts with redirect_dir: a folder of the image that was renamed is reported as deleted',
    );
  return doubts;
}
