// What the image has where a container's own layer has something: the layers below it, merged as the kernel does.
import { closeSync, type BigIntStats } from 'node:fs';
import { codeOf } from '../../../evidence/files.ts';
import { isWhiteout } from './changes.ts';
import { openDirectoryBelow, statAt, type ByteText } from './walk-directory.ts';

/** Layers of the image that have a directory, the topmost first, by their places in the list of all. */
export type Merged = readonly number[];

/** A directory of the image, open in each of its layers. */
export interface ImageDirectory {
  layers: readonly { index: number; fd: number }[];
}

/** An entry of the image. */
export interface ImageEntry {
  /** The directory that it is in, in the layer that has the say. */
  fd: number;
  stats: BigIntStats;
  /** Of a directory, the layers that have it. */
  merged: Merged;
}

/** Opens a directory of the image. {@link closeImage} closes it. @param roots open directories, of all layers. */
export function openImage(roots: readonly number[], path: ByteText, merged: Merged): ImageDirectory {
  const layers: { index: number; fd: number }[] = [];
  try {
    const names = path.split('/').filter((name) => name !== '');
    for (const index of merged) {
      const root = roots[index];
      if (root !== undefined) layers.push({ index, fd: openDirectoryBelow(root, names) });
    }
  } catch (error) {
    closeImage({ layers });
    throw error;
  }
  return { layers };
}

/** See {@link openImage}. */
export function closeImage({ layers }: ImageDirectory): void {
  for (const { fd } of layers) closeSync(fd);
}

/**
 * The entry of that name; undefined if the image has none, or one of its layers has deleted it. A directory goes on in the layers
 * below until one has something else there. That a layer of the image replaces a directory as a whole is not seen: that
 * mark is shown to those only who administer the node.
 * @throws the errors of node:fs
 */
export function imageEntry({ layers }: ImageDirectory, name: ByteText): ImageEntry | undefined {
  let top: { fd: number; stats: BigIntStats } | undefined;
  const merged: number[] = [];
  for (const { index, fd } of layers) {
    const stats = statAtOrNotThere(fd, name);
    if (stats === undefined) continue;
    if (isWhiteout(stats)) break;
    if (top !== undefined && !stats.isDirectory()) break;
    top ??= { fd, stats };
    if (!stats.isDirectory()) break;
    merged.push(index);
  }
  return top && { ...top, merged };
}

function statAtOrNotThere(fd: number, name: ByteText): BigIntStats | undefined {
  try {
    return statAt(fd, name);
  } catch (error) {
    if (codeOf(error) === 'ENAMETOOLONG') return undefined;
    throw error;
  }
}
