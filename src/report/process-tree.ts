// Who started whom: a forest of the processes of a pod, as large as people read, with drift in it whatever its size.
import type { ProcessRecord } from '../api/process-record.ts';

/** Processes that are shown. */
export const MAX_PROCESSES = 500;
/** Deeper ones are shown at this depth, since a page is only so wide. */
const MAX_DEPTH = 10;

/** One process in the forest. */
export interface ProcessNode {
  process: ProcessRecord;
  /** Generations below the first process that is known. */
  depth: number;
  children: ProcessNode[];
}

/** See the file's first line. */
export interface ProcessForest {
  roots: ProcessNode[];
  shown: number;
  /** Processes that found no room, none of them `wanted` unless more than {@link MAX_PROCESSES} are. */
  left: number;
}

/**
 * The forest, in the order of PIDs. Records may contradict each other: each is shown once whatever they say.
 * @param wanted is shown first where there is no room for all, with the processes that it descends from.
 */
export function processForest(
  processes: readonly ProcessRecord[],
  wanted: (process: ProcessRecord) => boolean,
): ProcessForest {
  const byPid = new Map(processes.map((process) => [process.pid, process]));
  const unique = [...byPid.values()].toSorted((a, b) => a.pid - b.pid);
  const kept = choose(unique, byPid, wanted);
  const placed = new Map<number, ProcessNode>();
  const roots: ProcessNode[] = [];
  for (const first of unique.filter(({ pid }) => kept.has(pid)))
    for (const process of lineage(first, byPid, kept, placed).toReversed()) place(process, placed, roots);
  return { roots, shown: placed.size, left: processes.length - placed.size };
}

function place(process: ProcessRecord, placed: Map<number, ProcessNode>, roots: ProcessNode[]): void {
  const parent = placed.get(process.ppid);
  const node: ProcessNode = { process, depth: parent ? parent.depth + 1 : 0, children: [] };
  placed.set(process.pid, node);
  (parent ? siblings(parent, placed) : roots).push(node);
}

// Below the greatest depth a process stands beside its parent.
function siblings(parent: ProcessNode, placed: ReadonlyMap<number, ProcessNode>): ProcessNode[] {
  if (parent.depth < MAX_DEPTH) return parent.children;
  let above = parent;
  while (above.depth >= MAX_DEPTH) above = placed.get(above.process.ppid) ?? { ...above, depth: 0 };
  return above.children;
}

/** The process and those that it descends from, up to one that is placed, is not kept, or was met already (a circle). */
function lineage(
  first: ProcessRecord,
  byPid: ReadonlyMap<number, ProcessRecord>,
  kept: ReadonlySet<number>,
  placed: ReadonlyMap<number, ProcessNode>,
): ProcessRecord[] {
  const line: ProcessRecord[] = [];
  const met = new Set<number>();
  for (
    let next: ProcessRecord | undefined = first;
    next && kept.has(next.pid) && !placed.has(next.pid) && !met.has(next.pid);
    next = byPid.get(next.ppid)
  ) {
    met.add(next.pid);
    line.push(next);
  }
  return line;
}

function choose(
  processes: readonly ProcessRecord[],
  byPid: ReadonlyMap<number, ProcessRecord>,
  wanted: (process: ProcessRecord) => boolean,
): Set<number> {
  const kept = new Set<number>();
  const keep = (process: ProcessRecord | undefined): void => {
    for (
      let next = process;
      next && kept.size < MAX_PROCESSES && !kept.has(next.pid);
      next = byPid.get(next.ppid)
    )
      kept.add(next.pid);
  };
  for (const process of processes.filter(wanted)) keep(process);
  for (const process of processes) keep(process);
  return kept;
}
