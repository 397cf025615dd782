// The collector on the real /proc: children of this test, taken for the processes of a container.
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ProcessRecordSchema, SocketRecordSchema } from '../../../../src/api/process-record.ts';
import { processesCollector } from '../../../../src/helpers/programs/capture/processes.ts';
import { contextOf, keepingSink, order, sha256, WEB } from './fake-proc.ts';

const isLinux = process.platform === 'linux' && existsSync('/proc/self/exe');
const SLEEP = ['/usr/bin/sleep', '/bin/sleep'].find((path) => existsSync(path));
const PYTHON = ['/usr/bin/python3', '/usr/local/bin/python3'].find((path) => existsSync(path));

const LARGE = order({}, { maxFileBytes: 1_000_000_000 });

let folder = '';
let children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'die-operator-real-'));
});
afterEach(async () => {
  const ends = children.map((child) => new Promise((resolve) => child.once('exit', resolve)));
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(ends);
  children = [];
  rmSync(folder, { recursive: true });
});

/** Starts a child and waits until it runs its program. */
async function start(file: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  return child.pid ?? 0;
}

async function saidBy(pid: number): Promise<string> {
  const child = children.find((one) => one.pid === pid);
  return new Promise((resolve) => child?.stdout?.once('data', (data: Buffer) => resolve(data.toString())));
}

async function collect(pids: readonly number[]) {
  const kept = keepingSink();
  const inContainer = (_cgroup: string, pid: number) => (pids.includes(pid) ? WEB : undefined);
  await processesCollector({ inContainer }).collect(
    contextOf({ proc: '/proc' }, { order: LARGE }),
    kept.sink,
  );
  for (const record of kept.processes()) ProcessRecordSchema.parse(record);
  for (const record of kept.sockets()) SocketRecordSchema.parse(record);
  return kept;
}

describe.runIf(isLinux && SLEEP)('a program that was deleted while it runs', () => {
  test('is hashed and kept as the file that it was', async () => {
    const file = join(folder, 'implant');
    copyFileSync(SLEEP ?? '', file);
    chmodSync(file, 0o755);
    const content = readFileSync(file);
    const pid = await start(file, ['1000'], { TOKEN: 'hunter2' });
    rmSync(file);
    const { processes, environments, files, problems } = await collect([pid]);
    const kept = `node/executables/${sha256(content)}`;
    expect(processes()).toMatchObject([
      {
        pid,
        ppid: process.pid,
        name: 'implant',
        args: [file, '1000'],
        executable: { path: file, deleted: true, memfd: false, sha256: sha256(content), kept },
        uids: Array(4).fill(process.getuid?.()),
        problems: [],
      },
    ]);
    expect(files.get(kept)?.equals(content)).toBe(true);
    expect(environments()).toMatchObject([{ pid, variables: ['TOKEN=hunter2'] }]);
    expect(problems).toEqual([]);
    expect(files.get('node/mounts-web.txt')?.toString()).toBe(readFileSync('/proc/self/mountinfo', 'utf8'));
    const age = Date.now() - Date.parse(processes()[0]?.startedAt ?? '');
    // The kernel counts from the second in which it started.
    expect(age).toBeGreaterThan(-2_000);
    expect(age).toBeLessThan(120_000);
  });
});

describe.runIf(isLinux && SLEEP && PYTHON)('a program that was never in a filesystem', () => {
  test('is hashed and kept', async () => {
    const program = `
import os
fd = os.memfd_create('implant', 0)
os.write(fd, open('${SLEEP}', 'rb').read())
os.write(1, b'now')
os.execve('/proc/self/fd/%d' % fd, ['kworker/0:1', '1000'], {})
`;
    const pid = await start(PYTHON ?? '', ['-c', program]);
    await saidBy(pid);
    const isThere = () => readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('kworker');
    await expect.poll(isThere).toBe(true);
    const { processes, files } = await collect([pid]);
    const content = readFileSync(SLEEP ?? '');
    const kept = `node/executables/${sha256(content)}`;
    expect(processes()).toMatchObject([
      {
        args: ['kworker/0:1', '1000'],
        executable: { path: '/memfd:implant', deleted: true, memfd: true, sha256: sha256(content), kept },
      },
    ]);
    expect(files.get(kept)?.equals(content)).toBe(true);
  });

  test('is read whole when its first thread has ended', async () => {
    const program = `
import ctypes, os, threading, time
threading.Thread(target=lambda: time.sleep(1000)).start()
os.write(1, b'now')
ctypes.CDLL(None).pthread_exit(None)
`;
    const pid = await start(PYTHON ?? '', ['-c', program], { TOKEN: 'hunter2' });
    await saidBy(pid);
    await expect.poll(() => readFileSync(`/proc/${pid}/stat`, 'utf8')).toMatch(/\) Z /);
    const { processes, environments } = await collect([pid]);
    expect(processes()).toMatchObject([{ state: 'Z', args: [PYTHON, '-c', program] }]);
    expect(processes()[0]?.namespacePids[0]).toBe(pid);
    expect(processes()[0]?.executable.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(environments()).toMatchObject([{ variables: ['TOKEN=hunter2'] }]);
  });
});

describe.runIf(isLinux)('sockets', () => {
  let server: Server;
  beforeEach(async () => {
    server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  test('of this process are its own', async () => {
    const { sockets } = await collect([process.pid]);
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    expect(sockets().filter(({ local }) => local === `127.0.0.1:${port}`)).toMatchObject([
      { protocol: 'tcp', state: 'LISTEN', pids: [process.pid] },
    ]);
  });
});
