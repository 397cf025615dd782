// RFC 6902 operations with RFC 6901 paths, for patches of labels and annotations whose keys hold slashes.
import type { JsonPatchOp } from './client.ts';

/** One segment of a JSON pointer: `die-operator.dev/x` becomes `die-operator.dev~1x`. */
export function escapePointer(segment: string): string {
  return segment.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** A JSON pointer from plain segments: `pointer('metadata', 'labels', key)`. */
export function pointer(...segments: readonly string[]): string {
  return segments.map((segment) => `/${escapePointer(segment)}`).join('');
}

/** Fails the whole patch unless the value at `path` equals `value`; `null` also holds where nothing is. */
export function test(path: string, value: unknown): JsonPatchOp {
  return { op: 'test', path, value };
}

/** Adds or replaces a member; its parent must exist. */
export function add(path: string, value: unknown): JsonPatchOp {
  return { op: 'add', path, value };
}

/** Replaces what is at `path`. */
export function replace(path: string, value: unknown): JsonPatchOp {
  return { op: 'replace', path, value };
}

/** Removes what is at `path`, which must exist. */
export function remove(path: string): JsonPatchOp {
  return { op: 'remove', path };
}
