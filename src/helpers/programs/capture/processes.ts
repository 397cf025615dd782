// The collector of what runs: processes, sockets, environments, mounts and executables of a pod, the most volatile first.
import { timestamp } from '../../../kube/clock.ts';
import type { CaptureSink } from '../../capture-stream.ts';
import { containerOf } from '../netns-cgroup.ts';
import type { NodeCollector, NodeContext } from './collector.ts';
import { environments } from './environment.ts';
import { hashAll, keepExecutable } from './executables-keep.ts';
import { executables, withExecutable, type ReadLimits } from './executables.ts';
import { readMounts } from './mounts.ts';
import { patience, procFiles, whyNot, type ProcFiles } from './process-files.ts';
import type { InContainer } from './process-find.ts';
import { jsonLines } from './process-json.ts';
import { bootTime } from './process-parse.ts';
import type { Reader } from './process-pieces.ts';
import type { ReadProcess } from './process-read.ts';
import { readAll, type Everything } from './process-rounds.ts';
import { addHolder, heldSockets, type Holders } from './sockets.ts';

const NAME = 'processes';
const MAX_STAT = 16_777_216;
/** Of command lines and names of open files, in all processes together; two bytes each where they are not plain. */
const MAX_CHARACTERS = 16_777_216;
/** Open files that are looked at, of all processes together. */
const MAX_LINKS = 262_144;

/** What tests replace. */
export interface ProcessesOptions {
  files?: ProcFiles;
  inContainer?: InContainer;
}

/** The collector; see the file's first line. */
export function processesCollector(options: ProcessesOptions = {}): NodeCollector {
  return { name: NAME, collect: (context, sink) => collectProcesses(context, sink, options) };
}

async function collectProcesses(
  context: NodeContext,
  sink: CaptureSink,
  { files = procFiles, inContainer }: ProcessesOptions,
): Promise<void> {
  const { order, proc, signal, clock } = context;
  const reader: Reader = {
    files,
    proc,
    signal,
    inContainer: inContainer ?? ((cgroup) => containerOf(cgroup, order.podUid)),
    patience: patience(clock),
    bootedAt: 0,
    containers: new Map(order.containers.map(({ id, name }) => [id, name])),
    executables: executables(),
    environments: environments(),
    room: { characters: MAX_CHARACTERS, links: MAX_LINKS },
  };
  try {
    const bootedAt = await readBootTime(reader).catch((error: unknown) => {
      sink.problem(NAME, `the times at which processes started are not known: ${whyNot(error)}`);
      return 0;
    });
    const everything = await readAll({ ...reader, bootedAt }, order.limits.maxProcesses);
    for (const problem of everything.problems) sink.problem(NAME, problem);
    tellMissing(context, everything.processes, sink);
    await send(reader, context, everything, sink);
  } finally {
    reader.executables.close();
  }
}

async function readBootTime({ files, proc }: Reader): Promise<number> {
  const time = bootTime((await files.read(`${proc}/stat`, MAX_STAT)).bytes.toString('utf8'));
  if (time === undefined) throw new Error(`${proc}/stat does not say when the node started`);
  return time;
}

/** A container without a process, and time that is over, would otherwise look like nothing being there. */
function tellMissing({ order, signal }: NodeContext, all: readonly ReadProcess[], sink: CaptureSink): void {
  const seen = new Set(all.map(({ found }) => found.containerId));
  for (const { name, id, ended } of order.containers)
    if (!ended && !seen.has(id)) sink.problem(NAME, `no process of container ${name} (${id}) was found`);
  const incomplete = all.filter((one) => one.incomplete).length;
  if (incomplete > 0) {
    const which = 'node/processes.json says what of which, and why';
    sink.problem(NAME, `of ${all.length} processes ${incomplete} could not be read in full; ${which}`);
  }
  if (signal.aborted) sink.problem(NAME, 'the time for it was over before all processes were read');
}

async function send(
  reader: Reader,
  context: NodeContext,
  { processes, sockets, nodeNetwork, found }: Everything,
  sink: CaptureSink,
): Promise<void> {
  const { order, signal, clock } = context;
  const collectedAt = timestamp(clock);
  const head = (path: string, source: string, contentType = 'application/json') => {
    return { path, source, contentType, collector: NAME, collectedAt };
  };
  const holders: Holders = new Map();
  for (const { record, sockets: inodes } of processes) addHolder(holders, record.pid, inodes);
  const held = heldSockets(sockets, holders, nodeNetwork);
  const left = held.length < sockets.length ? ' (of the network of the node only what the pod holds)' : '';
  const { mounts, problems } = await readMounts(reader, found, reader.containers);
  await sink.file(head('node/sockets.json', `/proc/PID/net of each network${left}`), jsonLines(held));
  await sink.file(
    head('node/environment.json', '/proc/PID/environ of each process'),
    jsonLines(reader.environments.all()),
  );
  for (const { path, source, bytes } of mounts) await sink.file(head(path, source, 'text/plain'), [bytes]);
  for (const problem of problems) sink.problem(NAME, problem);
  // What is only on disk, or held by an opening, can wait for the above.
  const { maxFileBytes } = order.limits;
  const limits: ReadLimits = { patience: reader.patience, signal, maxFileBytes };
  const kept = await hashAll(reader.executables.all(), context, limits);
  tellUnhashed(reader, sink);
  // The list goes before the contents, so that it is there when these take too long. What it names as kept and does not
  // arrive is a problem.
  const records = processes.map(({ record, executable }) => withExecutable(record, executable));
  const source = '/proc of the node, processes in the cgroups of the pod';
  await sink.file(head('node/processes.json', source), jsonLines(records));
  for (const executable of kept) await keepExecutable(executable, context, sink, limits);
}

function tellUnhashed(reader: Reader, sink: CaptureSink): void {
  const failed = reader.executables.all().filter(({ problem }) => problem !== undefined);
  const [first] = failed;
  if (first)
    sink.problem(
      NAME,
      `${failed.length} executables were not hashed or not kept, see node/processes.json. The first, of process ${first.pid}: ${first.problem}`,
    );
}
