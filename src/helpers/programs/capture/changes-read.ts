// Every change in the own layer of one container, in the order of the walk.
import type { BigIntStats } from 'node:fs';
import type { FileChange } from '../../../api/file-change.ts';
import { messageOf } from '../../../evidence/error-message.ts';
import { codeOf } from '../../../evidence/files.ts';
import { closeImage, imageEntry, openImage, type ImageDirectory, type Merged } from './changes-image.ts';
import { fileChange, isExecutable, isWhiteout, kindOf, type Owner, type Seen } from './changes.ts';
import { hiddenByUpper } from './changes-opaque.ts';
import type { MergedView } from './changes-view.ts';
import { readContent, type Content, type Reading } from './content.ts';
import { madeByRuntime } from './filesystem-expected.ts';
import { linkAt, statAt, type ByteText } from './walk-directory.ts';
import type { Progress } from './walk-progress.ts';
import { walk, type Visit } from './walk.ts';

/** A tree that is read, and what it is compared with. */
export interface Tree {
  owner: Owner;
  /** What paths begin with: of a volume `/` and its name. */
  prefix: ByteText;
  /** Open directory. */
  upper: number;
  /** Open directories of the layers of the image, the topmost first; none for a volume. */
  lowers: readonly number[];
  /** Of a container that runs. */
  view: MergedView | undefined;
  mountPoints: ReadonlySet<ByteText>;
}

/** What reading takes. */
export interface ReadGiven {
  progress: Progress;
  reading: Reading;
  /**
   * Decides whether the content of a file is kept.
   * @returns its name in the tar or why it is not kept; nothing where nobody would want it.
   */
  keep(tree: Tree, path: ByteText, file: Seen, executable: boolean): { kept?: string; problem?: string };
}

interface Context {
  merged: Merged;
  /** Nothing of the image shows through a directory that this one is in. */
  hidden: boolean;
}

interface Reader extends ReadGiven {
  tree: Tree;
  /** Contents of files with several names, by inode. */
  linked: Map<string, Content & { kept?: string }>;
}

/** Reads a tree; what could not be read is said in the changes, and what was left out in `given.progress`. */
export async function* readChanges(tree: Tree, given: ReadGiven): AsyncGenerator<FileChange> {
  const reader: Reader = { ...given, tree, linked: new Map() };
  const merged = tree.lowers.map((_fd, index) => index);
  for await (const visit of walk<Context>(tree.upper, { merged, hidden: false }, given.progress)) {
    const image = openImageOrNot(reader, visit);
    try {
      yield* changesIn(reader, visit, image);
    } finally {
      closeImage(image);
    }
  }
}

function openImageOrNot({ tree, progress }: Reader, { path, context }: Visit<Context>): ImageDirectory {
  try {
    return openImage(tree.lowers, path, context.merged);
  } catch (error) {
    progress.unreadable(path, `in the image: ${codeOf(error) ?? messageOf(error)}`);
    return { layers: [] };
  }
}

async function* changesIn(
  reader: Reader,
  visit: Visit<Context>,
  image: ImageDirectory,
): AsyncGenerator<FileChange> {
  const { tree, progress } = reader;
  const opaque = visit.context.hidden ? undefined : hiddenByUpper(visit, image, tree.view);
  if (opaque !== undefined) yield opaqueChange(reader, visit, opaque.problems);
  const hidden = visit.context.hidden || opaque?.certain === true;
  for (const name of visit.names) {
    if (progress.isOver()) return;
    await progress.did({ entries: 1 });
    const change = await changeOf({ reader, visit, image, hidden }, name);
    if (change) yield change;
  }
}

interface Here {
  reader: Reader;
  visit: Visit<Context>;
  image: ImageDirectory;
  hidden: boolean;
}

async function changeOf(here: Here, name: ByteText): Promise<FileChange | undefined> {
  const { owner, prefix } = here.reader.tree;
  try {
    const stats = statAt(here.visit.fd, name);
    // Undefined: gone since the directory was read.
    return stats && (await changeAt(here, name, stats));
  } catch (error) {
    const path = `${prefix}${here.visit.path}/${name}`;
    const problems = [`could not be read: ${codeOf(error) ?? messageOf(error)}`];
    // What cannot be looked at may be anything.
    return fileChange({ owner, path, kind: 'Modified', now: undefined, image: undefined, problems });
  }
}

async function changeAt(here: Here, name: ByteText, stats: BigIntStats): Promise<FileChange | undefined> {
  const { reader, visit, image, hidden } = here;
  const { owner, prefix } = reader.tree;
  const within = `${visit.path}/${name}`;
  const path = `${prefix}${within}`;
  const below = imageEntry(image, name);
  if (stats.isDirectory()) visit.enter(name, stats, { merged: below?.merged ?? [], hidden });
  const was = below && (await seen(reader, { ...below, name, isImage: true }));
  if (owner.where === 'Root' && isWhiteout(stats))
    return fileChange({ owner, path, kind: 'Deleted', now: undefined, image: was });
  const now = await seen(reader, { fd: visit.fd, stats, name, isImage: false });
  const kind = kindOf(now, was);
  const isNothing = kind === 'Added' && madeByRuntime(reader.tree, within, now) !== undefined;
  if (kind === undefined || isNothing) return undefined;
  const { kept, problem } = kind === 'Metadata' ? {} : keepOnce(reader, within, now);
  return fileChange({
    owner,
    path,
    kind,
    now,
    image: was,
    kept,
    problems: problem === undefined ? [] : [problem],
  });
}

interface Place {
  fd: number;
  name: ByteText;
  stats: BigIntStats;
  isImage: boolean;
}

async function seen(reader: Reader, { fd, name, stats, isImage }: Place): Promise<Seen> {
  if (stats.isSymbolicLink()) return { stats, target: linkAt(fd, name) };
  if (!stats.isFile()) return { stats };
  if (stats.nlink === 1n || isImage)
    return { stats, ...(await readContent(fd, name, stats, reader.reading)) };
  const key = inodeKey(stats);
  const { sha256, kind, problem } =
    reader.linked.get(key) ?? (await readContent(fd, name, stats, reader.reading));
  const content: Content = { ...(sha256 && { sha256 }), ...(kind && { kind }), ...(problem && { problem }) };
  if (!reader.linked.has(key)) reader.linked.set(key, content);
  return { stats, ...content };
}

/** Two names of a file have one content in the tar. */
function keepOnce(reader: Reader, path: ByteText, now: Seen): { kept?: string; problem?: string } {
  if (!now.stats.isFile() || now.sha256 === undefined) return {};
  const linked = reader.linked.get(inodeKey(now.stats));
  if (linked?.kept !== undefined) return { kept: linked.kept };
  const decided = reader.keep(reader.tree, path, now, isExecutable(now));
  if (linked !== undefined && decided.kept !== undefined) linked.kept = decided.kept;
  return decided;
}

function inodeKey({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

function opaqueChange(
  { tree }: Reader,
  { fd, path }: Visit<Context>,
  problems: readonly string[],
): FileChange {
  const stats = statAt(fd, '.');
  const now = stats && { stats };
  return fileChange({
    owner: tree.owner,
    path: path === '' ? '/' : path,
    kind: 'Opaque',
    now,
    image: undefined,
    problems,
  });
}
