// The emptyDir volumes of a pod: they live as long as it does, on the disk of its node or in memory.
import { closeSync } from 'node:fs';
import { messageOf } from '../../../evidence/error-message.ts';
import { codeOf } from '../../../evidence/files.ts';
import type { Tree } from './changes-read.ts';
import { namesIn, openDirectory, openDirectoryAt, type ByteText } from './walk-directory.ts';

/** The kubelet keeps a folder each; API servers do not take pods with more. */
const MAX_VOLUMES = 1000;

/** The folder of a pod's emptyDir volumes within that of the kubelet. */
export function emptyDirFolder(kubelet: string, podUid: string): string {
  return `${kubelet}/pods/${podUid}/volumes/kubernetes.io~empty-dir`;
}

/**
 * Opens the volumes; {@link closeVolumes} closes them.
 * @param folder see {@link emptyDirFolder}, as seen from here; a pod without such volumes has none.
 */
export function openVolumes(folder: string): { volumes: Tree[]; problems: string[] } {
  const volumes: Tree[] = [];
  const problems: string[] = [];
  let fd: number | undefined;
  try {
    fd = openDirectory(folder);
    const { names, more } = namesIn(fd, MAX_VOLUMES);
    if (more) problems.push(`there are more than ${MAX_VOLUMES} emptyDir volumes`);
    for (const name of names) open(fd, name, volumes, problems);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') problems.push(`emptyDir volumes could not be read: ${messageOf(error)}`);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
  return { volumes, problems };
}

function open(folder: number, name: ByteText, volumes: Tree[], problems: string[]): void {
  try {
    const upper = openDirectoryAt(folder, name);
    // A volume belongs to the pod: which of its containers wrote what, nobody knows.
    const owner = { container: '', containerId: '', where: 'EmptyDir' as const };
    volumes.push({ owner, prefix: `/${name}`, upper, lowers: [], view: undefined, mountPoints: new Set() });
  } catch (error) {
    problems.push(`the emptyDir volume ${name} could not be read: ${codeOf(error) ?? messageOf(error)}`);
  }
}

/** See {@link openVolumes}. */
export function closeVolumes(volumes: readonly Tree[]): void {
  for (const { upper } of volumes) closeSync(upper);
}
