// How a change that is planted is written down, and the line of evidence that has to say it.
import type { FileChange } from '../../../src/api/file-change.ts';
import { ORIGINAL } from './planted-image.ts';

/** A line that has to be there. What is not named may be anything. */
export interface Expected extends Partial<
  Pick<FileChange, 'where' | 'type' | 'mode' | 'uid' | 'gid' | 'size' | 'links'>
> {
  path: string | Buffer;
  kind: FileChange['kind'];
  linkTarget?: string;
  content?: FileChange['content'];
  executable?: boolean;
  /** Of files: the SHA-256 of this. Where neither this nor `problem` is given, some hash has to be there. */
  is?: string | Buffer;
  /** The SHA-256 of the image's is that of this. */
  was?: string;
  modifiedAt?: string;
  /** Without it the line may have none. */
  problem?: RegExp;
  /** Why the line is as it is, where one would expect another. */
  because?: string;
}

/** A change. */
export interface Planted {
  class: string;
  what: string;
  /** For `sh -eu`, in the directory `/`. */
  does: string;
  /** Empty: it must not show. */
  shows: readonly Expected[];
  /** Why it does not show, or not so. */
  because?: string;
}

/** A {@link Planted} of the class that its table is about. */
export type Row = Omit<Planted, 'class'>;

/** What is written, where it does not matter. */
export const DROPPED = 'dropped\n';

/** 1 to `count`. */
export const numbers = (count: number): number[] =>
  Array.from({ length: count }, (_none, index) => index + 1);

/** An added file with {@link DROPPED} in it. */
export const file = (path: string | Buffer, more: Partial<Expected> = {}): Expected => ({
  path,
  kind: 'Added',
  type: 'File',
  is: DROPPED,
  executable: false,
  ...more,
});

/** An added directory. */
export const directory = (path: string, more: Partial<Expected> = {}): Expected => ({
  path,
  kind: 'Added',
  type: 'Directory',
  executable: false,
  ...more,
});

/** An added symlink. */
export const link = (path: string, linkTarget: string, more: Partial<Expected> = {}): Expected => ({
  path,
  kind: 'Added',
  type: 'Symlink',
  linkTarget,
  ...more,
});

/** A file of `/img/mod` that the image has with another content. */
export const modified = (name: string, more: Partial<Expected>): Expected => ({
  path: `/img/mod/${name}`,
  kind: 'Modified',
  type: 'File',
  was: ORIGINAL,
  ...more,
});
/** What was no file in the image, and so had no hash. */
export const instead = (name: string, more: Partial<Expected>): Expected => ({
  path: `/img/mod/${name}`,
  kind: 'Modified',
  type: 'File',
  ...more,
});

/** A file of `/img/meta` with the same content. */
export const metadata = (name: string, more: Partial<Expected>): Expected => ({
  path: `/img/meta/${name}`,
  kind: 'Metadata',
  type: 'File',
  is: ORIGINAL,
  was: ORIGINAL,
  ...more,
});

/** What is no file in `/img/meta`, and has other rights. */
export const access = (name: string, more: Partial<Expected>): Expected => ({
  path: `/img/meta/${name}`,
  kind: 'Metadata',
  ...more,
});
/** Nobody can say it of a container without a process, so each directory that misses a name of the image may be one. */
export const mayHide = (path: string): Expected => ({
  path,
  kind: 'Opaque',
  type: 'Directory',
  problem: /not certain that it hides anything: no process/,
  because: 'the mark is shown to administrators of the node only, and no process of the container runs',
});

/** What the image has, and the container does not. */
export const deleted = (path: string, type: FileChange['type'] = 'File'): Expected => ({
  path,
  kind: 'Deleted',
  type,
});

/** A directory that was made anew. */
export const hides = (path: string): Expected => ({ path, kind: 'Opaque', type: 'Directory' });
