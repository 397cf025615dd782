// The archives of a pod in the kubelet's folder of checkpoints: opened and at once removed, so that whatever becomes of this
// process nothing of them stays on the node. What is open can still be read to its end.
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  readdirSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../evidence/error-message.ts';
import { codeOf } from '../../evidence/files.ts';
import { isArchiveOf, type CheckpointOrder } from '../checkpoint-order.ts';

/** What is taken: where, and whose. */
export interface TakeGiven {
  order: Pick<CheckpointOrder, 'pod' | 'containers' | 'folder'>;
  /** The folder as this process sees it. */
  folder: string;
  /** User whose files are taken: root's, as the kubelet is. */
  owner: number;
}

/** An archive that only this process has any more. */
export interface TakenArchive {
  container: string;
  archive: string;
  size: number;
  /** Once. Throws when it is shorter than it was. */
  content: () => Generator<Uint8Array>;
  close: () => void;
}

/** What became of all of them. */
export interface TakenArchives {
  archives: TakenArchive[];
  /** For people. */
  problems: string[];
}

/** A link is not followed, and nothing that would block is opened. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const CHUNK_BYTES = 256 * 1024;
/** Names that are looked at: a folder of more was filled by somebody. */
const MAX_NAMES = 10_000;

/** See the file's first line. @throws never */
export function takeArchives(given: TakeGiven): TakenArchives {
  const taken: TakenArchives = { archives: [], problems: [] };
  for (const { name: container, archive } of given.order.containers)
    if (archive !== undefined) take(given, taken, container, archive);
  removeLeftovers(given, taken);
  return taken;
}

function take({ folder, owner, order }: TakeGiven, taken: TakenArchives, container: string, archive: string) {
  const path = join(folder, archive);
  const onNode = join(order.folder, archive);
  let fd: number;
  try {
    fd = openSync(path, FLAGS);
  } catch (error) {
    taken.problems.push(`${onNode} cannot be opened: ${codeOf(error) ?? messageOf(error)}`);
    return;
  }
  const refused = refusal(fd, owner);
  if (refused !== undefined) {
    closeSync(fd);
    taken.problems.push(`${onNode} is neither taken nor removed: ${refused}`);
    return;
  }
  remove(path, onNode, taken);
  const { size } = fstatSync(fd);
  taken.archives.push({
    container,
    archive,
    size,
    content: () => piecesOf(fd, size),
    close: () => closeSync(fd),
  });
}

function refusal(fd: number, owner: number): string | undefined {
  const stats = fstatSync(fd);
  if (!stats.isFile()) return 'it is no regular file';
  if (stats.uid !== owner) return `it belongs to user ${stats.uid}`;
  return stats.nlink === 1 ? undefined : 'it has a second name';
}

/** What earlier runs left of the same containers: they died, or the kubelet answered too late. */
function removeLeftovers({ folder, owner, order }: TakeGiven, taken: TakenArchives): void {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    taken.problems.push(`${order.folder} cannot be read: ${codeOf(error) ?? messageOf(error)}`);
    return;
  }
  if (names.length > MAX_NAMES)
    taken.problems.push(`${order.folder} holds ${names.length} files, not all of which were looked at`);
  const sent = new Set(order.containers.map(({ archive }) => archive));
  const old = names
    .slice(0, MAX_NAMES)
    .filter(
      (name) => !sent.has(name) && order.containers.some((one) => isArchiveOf(name, order.pod, one.name)),
    );
  for (const name of old) {
    const path = join(folder, name);
    const onNode = join(order.folder, name);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (!stats?.isFile() || stats.uid !== owner) continue;
    if (remove(path, onNode, taken))
      taken.problems.push(`${onNode} was left by an earlier run: removed, not kept`);
  }
}

function remove(path: string, onNode: string, { problems }: TakenArchives): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    problems.push(
      `${onNode} is left on the node, remove it there: ${codeOf(error) ?? messageOf(error)}. The kubelet never does`,
    );
    return false;
  }
}

function* piecesOf(fd: number, size: number): Generator<Uint8Array> {
  for (let at = 0; at < size;) {
    const piece = Buffer.alloc(Math.min(CHUNK_BYTES, size - at));
    const got = readSync(fd, piece, 0, piece.length, at);
    if (got === 0) throw new Error(`it ended after ${at} of ${size} bytes`);
    yield piece.subarray(0, got);
    at += got;
  }
}
