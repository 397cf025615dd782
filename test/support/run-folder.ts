// The folder of one control plane: who made it and which processes belong to it, so that a killed run can be cleaned up.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive, killAndWait, killNow, ownId, type ProcessId } from './processes.ts';

const PREFIX = 'die-operator-api-';
const LOCK = 'run.json';
/** A folder without a lock file is being made right now, unless it is older than this. */
const MAKING_MS = 60_000;
/** A killed server may write its last file while the folder is being removed: tried again then. */
const REMOVAL = { recursive: true, force: true, maxRetries: 10, retryDelay: 50 };

/** Content of the lock file. */
interface Run {
  /** Pids mean nothing on another machine that shares the folder. */
  host: string;
  owner: ProcessId;
  processes: ProcessId[];
}

/** See the file's first line. */
export interface RunFolder {
  readonly path: string;
  /** Records a process that must not outlive the folder. */
  adopt(id: ProcessId): void;
  /** Kills every adopted process, waits until they are gone, removes the folder. May be called twice. */
  remove(): Promise<void>;
}

/**
 * Makes a folder that only this user can read. However this process ends, short of KILL, the adopted processes end with
 * it; after a KILL the next call of {@link endStaleRuns} ends them, and removes a folder that was left.
 */
export function createRunFolder(): RunFolder {
  const path = mkdtempSync(join(tmpdir(), PREFIX));
  const run: Run = { host: hostname(), owner: ownId(), processes: [] };
  const save = () => writeFileSync(join(path, LOCK), JSON.stringify(run), { mode: 0o600 });
  save();
  const stopListening = onEndOfProcess(() => {
    run.processes.forEach(killNow);
    rmSync(path, REMOVAL);
  });
  return {
    path,
    adopt: (id) => {
      run.processes.push(id);
      save();
    },
    remove: async () => {
      await Promise.all(run.processes.map(killAndWait));
      stopListening();
      rmSync(path, REMOVAL);
    },
  };
}

/** Ends what killed runs left behind on this machine, and removes their folders. Returns these. */
export async function endStaleRuns(): Promise<string[]> {
  const folders = readdirSync(tmpdir()).filter((name) => name.startsWith(PREFIX));
  const stale: string[] = [];
  for (const folder of folders.map((name) => join(tmpdir(), name))) {
    const run = readRun(folder);
    if (run === 'alive') continue;
    await Promise.all(run.map(killAndWait));
    rmSync(folder, REMOVAL);
    stale.push(folder);
  }
  return stale;
}

/** The processes of a stale folder, or `alive`: hands off. */
function readRun(folder: string): ProcessId[] | 'alive' {
  try {
    const { uid, mtimeMs } = statSync(folder);
    if (uid !== process.getuid?.()) return 'alive';
    const text = readText(join(folder, LOCK));
    if (text === undefined) return Date.now() - mtimeMs < MAKING_MS ? 'alive' : [];
    const run = JSON.parse(text) as Run;
    return run.host !== hostname() || isAlive(run.owner) ? 'alive' : run.processes;
  } catch {
    // It vanished, or is half written: another run is at work on it.
    return 'alive';
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Calls `fn` when this process exits or is told to by INT, TERM or HUP. Returns a function that stops that. */
function onEndOfProcess(fn: () => void): () => void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const onSignal = (signal: NodeJS.Signals) => {
    fn();
    stop();
    // Nobody else handles it, so it does what it does by default.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  const stop = () => {
    process.off('exit', fn);
    for (const signal of signals) process.off(signal, onSignal);
  };
  process.on('exit', fn);
  for (const signal of signals) process.on(signal, onSignal);
  return stop;
}
