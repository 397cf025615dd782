// `die-operator run` as a process of its own: started, signalled, ended, and read by its log.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startTime, type ProcessId } from './processes.ts';

/** Where a program listens. */
export interface Addresses {
  /** URL of the probes. */
  readonly probes: string;
  /** URL of the intake, if it is a receiver. */
  readonly intake?: string;
}

/** A program from the moment of its start. */
export interface Program {
  readonly id: ProcessId;
  /** What it has logged, a line each. */
  readonly log: readonly string[];
  /** Resolves when it says where it listens; rejects with its log if it ends before. */
  readonly addresses: Promise<Addresses>;
  /** Its exit code, or what killed it. */
  readonly exit: Promise<number | NodeJS.Signals | null>;
  /** Sends it that signal if it still runs. */
  signal(name: NodeJS.Signals): void;
  /** Does so and waits for its end. */
  end: (name: NodeJS.Signals) => Promise<number | NodeJS.Signals | null>;
}

const PROGRAM = join(import.meta.dirname, '../../bin/die-operator.js');

/** Starts it with these arguments; a kubeconfig tells which API server it is for. */
export function startProgram(args: readonly string[], kubeconfig: string): Program {
  const env = { ...process.env, KUBECONFIG: kubeconfig };
  const child = spawn(process.execPath, [PROGRAM, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${process.execPath} cannot be started`);
  const log: string[] = [];
  const addresses = addressesOf(child, log);
  // Whoever needs the addresses is told; to end it before it has any is no error.
  addresses.catch(() => {});
  const exit = exitOf(child);
  return {
    id: { pid, startedAt: startTime(pid) ?? '' },
    log,
    addresses,
    exit,
    signal: (name) => void child.kill(name),
    end: (name) => {
      child.kill(name);
      return exit;
    },
  };
}

/** Reads the log to its end; resolves with the line that tells the addresses. */
async function addressesOf({ stderr }: ChildProcess, log: string[]): Promise<Addresses> {
  if (!stderr) throw new Error('the program has no log');
  const { promise, resolve, reject } = Promise.withResolvers<Addresses>();
  const lines = createInterface(stderr).on('line', (line) => {
    log.push(line);
    const { probes, intake } = fieldsOf(line);
    if (probes !== undefined) resolve({ probes, ...(intake !== undefined && { intake }) });
  });
  lines.on('close', () => reject(new Error(`the program ended before it started: ${log.join('\n')}`)));
  return promise;
}

/** What ends a program may be told as plain text, and a killed one may leave half a line. */
function fieldsOf(line: string): Partial<Addresses> {
  try {
    return JSON.parse(line) as Partial<Addresses>;
  } catch {
    return {};
  }
}

async function exitOf(child: ChildProcess): Promise<number | NodeJS.Signals | null> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return code ?? signal;
}
