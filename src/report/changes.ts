// What is kept of the changed files for a report: counts of all of them, and the first of those that matter most.
import { CHANGE_KINDS, FileChangeSchema, type FileChange } from '../api/file-change.ts';
import type { Part } from './captured.ts';
import { readLines } from './records.ts';

/** Changes that are listed. */
export const MAX_LISTED = 500;
/** Most lines that a capture writes. */
const MAX_LINES = 1_000_000;

/** See the file's first line. */
export interface ChangeTally {
  /** Lines of the file, bad ones too. */
  lines: number;
  bad: number;
  /** There is more than was read. */
  more: boolean;
  /** By kind, programs and others. */
  counts: Record<FileChange['kind'], { executables: number; others: number }>;
  /** At most {@link MAX_LISTED} together, programs first. */
  executables: FileChange[];
  others: FileChange[];
  /** Not all changes are in it: what it has not may have changed all the same. */
  partial: boolean;
  /** For {@link changeOf}. */
  programs: Programs;
}

interface Programs {
  byPath: Map<string, FileChange['kind']>;
  byHash: Map<string, FileChange['kind']>;
}

/** Reads node/filesystem.ndjson. */
export function tallyChanges(file: Part): ChangeTally {
  const counts = Object.fromEntries(
    CHANGE_KINDS.map((kind) => [kind, { executables: 0, others: 0 }]),
  ) as ChangeTally['counts'];
  const executables: FileChange[] = [];
  const others: FileChange[] = [];
  const programs: Programs = { byPath: new Map(), byHash: new Map() };
  const read = readLines(file, FileChangeSchema, MAX_LINES, (change) => {
    counts[change.kind][change.executable ? 'executables' : 'others'] += 1;
    const list = change.executable ? executables : others;
    if (list.length < MAX_LISTED) list.push(change);
    remember(programs, change);
  });
  const partial = read.more || read.bad > 0 || file.lacking.length > 0;
  const rest = others.slice(0, MAX_LISTED - executables.length);
  return { ...read, counts, executables, others: rest, partial, programs };
}

/** The kind of the change by which a program is not what the image has, if it is listed as one. */
export function changeOf(
  { byPath, byHash }: Programs,
  program: { containerId: string; path: string; sha256?: string | undefined },
): FileChange['kind'] | undefined {
  const here = byPath.get(`${program.containerId}\n${program.path}`);
  if (here) return here;
  return program.sha256 === undefined ? undefined : byHash.get(`${program.containerId}\n${program.sha256}`);
}

// A file of an image whose mode or owner alone changed holds what the image holds.
function remember({ byPath, byHash }: Programs, change: FileChange): void {
  const isNew = change.kind === 'Added' || change.kind === 'Modified';
  // All of them, as many as there are: whoever is in a container can make a heap of others first.
  if (!isNew || change.type !== 'File') return;
  if (change.where === 'Root') byPath.set(`${change.containerId}\n${change.path}`, change.kind);
  if (change.sha256 !== undefined) byHash.set(`${change.containerId}\n${change.sha256}`, change.kind);
}
