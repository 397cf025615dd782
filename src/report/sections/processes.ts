// The processes of the pod as its node showed them: who started whom, and which programs the image does not have.
import type { FileChange } from '../../api/file-change.ts';
import { ProcessRecordSchema, type ProcessRecord } from '../../api/process-record.ts';
import { captured, cutNote, listCutNote, NODE_COLLECTORS, partMissing } from '../captured.ts';
import { changeOf, type ChangeTally } from '../changes.ts';
import type { Source } from '../input.ts';
import type { Block, Inline, Section, TreeNode } from '../model.ts';
import { MAX_PROCESSES, processForest, type ProcessNode } from '../process-tree.ts';
import { readArray } from '../records.ts';
import { counted, grouped, utc } from '../visible.ts';
import { connections } from './sockets.ts';

/** Most records that a capture writes. */
const MAX_RECORDS = 65_536;
const MAX_ARGUMENTS = 300;

/** @param changes of the files, to compare programs with; undefined if there are none to compare with. */
export function processes(source: Source, changes: ChangeTally | undefined): Section {
  return {
    id: 'processes',
    title: 'Processes',
    blocks: [...treeOf(source, changes), ...connections(source)],
  };
}

function treeOf(source: Source, changes: ChangeTally | undefined): Block[] {
  const what = 'The processes of the pod';
  const file = captured(source, { file: 'processes', collectors: NODE_COLLECTORS, askedAs: 'Processes' });
  if ('missing' in file) return [{ kind: 'Missing', in: 'Evidence', what, why: file.missing }];
  const read = readArray(file.content, ProcessRecordSchema, MAX_RECORDS);
  if (!read) {
    const why = file.cut ? cutNote('processes') : 'node/processes.json is not a list in JSON.';
    return [{ kind: 'Missing', in: 'Evidence', what, why: [why] }];
  }
  const drifted = (process: ProcessRecord) => driftOf(process, changes).length > 0;
  const forest = processForest(read.records, drifted);
  const number = read.records.filter(drifted).length;
  const isRead = !read.cut && read.bad + read.more + file.lacking.length === 0;
  const isWhole = isRead && changes?.partial === false;
  return [
    {
      kind: 'Notice',
      tone: number > 0 ? 'Bad' : isWhole ? 'Plain' : 'Unknown',
      text: `${read.cut ? 'At least ' : ''}${counted(read.records.length, 'process', 'processes')} when the node was read; ${grouped(number)} of them ${number === 1 ? 'runs' : 'run'} a program that is deleted, was never a file, or is not what the image has.`,
    },
    ...partMissing('Some of the processes of the pod, or of what is known of them', file.lacking),
    ...notes({
      cut: read.cut ? listCutNote('processes', file) : undefined,
      bad: read.bad,
      left: read.more + forest.left,
      changes,
    }),
    { kind: 'Tree', roots: forest.roots.map((node) => treeNode(node, changes, undefined)) },
  ];
}

interface Noted {
  cut: string | undefined;
  bad: number;
  left: number;
  changes: ChangeTally | undefined;
}

function notes({ cut, bad, left, changes }: Noted): Block[] {
  const texts = [
    cut,
    changes
      ? undefined
      : 'The files of the containers are not there to compare with: a program that was added or changed, and not deleted, is not marked.',
    changes?.partial === true
      ? 'The files of the containers were not read in full: a program that was added or changed, and not deleted, may be unmarked.'
      : undefined,
    bad > 0 ? `${counted(bad, 'record')} could not be read and are left out.` : undefined,
    left > 0
      ? `${counted(left, 'more process', 'more processes')} are in node/processes.json; shown are at most ${MAX_PROCESSES}, those with drift first.`
      : undefined,
  ];
  return texts.flatMap((text) =>
    text === undefined ? [] : [{ kind: 'Notice', tone: 'Unknown', text } as const],
  );
}

const CHANGED: Readonly<Partial<Record<FileChange['kind'], string>>> = {
  Added: 'not in the image',
  Modified: 'not as in the image',
};

/** In which ways what a process runs is not what its image has. */
function driftOf({ executable, containerId }: ProcessRecord, changes: ChangeTally | undefined): string[] {
  const change = changes && changeOf(changes.programs, { containerId, ...executable });
  return [
    ...(executable.memfd ? ['in memory only (memfd)'] : []),
    ...(executable.deleted && !executable.memfd ? ['deleted'] : []),
    ...(change ? [CHANGED[change] ?? change] : []),
  ];
}

function treeNode(
  { process, children, depth }: ProcessNode,
  changes: ChangeTally | undefined,
  above: ProcessRecord | undefined,
): TreeNode {
  const drift = driftOf(process, changes);
  const { executable } = process;
  const text: Inline[] = [
    ...drift.map((word): Inline => ({ tag: word, tone: 'Bad' })),
    ...(process.container === above?.container ? [] : ['container', { code: process.container }]),
    { strong: String(process.pid) },
    { code: executable.path },
    'runs as',
    { code: process.args.join(' '), max: MAX_ARGUMENTS },
    `user ${process.uids[1] ?? process.uids[0] ?? 'not read'}, since ${utc(process.startedAt)}`,
    ...(drift.length > 0 ? hashOf(executable) : []),
    ...(depth > 10 ? [`(${depth} generations down)`] : []),
    ...(process.problems.length > 0 ? ['not all was read:', process.problems.join('; ')] : []),
  ];
  return {
    text,
    marked: drift.length > 0,
    children: children.map((child) => treeNode(child, changes, process)),
  };
}

function hashOf({ sha256, kept, problem }: ProcessRecord['executable']): Inline[] {
  if (sha256 === undefined) return ['SHA-256 not read:', problem ?? 'the capture does not say why'];
  return [
    'SHA-256',
    { code: sha256 },
    ...(kept === undefined ? ['(not kept)'] : ['kept as', { code: kept }]),
  ];
}
