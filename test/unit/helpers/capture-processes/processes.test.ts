// What is collected of the processes of a pod on a /proc of files: which they are, what is kept of them, and the limits.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ProcessRecordSchema, SocketRecordSchema } from '../../../../src/api/process-record.ts';
import type { NodeContext } from '../../../../src/helpers/programs/capture/collector.ts';
import {
  processesCollector,
  type ProcessesOptions,
} from '../../../../src/helpers/programs/capture/processes.ts';
import {
  contextOf,
  failing,
  fakeProc,
  hooked,
  keepingSink,
  order,
  POD,
  SANDBOX,
  sha256,
  SIDECAR,
  WEB,
  write,
  type FakeProc,
} from './fake-proc.ts';

let fake: FakeProc;
beforeEach(() => {
  fake = fakeProc();
});
afterEach(() => fake.remove());

async function collect(
  change: Partial<NodeContext> = {},
  options: ProcessesOptions = {},
  kept = keepingSink(),
) {
  await processesCollector(options).collect(contextOf(fake, change), kept.sink);
  for (const record of kept.processes()) ProcessRecordSchema.parse(record);
  for (const record of kept.sockets()) SocketRecordSchema.parse(record);
  return kept;
}

const BOTH = order({
  containers: [
    { name: 'web', id: WEB, ended: false },
    { name: 'sidecar', id: SIDECAR, ended: false },
    { name: 'web', id: 'f'.repeat(64), ended: true },
  ],
});

describe('a process', () => {
  test('is recorded with what is known of it', async () => {
    const exe = { path: 'nginx', content: 'ELF' };
    const one = { pid: 40, ppid: 39, name: 'ng (x) 1', ticks: 12_345, exe, fds: ['/dev/null', 'socket:[5]'] };
    fake.runs({ ...one, args: 'nginx\0-g\0daemon off;\0' });
    const { processes, problems, files } = await collect();
    expect(processes()).toEqual([
      {
        container: 'web',
        containerId: WEB,
        pid: 40,
        ppid: 39,
        namespacePids: [40, 7],
        startTicks: 12_345,
        startedAt: '2026-09-21T14:15:23.450Z',
        name: 'ng (x) 1',
        state: 'S',
        args: ['nginx', '-g', 'daemon off;'],
        executable: {
          path: fake.file('nginx'),
          deleted: false,
          memfd: false,
          sha256: sha256('ELF'),
          size: 3,
          inode: expect.stringMatching(/^\d+:\d+$/),
        },
        cwd: '/srv',
        uids: [0, 0, 0, 0],
        gids: [0, 0, 0, 0],
        capabilities: { effective: ['CAP_NET_RAW'], permitted: [], bounding: [] },
        namespaces: { net: 'net:[pod]', mnt: 'mnt:[container]' },
        openFiles: [
          { fd: 0, target: '/dev/null' },
          { fd: 1, target: 'socket:[5]' },
        ],
        moreOpenFiles: 0,
        problems: [],
      },
    ]);
    expect(problems).toEqual([]);
    const lists = ['sockets.json', 'environment.json', 'mounts-web.txt', 'processes.json'];
    expect([...files.keys()]).toEqual(lists.map((name) => `node/${name}`));
  });

  test('is found in each container, below it and in the sandbox, and nowhere else', async () => {
    const other = '11111111-2222-3333-4444-555555555555';
    fake.runs({ pid: 40 });
    fake.runs({ pid: 41, container: SIDECAR });
    fake.runs({ pid: 42, cgroup: `0::/kubepods/burstable/pod${POD}/${WEB}/inner/more\n` });
    fake.runs({ pid: 43, container: SANDBOX });
    fake.runs({ pid: 44, cgroup: `0::/kubepods/pod${other}/${WEB}\n` });
    const { processes, problems } = await collect({ order: BOTH });
    expect(processes().map(({ pid, container, containerId }) => [pid, container, containerId])).toEqual([
      [40, 'web', WEB],
      [41, 'sidecar', SIDECAR],
      [42, 'web', WEB],
      [43, '', SANDBOX],
    ]);
    expect(problems).toEqual([]);
  });

  test('that is missing in a container which has not ended is a problem', async () => {
    fake.runs({ pid: 40 });
    const { problems } = await collect({ order: BOTH });
    expect(problems).toEqual([`no process of container sidecar (${SIDECAR}) was found`]);
  });

  test('with a root or mounts of its own has them in its record', async () => {
    fake.runs({ pid: 40 });
    fake.runs({ pid: 41, ticks: 101, root: '/jail' });
    fake.runs({ pid: 42, ticks: 102, mnt: 'own' });
    const { processes } = await collect();
    expect(processes().map(({ root }) => root)).toEqual([undefined, '/jail', '/']);
  });

  test('whose first thread has ended is read by another, also where it then is shown in no container', async () => {
    const leader = { pid: 40, state: 'Z', cgroup: '2:cpu:/\n', args: '', environ: '', fds: [] };
    fake.runs(leader);
    write(join(fake.proc, '40/task/40'), leader);
    write(join(fake.proc, '40/task/44'), { pid: 40, args: 'miner\0', fds: ['socket:[5]'] });
    const { processes } = await collect();
    expect(processes()).toMatchObject([
      { pid: 40, state: 'Z', args: ['miner'], openFiles: [{ fd: 0, target: 'socket:[5]' }] },
    ]);
    expect(processes()[0]?.problems).toEqual(['its first thread has ended: it was read by one that runs']);
  });

  test('that has ended and waits for its parent is no problem', async () => {
    fake.runs({ pid: 40, state: 'Z', args: '', environ: '', fds: [] });
    mkdirSync(join(fake.proc, '40/task/40'), { recursive: true });
    const { processes, problems } = await collect();
    expect(processes()).toMatchObject([{ pid: 40, state: 'Z', problems: [] }]);
    expect(problems).toEqual([]);
  });
});

describe('environments', () => {
  test('are in their own file and in no other', async () => {
    fake.runs({ pid: 40, environ: 'TOKEN=hunter2\0HOME=/\0' });
    const { environments, files } = await collect();
    expect(environments()).toEqual([
      {
        container: 'web',
        containerId: WEB,
        pid: 40,
        startTicks: 100,
        variables: ['TOKEN=hunter2', 'HOME=/'],
        truncated: false,
      },
    ]);
    const others = [...files].filter(([path]) => path !== 'node/environment.json');
    expect(others.length).toBeGreaterThan(2);
    for (const [, content] of others) expect(content.toString()).not.toContain('hunter2');
  });

  test('that are too long are cut, which is said', async () => {
    fake.runs({ pid: 40, environ: 'A=1\0'.repeat(100_000) });
    const { environments, processes, problems } = await collect();
    expect(environments()).toMatchObject([{ truncated: true }]);
    expect(environments()[0]?.variables).toHaveLength(65_536);
    expect(processes()[0]?.problems).toEqual(['environment: longer than what is kept of it']);
    expect(problems).toEqual([expect.stringContaining('of 1 processes 1 could not be read in full')]);
  });
});

describe('limits', () => {
  test('of a command line of megabytes', async () => {
    fake.runs({ pid: 40, args: `${'x'.repeat(3_000_000)}\0` });
    const { processes } = await collect();
    expect(processes()[0]?.args).toEqual(['x'.repeat(4096)]);
    expect(processes()[0]?.problems).toEqual(['command line: longer than what is kept of it']);
  });

  test('of open files: more are counted, and sockets among them still have their holder', async () => {
    const fds = [...Array(1500).fill('/dev/null'), 'socket:[77]'] as string[];
    const tables = { tcp: ' 0: 0100007F:0050 00000000:0000 0A 0:0 0:0 0 1000 0 77 1\n' };
    fake.runs({ pid: 40, fds, tables });
    const { processes, sockets } = await collect();
    const [{ openFiles, moreOpenFiles, problems } = expect.fail()] = processes();
    expect([openFiles.length, moreOpenFiles]).toEqual([1024, 477]);
    expect(problems).toEqual(['open files: 477 more than are listed']);
    expect(sockets()).toMatchObject([{ local: '127.0.0.1:80', pids: [40] }]);
  });

  test('of processes: the oldest are read, the others counted', async () => {
    for (let pid = 40; pid < 60; pid += 1) fake.runs({ pid, ticks: 1000 - pid });
    const { processes, problems } = await collect({ order: order({}, { maxProcesses: 3 }) });
    expect(processes().map(({ pid }) => pid)).toEqual([59, 58, 57]);
    expect(problems).toContain('17 processes of the pod were not read: the limit is 3, the oldest were');
  });
});

describe('what is refused', () => {
  test('is a problem of that process, and ends nothing', async () => {
    for (const pid of [40, 41]) fake.runs({ pid, ticks: pid, exe: { path: 'x', content: 'ELF' } });
    const refuse = failing('EACCES');
    const refused = ['40/exe', '40/environ', '40/cmdline', '40/fd', '40/status', '40/ns/mnt', '40/cwd'];
    const files = hooked((path, read) => {
      if (refused.some((end) => path.endsWith(`/${end}`)) && !(path.endsWith('exe') && read === 'link'))
        refuse();
    });
    const { processes, problems } = await collect({}, { files });
    const [first, second] = processes();
    expect(first?.problems).toEqual(
      ['status', 'ns/mnt', 'cwd', 'open files', 'command line', 'environment'].map(
        (what) => `${what}: refused (EACCES)`,
      ),
    );
    expect(first).toMatchObject({
      name: 'sh',
      executable: { path: fake.file('x'), problem: 'refused (EACCES)' },
    });
    expect(second).toMatchObject({ problems: [], executable: { sha256: sha256('ELF') } });
    expect(problems).toEqual([expect.stringMatching(/^of 2 processes 1 could not be read in full/)]);
  });

  test('already when looking for processes is told, since they may be the pod’s', async () => {
    fake.runs({ pid: 40 });
    const refuse = failing('EACCES');
    const files = hooked((path) => (path.endsWith('/1/cgroup') ? refuse() : undefined));
    const { processes, problems } = await collect({}, { files });
    expect(processes()).toHaveLength(1);
    expect(problems).toEqual([expect.stringContaining('could not be looked at, some may be the pod')]);
  });
});

describe('the sink', () => {
  test('that takes nothing ends it', async () => {
    fake.runs({ pid: 40 });
    const kept = keepingSink(() => {
      throw new Error('the connection is gone');
    });
    const work = processesCollector().collect(contextOf(fake), kept.sink);
    await expect(work).rejects.toThrow('the connection is gone');
  });
});
