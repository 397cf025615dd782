// Names as parts of paths: the one place where a name from the cluster becomes a part of a file name.
import { createHash } from 'node:crypto';

/** Longest segment that {@link pathSegment} answers, in characters (all ASCII, so bytes). */
export const MAX_SEGMENT = 100;
/** Longest path within a bundle, in characters. */
export const MAX_PATH = 512;
// A segment may get an ending such as `.json`.
const MAX_PART = MAX_SEGMENT + 20;

// A lower-case name as Kubernetes has them. No '~': that marks the segments that carry a hash. Lower case only, since
// some file systems take `A` and `a` for the same name.
const PLAIN = /^[a-z0-9][a-z0-9._-]*$/;
const SAFE = /^[a-z0-9][a-z0-9._~-]*$/;
// 128 bits: no two names with the same hash can be found.
const HASH_DIGITS = 32;

/**
 * A safe path segment for any name, hostile ones too: never empty, `.` or `..`, no separator, no control character, at
 * most {@link MAX_SEGMENT} characters, and different names give different segments on any file system. Names as
 * Kubernetes allows them stay as they are unless they are too long; of any other name a readable part stays, followed
 * by `~` and a hash.
 */
export function pathSegment(name: string): string {
  if (name.length <= MAX_SEGMENT && PLAIN.test(name)) return name;
  // As UTF-16: in UTF-8 all lone surrogates would be the same character, and so would names that differ by them.
  const hash = createHash('sha256').update(Buffer.from(name, 'utf16le')).digest('hex').slice(0, HASH_DIGITS);
  const readable = name
    .slice(0, MAX_SEGMENT - HASH_DIGITS - 1)
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, MAX_SEGMENT - HASH_DIGITS - 1);
  return `${readable || 'x'}~${hash}`;
}

/** Whether the path is relative, made of safe segments only, and so cannot leave the directory it is used in. */
export function isSafePath(path: string): boolean {
  return (
    path.length <= MAX_PATH && path.split('/').every((part) => part.length <= MAX_PART && SAFE.test(part))
  );
}

/** Directories that a path goes through, the outermost first: of `a/b/c` these are `a` and `a/b`. */
export function parentsOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** How the place of an incident's bundle is called in every store. */
export function placeNameOf(incident: {
  namespace: string;
  name: string;
  uid: string;
  round?: number | undefined;
}): {
  namespace: string;
  name: string;
} {
  const { round = 1 } = incident;
  const again = round > 1 ? `.${round}` : '';
  return {
    namespace: pathSegment(incident.namespace),
    name: `${pathSegment(incident.name)}-${pathSegment(incident.uid)}${again}`,
  };
}
