// Trees of files in a temporary folder, and what is found in them.
import { spawnSync } from 'node:child_process';
import { closeSync, lstatSync, mkdirSync, mkdtempSync, openSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { FileChange } from '../../../../src/api/file-change.ts';
import {
  readChanges,
  type ReadGiven,
  type Tree,
} from '../../../../src/helpers/programs/capture/changes-read.ts';
import { startProgress } from '../../../../src/helpers/programs/capture/walk-progress.ts';

/** Names to contents: a text is a file, an object a folder; see {@link link} and {@link WHITEOUT}. */
export interface Content {
  [name: string]: string | Content | Special;
}
export type Special = { link: string } | typeof WHITEOUT;
export const WHITEOUT = Symbol('whiteout');
export const IS_ROOT = process.getuid?.() === 0;
/** Whiteouts are devices, which takes root to make. */
export const CAN_WHITEOUT = IS_ROOT && canMakeDevices();

/** Number of a user who owns nothing. */
export const NOBODY = 65_534;

/** Does it without the rights of root, whoever runs the tests. */
export async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (!IS_ROOT) return work();
  process.seteuid?.(NOBODY);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

/** A folder of its own; `remove` takes it away, however deep it is. */
export function temporary(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'die-operator-tree-'));
  return { path, remove: () => run('rm', '-rf', path) };
}

export function make(folder: string, content: Content): string {
  mkdirSync(folder, { recursive: true });
  for (const [name, what] of Object.entries(content)) {
    const path = join(folder, name);
    if (typeof what === 'string') writeFileSync(path, what);
    else if (what === WHITEOUT) device(path, 0, 0);
    else if (isLink(what)) symlinkSync(what.link, path);
    else make(path, what);
  }
  return folder;
}

function isLink(what: Content | { link: string }): what is { link: string } {
  return typeof what['link'] === 'string';
}

/** A character device. */
export function device(path: string, major: number, minor: number): void {
  mkdirSync(dirname(path), { recursive: true });
  run('mknod', path, 'c', `${major}`, `${minor}`);
}

/** Directories within each other, deeper than a path can tell. */
export function nest(folder: string, name: string, depth: number): void {
  const steps = `for (let n = 0; n < ${depth}; n += 1) { fs.mkdirSync('${name}'); process.chdir('${name}'); }`;
  run(process.execPath, '-e', `process.chdir(${JSON.stringify(folder)}); ${steps}`);
}

export function run(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}

function canMakeDevices(): boolean {
  const { path, remove } = temporary();
  try {
    device(join(path, 'x'), 0, 0);
    return lstatSync(join(path, 'x')).isCharacterDevice();
  } catch {
    return false;
  } finally {
    remove();
  }
}

export const OWNER = { container: 'web', containerId: 'a'.repeat(64), where: 'Root' as const };

export interface Given extends Partial<Pick<Tree, 'view' | 'mountPoints'>> {
  where?: 'Root' | 'EmptyDir';
  lowers?: readonly string[];
  maxEntries?: number;
  maxFileBytes?: number;
  signal?: AbortSignal;
  keep?: ReadGiven['keep'];
}

/** All changes of a tree, and the problems. */
export async function changesOf(
  upper: string,
  given: Given = {},
): Promise<{ changes: FileChange[]; problems: string[] }> {
  const { lowers = [], maxEntries = 1_000_000, maxFileBytes = 1_000_000, view, where = 'Root' } = given;
  const { signal = new AbortController().signal, keep = () => ({}), mountPoints = new Set<string>() } = given;
  const fds = [upper, ...lowers].map((path) => openSync(path, 'r'));
  const [first = -1, ...rest] = fds;
  const tree: Tree = {
    owner: { ...OWNER, where },
    prefix: '',
    upper: first,
    lowers: rest,
    view,
    mountPoints,
  };
  const progress = startProgress(maxEntries, signal);
  const changes: FileChange[] = [];
  try {
    for await (const change of readChanges(tree, { progress, reading: { ...progress, maxFileBytes }, keep }))
      changes.push(change);
  } finally {
    for (const fd of fds) closeSync(fd);
  }
  return { changes, problems: progress.problems() };
}

/** The change at a path. @throws when there is none */
export function at(changes: readonly FileChange[], path: string): FileChange {
  const found = changes.find((change) => change.path === path);
  if (!found) throw new Error(`no change at ${path}: ${changes.map((change) => change.path).join(' ')}`);
  return found;
}

/** `kind path`, for short comparisons. */
export function short(changes: readonly FileChange[]): string[] {
  return changes.map(({ kind, path }) => `${kind} ${path}`).toSorted();
}
