// Which folders of containerd's overlay snapshotter hold the layers of a container. Needed for one that has ended: nothing is
// mounted for it any more, and only the snapshotter's own database knows.
import { closeSync, openSync, readSync } from 'node:fs';
import { READ_FLAGS } from '../../../evidence/files.ts';
import { BoltError, find, openBolt, type Bolt, type BoltEntry } from './snapshots-bolt.ts';

/** Folder of the snapshotter within the folder of containerd. */
export const OVERLAY_SNAPSHOTTER = 'io.containerd.snapshotter.v1.overlayfs';

/** More than a node has room for. */
const MAX_SNAPSHOTS = 200_000;
/** Overlay mounts take at most 500. */
const MAX_PARENTS = 500;
const TRIES = 5;
/** Namespace, a number and what CRI calls it: the ID of the container. */
const KEY = /^k8s\.io\/[0-9]+\/([^/]+)$/;

/**
 * The numbers of the snapshots of a container, its own first and then those of its image from the top; each is the name of a
 * folder. Undefined if the snapshotter has none for it.
 * @param path of `metadata.db`. It is read while containerd may write it: when it did, it is read again.
 * @throws BoltError, or the errors of node:fs
 */
export function snapshotChain(path: string, containerId: string): string[] | undefined {
  const fd = openSync(path, READ_FLAGS);
  try {
    for (let left = TRIES; ; left -= 1) {
      const chain = tryChain(fd, containerId, left > 1);
      if (chain !== 'changed') return chain;
    }
  } finally {
    closeSync(fd);
  }
}

function tryChain(fd: number, containerId: string, again: boolean): string[] | 'changed' | undefined {
  const bolt = openBolt((offset, length) => readAt(fd, offset, length));
  let chain: string[] | undefined;
  let failure: unknown;
  try {
    chain = chainIn(bolt, containerId);
  } catch (error) {
    failure = error;
  }
  if (!bolt.isCurrent()) {
    if (again) return 'changed';
    throw new BoltError(`containerd changed it ${TRIES} times while it was read`);
  }
  if (failure !== undefined) throw failure as Error;
  return chain;
}

// In the bucket v1/snapshots: buckets of such names, with `id`, a uvarint, and `parent`, the name of another one.
function chainIn(bolt: Bolt, containerId: string): string[] | undefined {
  const snapshots = snapshotsIn(bolt);
  const names = [...snapshots.keys()];
  let name = names.find((key) => KEY.exec(key)?.[1] === containerId);
  if (name === undefined) return undefined;
  const chain: string[] = [];
  while (name !== undefined && name !== '') {
    const entry = snapshots.get(name);
    if (!entry) throw new BoltError(`the snapshot ${name} is missing, which another is made upon`);
    if (chain.length > MAX_PARENTS)
      throw new BoltError(`more than ${MAX_PARENTS} snapshots lie on each other`);
    const fields = [...bolt.inside(entry)];
    chain.push(idOf(find(fields, 'id')));
    name = find(fields, 'parent')?.value.toString('latin1');
  }
  return chain;
}

function snapshotsIn(bolt: Bolt): Map<string, BoltEntry> {
  const snapshots = new Map<string, BoltEntry>();
  for (const entry of bolt.bucket('v1', 'snapshots') ?? []) {
    if (snapshots.size >= MAX_SNAPSHOTS) throw new BoltError(`it has more than ${MAX_SNAPSHOTS} snapshots`);
    if (entry.isBucket) snapshots.set(entry.key.toString('latin1'), entry);
  }
  return snapshots;
}

function idOf(entry: BoltEntry | undefined): string {
  let id = 0n;
  for (const [index, byte] of (entry?.value ?? Buffer.of()).entries()) {
    if (index > 9) break;
    id |= BigInt(byte & 0x7f) << BigInt(7 * index);
    if (byte < 0x80) return `${id}`;
  }
  throw new BoltError('a snapshot has no number');
}

function readAt(fd: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let read = 0;
  while (read < length) {
    const got = readSync(fd, bytes, read, length - read, offset + read);
    if (got === 0) throw new BoltError(`it ends before byte ${offset + length}`);
    read += got;
  }
  return bytes;
}
