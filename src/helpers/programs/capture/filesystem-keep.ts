// Which contents are kept: within the bytes of the capture, and so that a heap of data does not keep out a program.
import type { Seen } from './changes.ts';
import type { ReadGiven, Tree } from './changes-read.ts';
import type { NodeContext } from './collector.ts';
import type { KeptFile } from './tar.ts';

/** What was decided so far. */
export interface Keeper {
  keep: ReadGiven['keep'];
  /** What is to be in the tar of that name, such as `changed-web`. */
  files(archive: string): readonly KeptFile[];
  /** A sentence when something did not fit. */
  problems(): string[];
}

/** The name of the tar that a tree's contents are kept in. */
export type ArchiveOf = (tree: Tree) => string;

const WHY_NOT = 'its content is not kept: the bytes of this capture are used up';
/** Bytes of all paths of files that are kept, which are in memory until the tars are made. */
const MAX_PATHS = 32 * 1024 * 1024;

/**
 * Keeps contents while `budget` lasts. Files that cannot be run may use up half of what there is at the beginning: whoever is
 * in a container can make any number of them.
 */
export function createKeeper({ order, budget }: NodeContext, archiveOf: ArchiveOf): Keeper {
  const archives = new Map<string, KeptFile[]>();
  let otherLeft = Math.floor(budget.left() / 2);
  let pathsLeft = MAX_PATHS;
  let count = 0;
  let refused = 0;
  const fits = (path: string, size: number, executable: boolean) =>
    path.length <= pathsLeft && (executable || size <= otherLeft) && budget.take(size);
  return {
    keep: (tree, path, file, executable) => {
      const size = Number(file.stats.size);
      if (!order.contents || file.sha256 === undefined || size === 0) return {};
      if (!fits(path, inTar(size), executable)) {
        refused += 1;
        return { problem: WHY_NOT };
      }
      if (!executable) otherLeft -= inTar(size);
      pathsLeft -= path.length;
      count += 1;
      const name = `files/${count}`;
      const files = archives.get(archiveOf(tree)) ?? [];
      archives.set(archiveOf(tree), files);
      files.push(keptFile({ tree, path, file, name, sha256: file.sha256 }));
      return { kept: name };
    },
    files: (archive) => archives.get(archive) ?? [],
    problems: () =>
      refused > 0 ? [`contents of ${refused} changed files are not kept: no bytes were left`] : [],
  };
}

/** Bytes of an entry: a head, and the content filled up to whole blocks. */
function inTar(size: number): number {
  return (1 + Math.ceil(size / 512)) * 512;
}

function keptFile(given: { tree: Tree; path: string; file: Seen; name: string; sha256: string }): KeptFile {
  const { tree, path, file, name, sha256 } = given;
  const { dev, ino, size } = file.stats;
  return { name, root: tree.upper, path, size: Number(size), sha256, dev, ino };
}
