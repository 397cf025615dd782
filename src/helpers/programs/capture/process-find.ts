// Finds the processes of a pod: those in the cgroups of its containers.
import { isGone, parseStat, pidOf, type ProcessStat } from '../proc-stat.ts';
import { whyNot, type ProcFiles } from './process-files.ts';

/** Entries of /proc that are looked at; Linux has no more PIDs. */
const MAX_ENTRIES = 4_194_304;
const MAX_CGROUP = 65_536;
const MAX_STAT = 4_096;
/** Threads among which one is looked for that still runs. */
const MAX_THREADS = 16;

/** A process of the pod as it is told from others. */
export interface FoundProcess {
  pid: number;
  /** Where it is read: its folder in /proc, or that of a thread, see {@link FoundProcess.leaderless}. */
  folder: string;
  /** Its first thread has ended and others run: the kernel then shows it as a zombie that has nothing. */
  leaderless: boolean;
  containerId: string;
  stat: ProcessStat;
  /** What it runs, as the link says; undefined where that cannot be read. */
  executable: string | undefined;
  /** Its network, as the link says. */
  network: string | undefined;
}

/** The container of a process, if it is one of the pod. @param cgroup content of /proc/PID/cgroup. */
export type InContainer = (cgroup: string, pid: number) => string | undefined;

/** Where and how processes are looked for. */
export interface Search {
  files: ProcFiles;
  proc: string;
  inContainer: InContainer;
  signal: AbortSignal;
}

/** Two with the same key are one process, also when its PID is used again. */
export function keyOf({ pid, stat }: FoundProcess): string {
  return `${pid}:${stat.startTicks}`;
}

/** All processes of the pod at this time, the oldest first. @returns `problems` say which could not be looked at. */
export async function findProcesses(search: Search): Promise<{ found: FoundProcess[]; problems: string[] }> {
  const { names } = await search.files.names(search.proc, MAX_ENTRIES);
  const found: FoundProcess[] = [];
  const refused: string[] = [];
  for (const pid of names.flatMap((name) => pidOf(name) ?? [])) {
    if (search.signal.aborted) break;
    try {
      const seen = await look(search, pid);
      if (seen?.found) found.push(seen.found);
    } catch (error) {
      refused.push(`${pid} (${whyNot(error)})`);
    }
  }
  const some = refused.slice(0, 8).join(', ');
  const message = `${refused.length} processes of the node could not be looked at, some may be the pod's: ${some}`;
  return {
    found: found.toSorted((one, other) => one.stat.startTicks - other.stat.startTicks || one.pid - other.pid),
    problems: refused.length > 0 ? [message] : [],
  };
}

/** What has a PID now. */
export interface Look {
  stat: ProcessStat;
  /** Undefined where it is not of the pod. */
  found: FoundProcess | undefined;
}

/** The process that has a PID now; undefined if there is none. @throws the errors of node:fs, except when it has ended. */
export async function look(search: Search, pid: number): Promise<Look | undefined> {
  const { files, inContainer, proc } = search;
  try {
    const stat = parseStat(await text(files, `${proc}/${pid}/stat`, MAX_STAT));
    if (!stat) return undefined;
    const thread = stat.state === 'Z' ? await runningThread(search, pid) : undefined;
    const folder = thread ?? `${proc}/${pid}`;
    // With cgroup v1 a first thread that has ended is shown in no container.
    const containerId = inContainer(await text(files, `${folder}/cgroup`, MAX_CGROUP), pid);
    if (containerId === undefined) return { stat, found: undefined };
    const executable = await files.link(`${folder}/exe`).catch(() => undefined);
    const network = await files.link(`${folder}/ns/net`).catch(() => undefined);
    const leaderless = thread !== undefined;
    return { stat, found: { pid, folder, leaderless, containerId, stat, executable, network } };
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

async function runningThread({ files, proc }: Search, pid: number): Promise<string | undefined> {
  const { names } = await files.names(`${proc}/${pid}/task`, MAX_THREADS);
  for (const name of names) {
    const folder = `${proc}/${pid}/task/${name}`;
    const stat = await text(files, `${folder}/stat`, MAX_STAT).catch(() => '');
    if (!/^[ZX]$/.test(parseStat(stat)?.state ?? 'X')) return folder;
  }
  return undefined;
}

async function text(files: ProcFiles, path: string, maxBytes: number): Promise<string> {
  return (await files.read(path, maxBytes)).bytes.toString('utf8');
}
