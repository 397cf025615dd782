// A /proc of files, a node's sink that keeps everything, and reads between which the tree changes.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProcessRecord, SocketRecord } from '../../../../src/api/process-record.ts';
import type { CaptureOrder } from '../../../../src/helpers/capture-order.ts';
import type { CaptureSink, FileHead } from '../../../../src/helpers/capture-stream.ts';
import { byteBudget, type NodeContext } from '../../../../src/helpers/programs/capture/collector.ts';
import type { EnvironmentRecord } from '../../../../src/helpers/programs/capture/environment.ts';
import { procFiles, type ProcFiles } from '../../../../src/helpers/programs/capture/process-files.ts';
import { systemClock } from '../../../../src/kube/clock.ts';

export const POD = '5f6ded9b-0d3c-4f5e-9f3a-0a1b2c3d4e5f';
export const [WEB, SIDECAR, SANDBOX] = ['a', 'b', 'c'].map((digit) => digit.repeat(64)) as [
  string,
  string,
  string,
];

export interface Running {
  pid: number;
  container?: string;
  /** Instead of that of the container. */
  cgroup?: string;
  ppid?: number;
  ticks?: number;
  name?: string;
  state?: string;
  args?: string;
  environ?: string;
  /** Path that the link says, below the root of the tree, and the content of the file there. */
  exe?: { path: string; content: string | Buffer } | undefined;
  fds?: readonly string[];
  network?: string;
  mounts?: string;
  root?: string;
  /** Namespace of mounts. */
  mnt?: string;
  /** Tables of its network, by protocol. */
  tables?: Readonly<Record<string, string>>;
}

export interface FakeProc {
  root: string;
  proc: string;
  runs(one: Running): void;
  ends(pid: number): void;
  /** Where the executable of this path is. */
  file(path: string): string;
  remove(): void;
}

/** With process 1, which is the node's. */
export function fakeProc(): FakeProc {
  const root = mkdtempSync(join(tmpdir(), 'die-operator-capture-'));
  const proc = join(root, 'proc');
  const file = (path: string) => join(root, 'files', path);
  mkdirSync(proc);
  mkdirSync(join(root, 'files'));
  writeFileSync(join(proc, 'stat'), 'cpu 1 2\nbtime 1790000000\n');
  for (const other of ['self', 'net', '0', '12x']) mkdirSync(join(proc, other));
  const fake: FakeProc = {
    root,
    proc,
    file,
    runs: (one) => {
      const folder = join(proc, `${one.pid}`);
      rmSync(folder, { recursive: true, force: true });
      write(folder, one);
      if (one.exe) {
        writeFileSync(file(one.exe.path), one.exe.content);
        symlinkSync(file(one.exe.path), join(folder, 'exe'));
      }
    },
    ends: (pid) => rmSync(join(proc, `${pid}`), { recursive: true }),
    remove: () => rmSync(root, { recursive: true }),
  };
  fake.runs({ pid: 1, cgroup: '0::/init.scope\n', network: 'node' });
  return fake;
}

const DEFAULTS = {
  container: WEB,
  ppid: 1,
  ticks: 100,
  name: 'sh',
  state: 'S',
  args: 'sh\0-c\0true\0',
  fds: ['/dev/null'],
  network: 'pod',
  root: '/',
  tables: {} as Readonly<Record<string, string>>,
};

/** What a process has, in a folder of its own or of a thread. */
export function write(folder: string, given: Running): void {
  const one = { ...DEFAULTS, ...given };
  const { pid, container, name } = one;
  for (const sub of ['ns', 'net', 'fd']) mkdirSync(join(folder, sub), { recursive: true });
  const put = (path: string, text: string) => writeFileSync(join(folder, path), text);
  put('cgroup', one.cgroup ?? `0::/kubepods/pod${POD}/${container}\n`);
  put('stat', `${pid} (${name}) ${one.state} ${one.ppid} ${Array(17).fill(0).join(' ')} ${one.ticks} 0 0\n`);
  put(
    'status',
    `Name:\t${name}\nNStgid:\t${pid}\t7\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nCapEff:\t0000000000002000\n`,
  );
  put('cmdline', one.args);
  put('environ', one.environ ?? `PID=${pid}\0`);
  put('mountinfo', one.mounts ?? `1 0 0:1 / / rw - overlay of-${pid} rw\n`);
  for (const [protocol, table] of Object.entries(one.tables)) put(`net/${protocol}`, `titles\n${table}`);
  symlinkSync(`net:[${one.network}]`, join(folder, 'ns/net'));
  symlinkSync(`mnt:[${one.mnt ?? 'container'}]`, join(folder, 'ns/mnt'));
  symlinkSync('/srv', join(folder, 'cwd'));
  symlinkSync(one.root, join(folder, 'root'));
  for (const [fd, target] of one.fds.entries()) symlinkSync(target, join(folder, `fd/${fd}`));
}

/** Before each read of a path that ends so, what the test does; it may throw, or not answer. */
export type Hook = (path: string, read: keyof ProcFiles) => Promise<void> | void;

export function hooked(hook: Hook): ProcFiles {
  return {
    read: async (path, max) => {
      await hook(path, 'read');
      return procFiles.read(path, max);
    },
    link: async (path) => {
      await hook(path, 'link');
      return procFiles.link(path);
    },
    names: async (path, max) => {
      await hook(path, 'names');
      return procFiles.names(path, max);
    },
    open: async (path) => {
      await hook(path, 'open');
      return procFiles.open(path);
    },
  };
}

/** Does it before the n-th read of a path that ends so. */
export function before(end: string, act: () => void, nth = 1): Hook {
  let seen = 0;
  return (path) => {
    if (path.endsWith(end) && ++seen === nth) act();
  };
}

export function order(
  change: Partial<CaptureOrder> = {},
  limits: Partial<CaptureOrder['limits']> = {},
): CaptureOrder {
  return {
    podUid: POD,
    containers: [{ name: 'web', id: WEB, ended: false }],
    collectors: ['Processes'],
    contents: false,
    limits: {
      deadlineMs: 30_000,
      maxBytes: 1_000_000,
      maxFileBytes: 1_000_000,
      maxEntries: 1000,
      maxProcesses: 100,
      ...limits,
    },
    recipients: [],
    ...change,
  };
}

export function contextOf(fake: { proc: string }, change: Partial<NodeContext> = {}): NodeContext {
  const given = change.order ?? order();
  return {
    order: given,
    proc: fake.proc,
    hostFolder: () => undefined,
    clock: systemClock,
    signal: new AbortController().signal,
    budget: byteBudget(given.limits.maxBytes),
    ...change,
  };
}

/** Keeps what it is given; `onFile` runs before a file is taken. */
export function keepingSink(onFile: (head: FileHead) => void = () => {}) {
  const files = new Map<string, Buffer>();
  const problems: string[] = [];
  const sink: CaptureSink = {
    file: async (head, content) => {
      if (files.has(head.path)) throw new Error(`${head.path} is there twice`);
      onFile(head);
      const parts: Uint8Array[] = [];
      files.set(head.path, Buffer.alloc(0));
      for await (const part of content) parts.push(part);
      const bytes = Buffer.concat(parts);
      files.set(head.path, bytes);
      return { size: bytes.length, sha256: sha256(bytes), truncated: false };
    },
    problem: (_collector, message) => void problems.push(message),
  };
  const json = (path: string) => JSON.parse(files.get(path)?.toString() ?? 'null') as unknown;
  return {
    sink,
    files,
    problems,
    processes: () => json('node/processes.json') as ProcessRecord[],
    sockets: () => json('node/sockets.json') as SocketRecord[],
    environments: () => json('node/environment.json') as EnvironmentRecord[],
  };
}

export function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/** An error as node:fs has it. */
export function failing(code: string): () => never {
  return () => {
    throw Object.assign(new Error(`${code}: not here`), { code });
  };
}
