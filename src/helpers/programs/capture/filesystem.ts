// What is not as the image has it in the containers of a pod, and what lies in its emptyDir volumes, read on the node.
import { closeSync, openSync } from 'node:fs';
import { pathSegment } from '../../../evidence/path.ts';
import { messageOf } from '../../../evidence/error-message.ts';
import { READ_FLAGS } from '../../../evidence/files.ts';
import { deadline, timestamp } from '../../../kube/clock.ts';
import type { CaptureSink } from '../../capture-stream.ts';
import { changeLine } from './changes.ts';
import { readChanges, type Tree } from './changes-read.ts';
import type { NodeCollector, NodeContext } from './collector.ts';
import { createKeeper, type Keeper } from './filesystem-keep.ts';
import {
  openTree,
  podProcesses,
  type Finding,
  type NodeFolders,
  type OpenTree,
  type SoughtContainer,
} from './filesystem-trees.ts';
import { closeVolumes, emptyDirFolder, openVolumes } from './filesystem-volumes.ts';
import { parseMounts, readTable } from './layers-mounts.ts';
import { tarOf, type KeptFile } from './tar.ts';
import { shown, startProgress } from './walk-progress.ts';

const NAME = 'filesystem';
const LISTING = 'node/filesystem.ndjson';
const EMPTY_DIRS = 'emptydir';
/** Of the time of the collector; the rest is for the contents of what it found. */
const LISTING_SHARE = 0.6;
/** Bytes of the list of changes, for all containers: what goes on the wire besides contents has a limit of its own. */
const MAX_LISTING = 64 * 1024 * 1024;
const PIECE_BYTES = 64 * 1024;
/** Files that are named among those that changed before they could be kept. */
const MAX_NAMED = 5;

/** What tests replace. */
export interface FilesystemOptions {
  /** Bytes of the list of changes. */
  maxListing?: number;
}

/** See the file's first line. */
export function filesystemCollector(folders: NodeFolders, options: FilesystemOptions = {}): NodeCollector {
  const { maxListing = MAX_LISTING } = options;
  return { name: NAME, collect: (context, sink) => collect({ context, sink, maxListing }, folders) };
}

interface Run {
  context: NodeContext;
  sink: CaptureSink;
  maxListing: number;
  keeper: Keeper;
  trees: readonly Named[];
}

interface Named {
  what: string;
  tree: Tree;
}

type Given = Pick<Run, 'context' | 'sink' | 'maxListing'>;

async function collect(given: Given, folders: NodeFolders): Promise<void> {
  const { context, sink } = given;
  const opened: OpenTree[] = [];
  const problem = (message: string) => sink.problem(NAME, message);
  const { volumes, problems } = volumesOf(context, folders);
  problems.forEach(problem);
  try {
    const containers = openContainers(context, folders, { opened, problem });
    const trees = [...containers, ...volumes.map((tree) => ({ what: `emptyDir ${tree.prefix}`, tree }))];
    const keeper = createKeeper(context, archiveOf);
    const run = { ...given, keeper, trees };
    await list(run);
    keeper.problems().forEach(problem);
    for (const archive of new Set(trees.map(({ tree }) => archiveOf(tree)))) await keep(run, archive);
  } finally {
    for (const { close } of opened) close();
    closeVolumes(volumes);
  }
}

function archiveOf({ owner }: Tree): string {
  return owner.where === 'EmptyDir' ? EMPTY_DIRS : `changed-${pathSegment(owner.container)}`;
}

function volumesOf({ order, hostFolder }: NodeContext, { kubelet }: NodeFolders) {
  const path = emptyDirFolder(kubelet, order.podUid);
  const folder = hostFolder(path);
  if (folder !== undefined) return openVolumes(folder);
  return { volumes: [], problems: [`emptyDir volumes are not read: ${path} is not mounted here`] };
}

interface Opening {
  opened: OpenTree[];
  problem: (message: string) => void;
}

function openContainers(context: NodeContext, folders: NodeFolders, { opened, problem }: Opening) {
  const { order, proc, hostFolder } = context;
  const trees: Named[] = [];
  try {
    const mounts = nodeMounts(proc);
    const finding = { proc, hostFolder, folders, mounts, processes: podProcesses(proc, order.podUid) };
    // Where only an earlier container has ended, its mount points are those of the one that runs now.
    const living = order.containers.toSorted((one, other) => Number(one.ended) - Number(other.ended));
    for (const container of living) {
      const one = openOne(finding, container, problem);
      if (one === undefined) continue;
      opened.push(one);
      trees.push({ what: nameOf(container), tree: withMountPoints(one.tree, trees) });
    }
  } catch (error) {
    problem(`nothing of the containers could be read: ${messageOf(error)}`);
  }
  return trees;
}

function openOne(
  finding: Finding,
  container: SoughtContainer,
  problem: Opening['problem'],
): OpenTree | undefined {
  try {
    const tree = openTree(finding, container);
    for (const message of tree.problems) problem(`${nameOf(container)}: ${message}`);
    return tree;
  } catch (error) {
    problem(`${nameOf(container)} is not read: ${messageOf(error)}`);
    return undefined;
  }
}

function withMountPoints(tree: Tree, others: readonly { tree: Tree }[]): Tree {
  if (tree.view) return tree;
  const twin = others.find((other) => other.tree.view && other.tree.owner.container === tree.owner.container);
  return twin ? { ...tree, mountPoints: twin.tree.mountPoints } : tree;
}

function nameOf({ name, id, ended }: SoughtContainer): string {
  return `container ${name}${ended ? `, which has ended (${id.slice(0, 12)})` : ''}`;
}

function nodeMounts(proc: string) {
  const fd = openSync(`${proc}/1/mountinfo`, READ_FLAGS);
  try {
    return parseMounts(readTable(fd));
  } finally {
    closeSync(fd);
  }
}

async function list(run: Run): Promise<void> {
  const { clock, signal, order } = run.context;
  const time = deadline(clock, order.limits.deadlineMs * LISTING_SHARE, signal);
  try {
    await run.sink.file(head(run, LISTING, 'application/x-ndjson'), pieces(lines(run, time.signal)));
  } finally {
    time.done();
  }
}

/**
 * Entries left are shared out anew for each tree, and bytes for each container, so that none leaves nothing to those after
 * it. All volumes together count as one container, as do all that ran under one name.
 */
async function* lines(run: Run, signal: AbortSignal): AsyncGenerator<string> {
  const owners = [...Map.groupBy(run.trees, ({ tree }) => archiveOf(tree)).values()];
  let entries = run.context.order.limits.maxEntries;
  let bytes = run.maxListing;
  let treesLeft = run.trees.length;
  for (const [index, trees] of owners.entries()) {
    let share = Math.floor(bytes / (owners.length - index));
    bytes -= share;
    for (const [at, tree] of trees.entries()) {
      const room = {
        entries: Math.ceil(entries / treesLeft),
        bytes: Math.floor(share / (trees.length - at)),
      };
      const left = yield* linesOf(run, tree, room, signal);
      entries -= room.entries - left.entries;
      share -= room.bytes - left.bytes;
      treesLeft -= 1;
    }
    bytes += share;
  }
}

interface Room {
  entries: number;
  bytes: number;
}

/** @returns the room that is left. */
async function* linesOf(
  { context, keeper, sink }: Run,
  { what, tree }: Named,
  room: Room,
  signal: AbortSignal,
): AsyncGenerator<string, Room> {
  const progress = startProgress(room.entries, signal);
  const reading = { ...progress, maxFileBytes: context.order.limits.maxFileBytes };
  const cut = `the list ends before its end: of ${LISTING} ${room.bytes} bytes were left for it`;
  let { bytes } = room;
  for await (const change of readChanges(tree, { progress, reading, keep: keeper.keep })) {
    const line = changeLine(change);
    const length = Buffer.byteLength(line);
    if (length > bytes) {
      sink.problem(NAME, `${what}: ${cut}`);
      break;
    }
    bytes -= length;
    yield line;
  }
  for (const message of progress.problems()) sink.problem(NAME, `${what}: ${message}`);
  return { entries: progress.entriesLeft(), bytes };
}

async function* pieces(texts: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  let held: string[] = [];
  let length = 0;
  for await (const text of texts) {
    held.push(text);
    length += text.length;
    if (length < PIECE_BYTES) continue;
    yield Buffer.from(held.join(''));
    held = [];
    length = 0;
  }
  if (length > 0) yield Buffer.from(held.join(''));
}

async function keep(run: Run, archive: string): Promise<void> {
  const { keeper, sink, context } = run;
  const files = keeper.files(archive);
  if (files.length === 0) return;
  const path = `node/${archive}.tar`;
  const changed: string[] = [];
  let left = files.length;
  if (!context.signal.aborted) {
    left = 0;
    const given = {
      isOver: () => context.signal.aborted,
      changed: ({ name, path: real }: KeptFile, why: string) => {
        changed.push(`${name} (${shown(real)}) ${why}`);
      },
      left: (count: number) => (left = count),
    };
    await sink.file(head(run, path, 'application/x-tar'), tarOf(files, given));
  }
  if (left > 0)
    sink.problem(NAME, `${path}: ${left} of ${files.length} files are not in it, the time was over`);
  if (changed.length > 0) {
    const named = changed.slice(0, MAX_NAMED).join(', ');
    sink.problem(NAME, `${path}: ${changed.length} files are not as they were listed: ${named}`);
  }
}

function head({ context }: Run, path: string, contentType: string) {
  const source = 'the layers of the containers and the emptyDir volumes on the node';
  return { path, collector: NAME, contentType, source, collectedAt: timestamp(context.clock) };
}
