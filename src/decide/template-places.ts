// Where a template mounts something in a container, and what of it a mount at another path would hide.
import { posix } from 'node:path';

/** Where webhooks mount tokens: below what some templates mount for files of running programs. */
const TOKENS = '/run/secrets';
/** Folders that are links in most images. */
const LINKS: readonly (readonly [link: string, folder: string])[] = [
  ['/var/run', '/run'],
  ['/var/lock', '/run/lock'],
  ['/bin', '/usr/bin'],
  ['/sbin', '/usr/sbin'],
  ['/lib', '/usr/lib'],
  ['/lib64', '/usr/lib64'],
];
/** Linux's `PATH_MAX`, in characters: nothing is mounted at a longer one. */
const MAX_PATH = 4096;

/** A mount of a template. */
export interface HeldPlace {
  /** As the template writes it. */
  path: string;
  /** Whether it mounts an `emptyDir`: the template approves nothing of what is in there. */
  isEmpty: boolean;
}

/**
 * Reads the mounts of a template. The answer tells the path of one that a mount at a path hides: at the same place, at a folder
 * that it is in, or at what is in it. Not counted are mounts in an `emptyDir`, and where webhooks mount tokens below a folder
 * like `/run`.
 */
export function readPlaces(mounts: readonly HeldPlace[]): (path: string) => string | undefined {
  const [taken, held] = [new Map<string, string>(), new Map<string, string>()];
  for (const { path, isEmpty } of mounts) {
    const [place = '/', ...above] = foldersOf(path);
    // A mount there is what the image is for others.
    if (place === '/') continue;
    for (const folder of [place, ...above]) taken.set(folder, path);
    if (!isEmpty) held.set(place, path);
  }
  return (path) => {
    const [place = '/', ...above] = foldersOf(path);
    const ofTokens = isIn(TOKENS, place) ? TOKENS : undefined;
    const around = above.find((folder) => held.has(folder) && !(ofTokens && isIn(folder, ofTokens)));
    return taken.get(place) ?? (around === undefined ? undefined : held.get(around));
  };
}

/** The place of a path, as one text however it is written, then the folders that it is in, the root at last. */
function foldersOf(path: string): string[] {
  if (path.length > MAX_PATH) return [];
  // The kubelet takes a path without a slash before it as one from the root.
  const plain = posix.resolve('/', path);
  const link = LINKS.find(([from]) => plain === from || isIn(from, plain));
  let place = link ? `${link[1]}${plain.slice(link[0].length)}` : plain;
  const folders = [place];
  while (place !== '/') {
    place = place.slice(0, place.lastIndexOf('/')) || '/';
    folders.push(place);
  }
  return folders;
}

function isIn(folder: string, path: string): boolean {
  return path !== folder && path.startsWith(`${folder}/`);
}
