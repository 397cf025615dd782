// Visits every directory of a tree, within limits and without ever leaving it, whatever is done to it meanwhile.
import { closeSync, fstatSync, type BigIntStats } from 'node:fs';
import { messageOf } from '../../../evidence/error-message.ts';
import { codeOf } from '../../../evidence/files.ts';
import { namesIn, openDirectoryAt, type ByteText, type Inode } from './walk-directory.ts';
import { MAX_DEPTH, MAX_PATH_BYTES, type Progress } from './walk-progress.ts';

/** A directory, while it is open. */
export interface Visit<T> {
  fd: number;
  /** From the root of the tree; of the root the empty text. */
  path: ByteText;
  /** In the order of their bytes. */
  names: readonly ByteText[];
  /** What whoever entered it has said of it. */
  context: T;
  /** Has a directory in it visited later, right after this one and what was entered before. */
  enter(name: ByteText, stats: BigIntStats, context: T): void;
}

interface Child<T> extends Inode {
  name: ByteText;
  context: T;
}

interface Frame<T> {
  fd: number;
  path: ByteText;
  children: Child<T>[];
  next: number;
}

/**
 * Visits the root and then each directory that is entered. Directories of another device are left out; so is what lies beyond a
 * limit, and what cannot be read: `progress` keeps count of it.
 * @param root an open directory, which stays open.
 */
export async function* walk<T>(root: number, context: T, progress: Progress): AsyncGenerator<Visit<T>> {
  const { dev } = fstatSync(root, { bigint: true });
  const frames: Frame<T>[] = [];
  try {
    yield* visit({ fd: openDirectoryAt(root, '.'), path: '', context, frames, progress });
    for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
      const child = frame.children[frame.next];
      if (child === undefined || progress.isOver()) {
        frames.pop();
        closeSync(frame.fd);
        continue;
      }
      frame.next += 1;
      const fd = openChild(frame, child, dev, progress);
      if (fd === undefined) continue;
      const path = `${frame.path}/${child.name}`;
      yield* visit({ fd, path, context: child.context, frames, progress });
    }
  } finally {
    for (const { fd } of frames) closeSync(fd);
  }
}

interface Visiting<T> extends Pick<Visit<T>, 'fd' | 'path' | 'context'> {
  frames: Frame<T>[];
  progress: Progress;
}

function* visit<T>({ fd, path, context, frames, progress }: Visiting<T>): Generator<Visit<T>> {
  const frame: Frame<T> = { fd, path, children: [], next: 0 };
  // From here on the walk closes it.
  frames.push(frame);
  const names = namesWithin(frame, progress);
  const enter: Visit<T>['enter'] = (name, { dev, ino }, given) => {
    if (frames.length >= MAX_DEPTH) progress.tooDeep();
    else frame.children.push({ name, dev, ino, context: given });
  };
  yield { fd, path, names, context, enter };
}

function namesWithin({ fd, path }: Frame<unknown>, progress: Progress): ByteText[] {
  try {
    const { names, more } = namesIn(fd, progress.entriesLeft());
    if (more) progress.tooMany(path);
    const short = names.filter((name) => path.length + 1 + name.length <= MAX_PATH_BYTES);
    progress.tooLong(names.length - short.length);
    return short;
  } catch (error) {
    progress.unreadable(path, codeOf(error) ?? messageOf(error));
    return [];
  }
}

function openChild<T>(
  frame: Frame<T>,
  child: Child<T>,
  device: bigint,
  progress: Progress,
): number | undefined {
  const path = `${frame.path}/${child.name}`;
  if (child.dev !== device) {
    progress.unreadable(path, 'it is on another device');
    return undefined;
  }
  try {
    return openDirectoryAt(frame.fd, child.name, child);
  } catch (error) {
    progress.unreadable(path, codeOf(error) ?? messageOf(error));
    return undefined;
  }
}
