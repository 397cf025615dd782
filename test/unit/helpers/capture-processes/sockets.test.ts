// Sockets of the networks of a pod, with the processes that hold them, and the mounts of its containers.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { processesCollector } from '../../../../src/helpers/programs/capture/processes.ts';
import {
  before,
  contextOf,
  failing,
  fakeProc,
  hooked,
  keepingSink,
  order,
  SIDECAR,
  WEB,
  type FakeProc,
  type Hook,
} from './fake-proc.ts';

let fake: FakeProc;
beforeEach(() => {
  fake = fakeProc();
});
afterEach(() => fake.remove());

async function collect(hook: Hook = () => {}, given = order()) {
  const kept = keepingSink();
  await processesCollector({ files: hooked(hook) }).collect(contextOf(fake, { order: given }), kept.sink);
  return kept;
}

const listener = (port: string, inode: number) =>
  ` 0: 00000000:${port} 00000000:0000 0A 0:0 0:0 0 0 0 ${inode} 1\n`;
const TABLES = {
  tcp: listener('0050', 5) + listener('0051', 6),
  unix: '0000: 00000002 00000000 00010000 0001 01 7 @x\n',
};

describe('sockets', () => {
  test('are those of each network once, with all that hold them', async () => {
    fake.runs({ pid: 40, ticks: 1, tables: TABLES, fds: ['socket:[5]', 'socket:[5]', 'socket:[7]'] });
    fake.runs({ pid: 41, ticks: 2, tables: TABLES, fds: ['socket:[5]'] });
    fake.runs({ pid: 42, ticks: 3, network: 'own', tables: { udp: listener('0035', 9) } });
    const { sockets, problems } = await collect();
    expect(
      sockets().map(({ namespace, protocol, local, pids }) => [namespace, protocol, local, pids]),
    ).toEqual([
      ['net:[pod]', 'tcp', '0.0.0.0:80', [40, 41]],
      ['net:[pod]', 'tcp', '0.0.0.0:81', []],
      ['net:[pod]', 'unix', '@x', [40]],
      ['net:[own]', 'udp', '0.0.0.0:53', []],
    ]);
    expect(problems).toEqual([]);
  });

  test('of the node’s network are only those that the pod holds', async () => {
    fake.runs({ pid: 40, network: 'node', tables: TABLES, fds: ['socket:[6]'] });
    const { sockets } = await collect();
    expect(sockets().map(({ local }) => local)).toEqual(['0.0.0.0:81']);
  });

  test('are read by the next process when the first ends meanwhile', async () => {
    fake.runs({ pid: 40, ticks: 1, tables: { tcp: listener('0016', 1) } });
    fake.runs({ pid: 41, ticks: 2, tables: TABLES });
    const { sockets } = await collect(before('40/net/unix', () => fake.ends(40)));
    expect(sockets().map(({ local }) => local)).toEqual(['0.0.0.0:80', '0.0.0.0:81', '@x']);
  });

  test('are missed when no network can be told', async () => {
    fake.runs({ pid: 40, tables: TABLES });
    const refuse = failing('EACCES');
    const { sockets, problems } = await collect((path) => (path.endsWith('/ns/net') ? refuse() : undefined));
    expect(sockets()).toEqual([]);
    expect(problems).toContain('no sockets were read: the network of no process could be told');
  });

  test('that are no sockets, and networks without end, are told', async () => {
    for (let pid = 40; pid < 110; pid += 1)
      fake.runs({ pid, ticks: pid, network: `n${pid}`, tables: { tcp: 'hm\n' } });
    const { problems } = await collect();
    expect(problems).toContain('tcp sockets of net:[n40]: 1 lines are no sockets');
    expect(problems).toContain('sockets of more than 64 networks were not read');
    expect(problems.filter((one) => one.includes('lines are no sockets'))).toHaveLength(64);
  });

  test('of many networks are not more than there is memory for, those of the oldest process first', async () => {
    const tcp = listener('0050', 5).repeat(30_000);
    for (const pid of [40, 41, 42, 43])
      fake.runs({ pid, ticks: pid, network: `n${pid}`, tables: { tcp, udp: tcp } });
    const { sockets, problems } = await collect();
    const of = Object.groupBy(sockets(), ({ namespace }) => namespace);
    expect(Object.entries(of).map(([name, all]) => [name, all?.length])).toEqual([
      ['net:[n40]', 60_000],
      ['net:[n41]', 5_536],
    ]);
    expect(problems.filter((one) => one.includes('more than were read'))).toHaveLength(6);
  });
});

describe('mounts', () => {
  const both = order({
    containers: [
      { name: 'web', id: WEB, ended: false },
      { name: 'sidecar', id: SIDECAR, ended: false },
    ],
  });

  test('are those of the oldest process of each container, as the kernel prints them', async () => {
    fake.runs({ pid: 40, ticks: 9, mounts: 'of a child' });
    fake.runs({ pid: 41, ticks: 1, mounts: '1 0 0:1 / /a\\040b rw - overlay o rw\n' });
    fake.runs({ pid: 42, container: SIDECAR, mounts: 'of the sidecar' });
    const { files } = await collect(() => {}, both);
    expect(files.get('node/mounts-web.txt')?.toString()).toBe('1 0 0:1 / /a\\040b rw - overlay o rw\n');
    expect(files.get('node/mounts-sidecar.txt')?.toString()).toBe('of the sidecar');
  });

  test('are not those of another process that has its PID by then', async () => {
    fake.runs({ pid: 40, ticks: 1, mounts: 'first' });
    fake.runs({ pid: 41, ticks: 2, mounts: 'second' });
    const { files } = await collect(
      before('40/mountinfo', () => fake.runs({ pid: 40, ticks: 9, mounts: 'other' })),
    );
    expect(files.get('node/mounts-web.txt')?.toString()).toBe('second');
  });

  test('are of the next when that one ends, and missed when there is none', async () => {
    fake.runs({ pid: 40, ticks: 1, mounts: 'first' });
    fake.runs({ pid: 41, ticks: 2, mounts: 'second' });
    fake.runs({ pid: 42, container: SIDECAR });
    const gone = () => rmSync(join(fake.proc, '42/mountinfo'));
    const hook: Hook = (path) => {
      if (path.endsWith('40/mountinfo')) fake.ends(40);
      if (path.endsWith('42/mountinfo')) gone();
    };
    const { files, problems } = await collect(hook, both);
    expect(files.get('node/mounts-web.txt')?.toString()).toBe('second');
    expect(problems).toEqual(['the mounts of container sidecar were not read: its processes have ended']);
  });
});
