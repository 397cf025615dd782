// Processes that tests start: told apart by pid and start time, logged to a file, ended for certain.
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Names one process for ever: a pid alone is given again to another one. */
export interface ProcessId {
  pid: number;
  /** In the system's own form; only good for comparing. */
  startedAt: string;
}

/** A server that runs in the background. */
export interface Daemon {
  readonly name: string;
  readonly id: ProcessId;
  /** How it ended, in words, or undefined while it runs. */
  ended(): string | undefined;
  /** The last lines of its log. */
  logTail(lines?: number): string;
  /** Ends it at once and waits until it is gone. */
  kill(): Promise<void>;
}

const LOG_LINES = 15;

/** When the process with that pid started, or undefined if there is none (or only its remains). */
export function startTime(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux') {
      return execFileSync('ps', ['-o', 'lstart=', '-p', `${pid}`], { encoding: 'utf8' }).trim() || undefined;
    }
    // proc(5): the name, field 2, may hold spaces and brackets; field 3 is the state, 20 the threads, 22 the start.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, threads, start] = [fields[0], fields[20 - 3], fields[22 - 3]];
    // A zombie with threads still holds its ports and files.
    return state === 'Z' && Number(threads) <= 1 ? undefined : start;
  } catch {
    return undefined;
  }
}

/** The calling process. */
export function ownId(): ProcessId {
  return { pid: process.pid, startedAt: startTime(process.pid) ?? '' };
}

/** Whether exactly that process still runs. */
export function isAlive(id: ProcessId): boolean {
  return startTime(id.pid) === id.startedAt;
}

/** Sends KILL if exactly that process still runs. The servers of a test have nothing to save. */
export function killNow(id: ProcessId): void {
  if (isAlive(id)) process.kill(id.pid, 'SIGKILL');
}

/** Kills it and waits until it is gone. */
export async function killAndWait(id: ProcessId): Promise<void> {
  killNow(id);
  while (isAlive(id)) await sleep(10);
}

/**
 * Starts a server whose output goes to `<folder>/<name>.log`, after what is there. It gets a process group of its own,
 * so that Ctrl-C reaches the test run first; the run then ends it. Rejects when the binary cannot be started.
 */
export async function startDaemon(
  name: string,
  command: string,
  args: readonly string[],
  folder: string,
): Promise<Daemon> {
  const logFile = join(folder, `${name}.log`);
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(command, args, { stdio: ['ignore', log, log], detached: true, cwd: folder });
  closeSync(log);
  let ended: string | undefined;
  child.on('exit', (code, signal) => (ended = signal ? `was ended by ${signal}` : `ended with code ${code}`));
  await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  child.unref();
  const { pid = 0 } = child;
  const id = { pid, startedAt: startTime(pid) ?? '' };
  return {
    name,
    id,
    ended: () => ended,
    logTail: (lines = LOG_LINES) =>
      readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n'),
    kill: () => killAndWait(id),
  };
}
