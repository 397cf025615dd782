// Runs a program in a network that is open as a descriptor.
import { spawn } from 'node:child_process';

/** How a program ended. */
export interface Ended {
  /** Null: it was killed, or could not be started. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a program in the network behind `fd`, for so many milliseconds at most. Resolves whatever becomes of it. */
export type RunInside = (
  fd: number,
  command: readonly string[],
  input?: string,
  withinMs?: number,
) => Promise<Ended>;

/** Where images have these programs. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const TIMEOUT_MS = 10_000;
const MAX_OUTPUT = 64 * 1024;

/** {@link RunInside} by nsenter of util-linux, without a shell. The program sees no other variable than PATH. */
export function runInside(
  fd: number,
  command: readonly string[],
  input = '',
  withinMs = TIMEOUT_MS,
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn('nsenter', ['--net=/proc/self/fd/3', '--', ...command], {
      stdio: ['pipe', 'pipe', 'pipe', fd],
      env: { PATH },
      timeout: withinMs,
      killSignal: 'SIGKILL',
    });
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name]?.on('data', (data: Buffer) => {
        said[name] = (said[name] + data.toString('utf8')).slice(0, MAX_OUTPUT);
      });
    child.once('error', ({ message }) => resolve({ ...said, code: null, stderr: message }));
    child.once('close', (code) => resolve({ ...said, code }));
    // A program that ends before it has read all says why.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}
