// Reads the pieces of what is known about a process. Whether they all are of the same process, process-read.ts tells.
import type { ProcessRecord } from '../../../api/process-record.ts';
import { isGone } from '../proc-stat.ts';
import type { Environments } from './environment.ts';
import { openExecutable, type Executable, type Executables } from './executables.ts';
import { cut, whyNot, type Beginning, type Patience } from './process-files.ts';
import type { FoundProcess, Search } from './process-find.ts';
import { readOpenFiles, type OpenFiles, type Room } from './process-open-files.ts';
import {
  MAX_TEXT,
  parseArgs,
  parseExecutable,
  parseStatus,
  startTime,
  type ProcessStatus,
} from './process-parse.ts';

const MAX_STATUS = 65_536;
/** Of a command line, in bytes. */
const MAX_CMDLINE = 131_072;
/** Of a record. */
export const MAX_PROBLEMS = 16;
const NAMESPACES = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts'];

/** What reading of processes shares. */
export interface Reader extends Search {
  patience: Patience;
  /** Milliseconds since the epoch. */
  bootedAt: number;
  /** Names of containers by their ID. */
  containers: ReadonlyMap<string, string>;
  executables: Executables;
  environments: Environments;
  room: Room;
}

/** What was read of a process before it is certain that it all is of this process. */
export interface Pieces {
  found: FoundProcess;
  record: ProcessRecord;
  executable: Executable | undefined;
  environ: Beginning | undefined;
  sockets: number[];
}

/** A record of nothing but how a process was found: all else may be of the process that has its PID now. */
export function bareRecord(reader: Reader, found: FoundProcess, problem: string): ProcessRecord {
  return {
    ...identityOf(reader, found),
    args: [],
    executable: parseExecutable(found.executable ?? ''),
    ...parseStatus(''),
    namespaces: {},
    openFiles: [],
    moreOpenFiles: 0,
    problems: [problem],
  };
}

function identityOf(
  reader: Reader,
  { pid, containerId, stat }: FoundProcess,
): Pick<
  ProcessRecord,
  'container' | 'containerId' | 'pid' | 'ppid' | 'startTicks' | 'startedAt' | 'name' | 'state'
> {
  const { ppid, startTicks, name, state } = stat;
  const container = reader.containers.get(containerId) ?? '';
  const startedAt = startTime(reader.bootedAt, startTicks);
  const words = { name: cut(name, 64), state: cut(state, 8) };
  return { container, containerId, pid, ppid, startTicks, startedAt, ...words };
}

/** Reads a piece; why it was not read is noted, except that the process has ended, which shows at the end. */
type Attempt = <T>(what: string, read: () => Promise<T>) => Promise<T | undefined>;

/** Reads them; what cannot be read is among the problems of the record. */
export async function readPieces(reader: Reader, found: FoundProcess): Promise<Pieces> {
  const problems: string[] = [];
  const attempt: Attempt = async (what, read) => {
    try {
      return await read();
    } catch (error) {
      if (!isGone(error)) problems.push(cut(`${what}: ${whyNot(error)}`, 512));
      return undefined;
    }
  };
  const { folder } = found;
  const link = (name: string) =>
    attempt(name, async () => cut(await reader.files.link(`${folder}/${name}`), MAX_TEXT));
  const status = await attempt('status', () => readStatus(reader, folder));
  const namespaces = await readNamespaces(link);
  const [cwd, root] = [await link('cwd'), await link('root')];
  const files = (await attempt('open files', () => readOpenFiles(reader, folder))) ?? NO_FILES;
  // From here on the process can leave a reader without an answer.
  const executable = await readExecutable(reader, found);
  const args = await readArgs(reader, folder, attempt);
  const environ = await readEnviron(reader, folder, attempt);
  problems.push(...files.problems, ...args.problems);
  if (environ?.more) problems.push('environment: longer than what is kept of it');
  const record: ProcessRecord = {
    ...identityOf(reader, found),
    args: args.args,
    executable: executable.record,
    ...(cwd !== undefined && { cwd }),
    ...(root !== undefined && { root }),
    ...(status ?? parseStatus('')),
    namespaces,
    openFiles: files.openFiles,
    moreOpenFiles: files.moreOpenFiles,
    problems: problems.slice(0, MAX_PROBLEMS),
  };
  return { found, record, executable: executable.file, environ, sockets: files.sockets };
}

const NO_FILES: OpenFiles = { openFiles: [], moreOpenFiles: 0, sockets: [], problems: [] };

async function readStatus({ files }: Reader, folder: string): Promise<ProcessStatus> {
  return parseStatus((await files.read(`${folder}/status`, MAX_STATUS)).bytes.toString('utf8'));
}

async function readNamespaces(
  link: (name: string) => Promise<string | undefined>,
): Promise<Record<string, string>> {
  const namespaces: Record<string, string> = {};
  for (const kind of NAMESPACES) {
    const target = await link(`ns/${kind}`);
    if (target !== undefined) namespaces[kind] = cut(target, 64);
  }
  return namespaces;
}

async function readExecutable(
  reader: Reader,
  { pid, folder, executable: link, stat }: FoundProcess,
): Promise<{ record: ProcessRecord['executable']; file?: Executable }> {
  const parsed = parseExecutable(link ?? '');
  if (link === undefined && stat.state === 'Z') return { record: parsed };
  try {
    const file = await openExecutable(reader, `${folder}/exe`, { pid, nameless: parsed.deleted });
    return { record: parsed, file };
  } catch (error) {
    return { record: isGone(error) ? parsed : { ...parsed, problem: cut(whyNot(error), 512) } };
  }
}

async function readArgs(
  reader: Reader,
  folder: string,
  attempt: Attempt,
): Promise<{ args: string[]; problems: string[] }> {
  const { files, patience, room } = reader;
  const max = Math.min(MAX_CMDLINE, Math.max(0, room.characters));
  const cmdline = await attempt('command line', () => patience(() => files.read(`${folder}/cmdline`, max)));
  if (!cmdline) return { args: [], problems: [] };
  const { args, isCut } = parseArgs(cmdline.bytes);
  room.characters -= args.reduce((sum, arg) => sum + arg.length, 0);
  return { args, problems: isCut || cmdline.more ? ['command line: longer than what is kept of it'] : [] };
}

async function readEnviron(
  { files, patience, environments }: Reader,
  folder: string,
  attempt: Attempt,
): Promise<Beginning | undefined> {
  const read = () => files.read(`${folder}/environ`, environments.room());
  return attempt('environment', () => patience(read));
}
