// The one cluster of this machine, on record before anything of it exists: whoever comes next can take down what a killed
// run left.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withFileLock } from '../../support/file-lock.ts';
import { isAlive, type ProcessId } from '../../support/processes.ts';
import type { ClusterAccess } from '../../support/cluster-access.ts';
import type { ImageReferences } from './images.ts';
import { BASE, type Places } from './places.ts';

/** See the file's first line. */
export interface ClusterRecord {
  readonly places: Places;
  /** While it lives, the cluster is in use: the test run, or for `make e2e-up` the node itself. */
  holder: ProcessId;
  /** All that run outside the node, and the one with which everything inside it ends. */
  readonly processes: ProcessId[];
  /** Once it is up: the first process of the node, as the host numbers it, and the way to the API server. */
  ready?: { init: ProcessId; access: ClusterAccess; images: ImageReferences };
}

const FILE = join(BASE, 'cluster.json');
/** Not below {@link BASE}, which is removed with the cluster. */
const LOCK = '/run/lock/die-operator-e2e.lock';

/** Runs `work` while no other process of this machine sets up or takes down a cluster. */
export function exclusively<T>(onWait: () => void, work: () => Promise<T>): Promise<T> {
  mkdirSync('/run/lock', { recursive: true });
  return withFileLock(LOCK, onWait, work);
}

/** The cluster on record, or undefined. Rejects what is no record: then a person has to look. */
export function readRecord(): ClusterRecord | undefined {
  let text: string;
  try {
    text = readFileSync(FILE, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  return JSON.parse(text) as ClusterRecord;
}

/** Whether the one that the cluster is for still runs. */
export function isHeld(record: ClusterRecord): boolean {
  return isAlive(record.holder);
}

/** Replaces the record as one act: a reader sees the old one or the new one. */
export function writeRecord(record: ClusterRecord): void {
  mkdirSync(BASE, { recursive: true, mode: 0o700 });
  writeFileSync(`${FILE}.new`, JSON.stringify(record, undefined, 2), { mode: 0o600 });
  renameSync(`${FILE}.new`, FILE);
}

/** After this there is no cluster. */
export function removeRecord(): void {
  // A process that was killed may still be writing its last file.
  rmSync(BASE, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}
