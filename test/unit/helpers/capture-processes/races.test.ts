// Processes that end, begin, run something else or give up their PID while they are read: nothing of one is said of another.
import { writeFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { processesCollector } from '../../../../src/helpers/programs/capture/processes.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';
import { patience, procFiles, Unanswered } from '../../../../src/helpers/programs/capture/process-files.ts';
import {
  before,
  contextOf,
  fakeProc,
  hooked,
  keepingSink,
  order,
  sha256,
  type FakeProc,
  type Hook,
  type Running,
} from './fake-proc.ts';

let fake: FakeProc;
beforeEach(() => {
  fake = fakeProc();
});
afterEach(() => fake.remove());

const OURS: Running = {
  pid: 40,
  name: 'ours',
  args: 'ours\0',
  environ: 'OURS=1\0',
  exe: { path: 'ours', content: 'OURS' },
};
/** A process of the node which got the PID of ours. */
const FOREIGN: Running = {
  pid: 40,
  ticks: 200,
  name: 'foreign',
  cgroup: '0::/system.slice/ssh.service\n',
  args: 'foreign\0',
  environ: 'FOREIGN=hunter2\0',
  exe: { path: 'foreign', content: 'FOREIGN' },
};
const NEXT: Running = { ...OURS, ticks: 200, name: 'next', args: 'next\0', environ: 'NEXT=1\0' };

async function collect(hook: Hook, change: Parameters<typeof contextOf>[1] = {}) {
  const kept = keepingSink();
  const collector = processesCollector({ files: hooked(hook) });
  await collector.collect(contextOf(fake, { order: order({ contents: true }), ...change }), kept.sink);
  return kept;
}

describe('a process that ends', () => {
  test.each([
    ['before it is read', '40/stat', 2, []],
    ['while it is read', '40/environ', 1, ['ours']],
  ])('%s is recorded', async (_when, end, nth, args) => {
    fake.runs(OURS);
    const { processes, problems } = await collect(before(end, () => fake.ends(40), nth));
    expect(processes()).toMatchObject([{ pid: 40, name: 'ours', startTicks: 100, args }]);
    expect(processes()[0]?.executable.path).toBe(fake.file('ours'));
    expect(processes()[0]?.problems).toEqual([expect.stringMatching(/^it ended before /)]);
    expect(problems).toEqual(['the mounts of container web were not read: its processes have ended']);
  });
});

test('of a process that has ended by then all is kept that was read', async () => {
  fake.runs(OURS);
  const { environments, files } = await collect(before('40/stat', () => fake.ends(40), 3));
  expect(environments()).toMatchObject([{ variables: ['OURS=1'] }]);
  expect([...files.keys()]).toContain(`node/executables/${sha256('OURS')}`);
});

describe('a PID that is used again', () => {
  // At each read of the process, from the first after it was found.
  const moments = ['status', 'ns/net', 'cwd', 'fd', 'exe', 'cmdline', 'environ'];

  test.each(moments)(
    'by a process of the node, before %s is read: nothing of that one is kept',
    async (moment) => {
      fake.runs(OURS);
      // What is read when it is found comes first.
      const nth = moment === 'exe' || moment === 'ns/net' ? 3 : 1;
      const { processes, environments, files } = await collect(
        before(`40/${moment}`, () => fake.runs(FOREIGN), nth),
      );
      expect(processes()).toMatchObject([{ name: 'ours', startTicks: 100, args: [], openFiles: [] }]);
      expect(processes()[0]?.problems).toEqual(['it ended before it was read']);
      expect(environments()).toEqual([]);
      for (const [path, content] of files) expect([path, content.toString()]).not.toContain('FOREIGN');
      expect([...files.keys()].filter((path) => path.startsWith('node/executables'))).toEqual([]);
    },
  );

  test.each(moments)(
    'by another of the pod, before %s is read: both are recorded, each as itself',
    async (moment) => {
      fake.runs(OURS);
      const nth = moment === 'exe' || moment === 'ns/net' ? 3 : 1;
      const { processes, environments } = await collect(before(`40/${moment}`, () => fake.runs(NEXT), nth));
      expect(processes()).toMatchObject([
        { name: 'ours', startTicks: 100, args: [], problems: ['it ended before it was read'] },
        { name: 'next', startTicks: 200, args: ['next'], problems: [] },
      ]);
      expect(environments()).toMatchObject([{ startTicks: 200, variables: ['NEXT=1'] }]);
    },
  );

  test('before the reading begins is noticed, also when that process ends during it', async () => {
    fake.runs(OURS);
    const comes = before('40/stat', () => fake.runs(FOREIGN), 2);
    const goes = before('40/environ', () => fake.ends(40));
    const { processes, environments } = await collect(async (path, read) => {
      await comes(path, read);
      await goes(path, read);
    });
    expect(processes()).toMatchObject([
      { name: 'ours', args: [], problems: ['it ended before it was read'] },
    ]);
    expect(environments()).toEqual([]);
  });

  test('again and again is not read again and again', async () => {
    fake.runs(OURS);
    let ticks = 200;
    const hook: Hook = (path) => {
      if (path.endsWith('40/cmdline')) fake.runs({ ...NEXT, ticks: (ticks += 1) });
    };
    const { processes } = await collect(hook);
    const starts = processes().map(({ startTicks }) => startTicks);
    expect(starts.length).toBeLessThanOrEqual(4);
    expect(new Set(starts).size).toBe(starts.length);
    for (const { args } of processes()) expect(args).toEqual([]);
  });
});

describe('a process that runs another program', () => {
  const into = (name: string) => () =>
    fake.runs({ ...OURS, name, args: `${name}\0`, exe: { path: name, content: name } });

  test('while it is read is read again, as one', async () => {
    fake.runs(OURS);
    const { processes } = await collect(before('40/cmdline', into('miner')));
    expect(processes()).toMatchObject([
      { args: ['miner'], problems: [], executable: { path: fake.file('miner'), sha256: sha256('miner') } },
    ]);
  });

  test('each time is said to', async () => {
    fake.runs(OURS);
    let times = 0;
    const hook: Hook = (path) => {
      if (path.endsWith('40/cmdline')) into(`miner${(times += 1)}`)();
    };
    const { processes } = await collect(hook);
    expect(times).toBe(2);
    expect(processes()).toHaveLength(1);
    expect(processes()[0]?.problems).toEqual([
      'it ran another program while it was read: this may be of both',
    ]);
  });
});

describe('a process that begins', () => {
  test('while others are read is found in the second round', async () => {
    fake.runs(OURS);
    const { processes } = await collect(before('40/cmdline', () => fake.runs({ pid: 41, ticks: 200 })));
    expect(processes().map(({ pid }) => pid)).toEqual([40, 41]);
  });

  test('with each one that is read does not keep it going', async () => {
    fake.runs(OURS);
    let pid = 40;
    const hook: Hook = (path) => {
      if (path.endsWith('/cmdline')) fake.runs({ pid: (pid += 1), ticks: pid });
    };
    const { processes } = await collect(hook);
    expect(processes().map((one) => one.pid)).toEqual([40, 41]);
  });
});

test('a process that leaves the cgroup of its container keeps its record', async () => {
  fake.runs(OURS);
  const leave = () => writeFileSync(join(fake.proc, '40/cgroup'), '0::/\n');
  const { processes } = await collect(before('40/cmdline', leave));
  expect(processes()).toMatchObject([
    { args: ['ours'], problems: ['it left the cgroup of its container by now'] },
  ]);
});

test('when time is over, what was read is sent, and of the others how they were found', async () => {
  fake.runs(OURS);
  fake.runs({ pid: 41, ticks: 200, name: 'later', exe: { path: 'later', content: 'LATER' } });
  const time = new AbortController();
  const hook = before('40/cmdline', () => time.abort());
  const { processes, problems, files } = await collect(hook, { signal: time.signal });
  expect(processes()).toMatchObject([
    { pid: 40, args: ['ours'], executable: { problem: 'not hashed: the time for it was over' } },
    { pid: 41, name: 'later', args: [], executable: { path: fake.file('later') } },
  ]);
  expect(processes()[1]?.problems).toEqual(['not read: the time for it was over']);
  expect(problems).toContain('the time for it was over before all processes were read');
  expect([...files.keys()]).toContain('node/environment.json');
});

describe('a read without an answer', () => {
  test('costs its time, a few of them end such reads, and all else is still read', async () => {
    for (let pid = 40; pid < 46; pid += 1) fake.runs({ pid, ticks: pid });
    const clock = new VirtualClock();
    const asked: string[] = [];
    const hook: Hook = async (path) => {
      if (!path.endsWith('/environ')) return;
      asked.push(path);
      void clock.advance(2_000);
      await new Promise(() => {});
    };
    const { processes, problems } = await collect(hook, { clock });
    expect(asked).toHaveLength(3);
    expect(processes().map(({ openFiles }) => openFiles.length)).toEqual(Array(6).fill(1));
    expect(processes().map((one) => one.problems.at(-1))).toEqual([
      ...Array(3).fill('environment: no answer within 2000 ms: something keeps its reader waiting'),
      ...Array(3).fill('environment: not tried, since 3 reads before it are still unanswered'),
    ]);
    expect(problems).toEqual([expect.stringContaining('of 6 processes 6 could not be read in full')]);
  });

  test('of an executable leaves it unread, and is not waited for when it is closed', async () => {
    fake.runs(OURS);
    const clock = new VirtualClock();
    const never = new Promise<never>(() => {});
    const closed: string[] = [];
    const handle = {
      stat: () => {
        void clock.advance(2_000);
        return never;
      },
      // As node:fs does while a read goes on.
      close: () => {
        closed.push('x');
        return never;
      },
    };
    const files = { ...procFiles, open: async () => handle as unknown as FileHandle };
    const kept = keepingSink();
    await processesCollector({ files }).collect(contextOf(fake, { clock }), kept.sink);
    expect(kept.processes()[0]?.executable.problem).toMatch(/^no answer within 2000 ms/);
    expect(kept.processes()[0]?.args).toEqual(['ours']);
    expect(closed).toEqual(['x']);
  });

  test('that is answered late is cleaned up, and makes room for the next', async () => {
    const clock = new VirtualClock();
    const read = patience(clock);
    const late: string[] = [];
    const answers = Array.from({ length: 3 }, () => Promise.withResolvers<string>());
    const reads = answers.map(({ promise }) =>
      read(
        () => promise,
        (answer) => late.push(answer),
      ),
    );
    const ends = Promise.allSettled(reads);
    await clock.advance(2_000);
    for (const end of await ends) expect(end).toMatchObject({ reason: expect.any(Unanswered) });
    await expect(read(async () => 'x')).rejects.toThrow('not tried');
    answers[0]?.resolve('late');
    await clock.advance(0);
    expect(late).toEqual(['late']);
    expect(await read(async () => 'x')).toBe('x');
    expect(clock.pending).toBe(0);
  });
});
