// A container's filesystem as its processes see it, all layers merged. It answers one question only: whether a name is there.
// Whoever may mount in the container can put a filesystem of theirs in our way, which need not answer ever: no step leaves
// the one mount, and nothing in it is opened but as a place (O_PATH), which asks no filesystem for its content.
import { closeSync, constants, openSync, readFileSync, readlinkSync } from 'node:fs';
import { codeOf, READ_FLAGS } from '../../../evidence/files.ts';
import { parseMounts, readTable, type Mount } from './layers-mounts.ts';
import { pathAt, type ByteText } from './walk-directory.ts';

/** See the file's first line. */
export interface MergedView {
  /** Undefined where it cannot be told: a directory on the way is gone, or another mount lies upon it. */
  has(directory: ByteText, name: ByteText): boolean | undefined;
  /** Mount points in the container: the runtime makes a file or directory for each. */
  mountPoints: ReadonlySet<ByteText>;
  close: () => void;
}

const { O_NOFOLLOW } = constants;
// Of Linux on all machines that Node runs on; node:fs has no name for it.
const O_PATH = 0o10000000;

/**
 * Opens the view of a process.
 * @param device of the container's filesystem as the node has it mounted, `major:minor`: the process must have that one as its root.
 * @returns undefined if it has another one, or is gone.
 */
export function openView(proc: string, pid: number, device: string): MergedView | undefined {
  let root: number | undefined;
  try {
    const mounts = mountsOf(proc, pid);
    // The link says which folder of its namespace is its root: in a chroot not the first.
    if (readlinkSync(`${proc}/${pid}/root`) !== '/') return undefined;
    root = openSync(`${proc}/${pid}/root`, O_PATH);
    const mount = mountOf(root);
    const isRoot = (one: Mount) => one.id === mount && one.root === '/' && one.mountPoint === '/';
    if (mounts.some((one) => isRoot(one) && one.device === device)) return viewAt(root, mount, mounts);
  } catch {
    // Gone, or not readable: as if it had none.
  }
  if (root !== undefined) closeSync(root);
  return undefined;
}

function viewAt(root: number, mount: number, mounts: readonly Mount[]): MergedView {
  return {
    has: (directory, name) => {
      const names = [...directory.split('/').filter((part) => part !== ''), name];
      let at = openSync(pathAt(root, '.'), O_PATH | O_NOFOLLOW);
      try {
        for (const [index, step] of names.entries()) {
          const next = stepTo(at, step);
          if (next === undefined) return index === names.length - 1 ? false : undefined;
          closeSync(at);
          at = next;
          if (index < names.length - 1 && mountOf(at) !== mount) return undefined;
        }
        return true;
      } finally {
        closeSync(at);
      }
    },
    mountPoints: new Set(mounts.map(({ mountPoint }) => mountPoint)),
    close: () => closeSync(root),
  };
}

function stepTo(fd: number, name: ByteText): number | undefined {
  try {
    return openSync(pathAt(fd, name), O_PATH | O_NOFOLLOW);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

// What mount a descriptor is in, from the kernel's own account of it.
function mountOf(fd: number): number {
  const found = /^mnt_id:\s*([0-9]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'));
  if (!found) throw new Error('the kernel does not tell the mount of a descriptor');
  return Number(found[1]);
}

function mountsOf(proc: string, pid: number): Mount[] {
  const fd = openSync(`${proc}/${pid}/mountinfo`, READ_FLAGS);
  try {
    return parseMounts(readTable(fd));
  } finally {
    closeSync(fd);
  }
}
