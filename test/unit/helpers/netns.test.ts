// The helper in the network of a pod, on a /proc of files: which network it opens, what it does there, and what it refuses.
import { fstatSync, linkSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { NetnsOrder } from '../../../src/helpers/netns-report.ts';
import type { Ended, RunInside } from '../../../src/helpers/programs/netns-enter.ts';
import { cutRuleset, uncutRuleset } from '../../../src/helpers/programs/netns-ruleset.ts';
import { runNetns } from '../../../src/helpers/programs/netns.ts';
import { systemClock } from '../../../src/kube/clock.ts';

const POD = '5f6ded9b-0d3c-4f5e-9f3a-0a1b2c3d4e5f';
const ADDRESS = '10.244.0.7';
const ORDER: NetnsOrder = {
  action: 'cut',
  podUid: POD,
  podAddresses: [ADDRESS],
  nodeAddresses: ['10.0.0.1'],
  probePorts: [8080],
};
const PROBING = { clock: systemClock, random: Math.random, api: undefined, port: 7070 };
const [WEB, SANDBOX] = ['a'.repeat(64), 'b'.repeat(64)];

let root = '';
let proc = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'die-operator-proc-'));
  proc = join(root, 'proc');
  process1();
});
afterEach(() => rmSync(root, { recursive: true }));

const process1 = () => runs({ pid: 1, cgroup: '0::/init.scope\n', network: 'node' });

interface Running {
  pid: number;
  cgroup?: string;
  container?: string;
  startedAt?: number;
  /** Two with the same name are in one network. */
  network?: string;
  addresses?: string[];
}

function runs(one: Running): void {
  const { pid, container = WEB, startedAt = 100, network = 'pod', addresses = [ADDRESS] } = one;
  const folder = join(proc, `${pid}`);
  mkdirSync(join(folder, 'ns'), { recursive: true });
  mkdirSync(join(folder, 'net'));
  writeFileSync(join(folder, 'cgroup'), one.cgroup ?? `0::/kubepods/pod${POD}/${container}\n`);
  // A name that looks like the rest of the line.
  const rest = Array.from({ length: 18 }, (_none, index) => index).join(' ');
  writeFileSync(join(folder, 'stat'), `${pid} (a) S 1 (b)) S ${rest} ${startedAt} 0 0\n`);
  const trie = addresses.map((address) => `|-- ${address}\n   /32 host LOCAL\n`).join('');
  writeFileSync(join(folder, 'net/fib_trie'), trie);
  const inode = join(root, network);
  writeFileSync(inode, '', { flag: 'a' });
  linkSync(inode, join(folder, 'ns/net'));
}

interface Call {
  /** Name of the network that it ran in. */
  network: string;
  command: string;
  input: string | undefined;
}

/** Answers as nsenter would; `answers` by the beginning of a command. */
function recorder(answers: Record<string, Partial<Ended>> = {}) {
  const calls: Call[] = [];
  const run: RunInside = async (fd, command, input) => {
    const { ino } = fstatSync(fd);
    const network = ['node', 'pod', 'other'].find((name) => {
      return statSync(join(root, name), { throwIfNoEntry: false })?.ino === ino;
    });
    const text = command.join(' ');
    calls.push({ network: network ?? 'unknown', command: text, input });
    const [, answer] = Object.entries(answers).find(([start]) => text.startsWith(start)) ?? [];
    return { code: 0, stdout: '', stderr: '', ...answer };
  };
  return { calls, run };
}

const INSIDE = {
  'self netns-inside --send': { stdout: '{"source":"10.244.0.7","refused":"EPERM"}' },
  'self netns-inside': { stdout: '{"source":"10.0.1.9"}' },
};

const carryOut = (run: RunInside, change: Partial<NetnsOrder> = {}) =>
  runNetns({ ...ORDER, ...change }, { proc, run, self: ['self'], probing: PROBING });

describe('a cut', () => {
  test('goes into the network of the pod, with the address that the node calls from, and is tried out', async () => {
    runs({ pid: 40 });
    runs({ pid: 41, container: SANDBOX });
    const { run, calls } = recorder(INSIDE);
    expect(await carryOut(run)).toEqual({ result: 'Cut' });
    expect(calls).toEqual([
      { network: 'node', command: `self netns-inside ${ADDRESS}`, input: undefined },
      {
        network: 'pod',
        command: 'nft -f -',
        input: cutRuleset({ nodeAddresses: ['10.0.0.1', '10.0.1.9'], probePorts: [8080] }),
      },
      { network: 'pod', command: 'self netns-inside --send 10.0.0.1', input: undefined },
    ]);
  });

  test('is not taken for one when a packet may still leave', async () => {
    runs({ pid: 40 });
    const { run } = recorder({
      ...INSIDE,
      'self netns-inside --send': { stdout: '{"source":"10.244.0.7"}' },
    });
    expect(await carryOut(run)).toMatchObject({ result: 'Refused', reason: 'NotEffective' });
  });

  test('is not taken for one when a packet does not leave for another reason', async () => {
    runs({ pid: 40 });
    const { run } = recorder({
      ...INSIDE,
      'self netns-inside --send': { stdout: '{"refused":"ENETUNREACH"}' },
    });
    const report = await carryOut(run);
    expect(report).toMatchObject({ reason: 'NotEffective', message: expect.stringContaining('ENETUNREACH') });
  });

  test.each<[what: string, answers: Record<string, Partial<Ended>>]>([
    ['nft refuses', { ...INSIDE, nft: { code: 1, stderr: 'Operation not permitted' } }],
    ['nsenter is not there', { 'self netns-inside': { code: null, stderr: 'spawn nsenter ENOENT' } }],
    ['a look inside says nothing that can be read', { 'self netns-inside': { stdout: 'hm' } }],
  ])('fails, and says why, when %s', async (_what, answers) => {
    runs({ pid: 40 });
    const { run } = recorder(answers);
    const { result, ...why } = await carryOut(run);
    expect(result).toBe('Refused');
    const said = Object.values(answers).find(({ stderr }) => stderr)?.stderr ?? 'JSON';
    expect(why).toMatchObject({ reason: 'Failed', message: expect.stringContaining(said) });
  });
});

describe('the end of a cut', () => {
  test('takes the table away and asks nothing', async () => {
    runs({ pid: 40 });
    const { run, calls } = recorder();
    expect(await carryOut(run, { action: 'uncut' })).toEqual({ result: 'Uncut' });
    expect(calls).toEqual([{ network: 'pod', command: 'nft -f -', input: uncutRuleset() }]);
  });

  test('finds the network by the sandbox when no container runs', async () => {
    runs({ pid: 41, container: SANDBOX });
    expect(await carryOut(recorder().run, { action: 'uncut' })).toEqual({ result: 'Uncut' });
  });
});

describe('the network that is opened', () => {
  test('is that of the process which the runtime started, not of one that made its own', async () => {
    runs({ pid: 30, startedAt: 900, network: 'other' });
    runs({ pid: 40, startedAt: 100 });
    const { run, calls } = recorder(INSIDE);
    await carryOut(run);
    expect(calls.map(({ network }) => network)).toEqual(['node', 'pod', 'pod']);
  });

  test('has the address of the pod: one that a container went into instead is passed over', async () => {
    runs({ pid: 40, network: 'other', addresses: ['127.0.0.1'] });
    runs({ pid: 41, container: SANDBOX });
    const { run, calls } = recorder(INSIDE);
    expect(await carryOut(run)).toEqual({ result: 'Cut' });
    expect(calls.map(({ network }) => network)).toEqual(['node', 'pod', 'pod']);
  });

  test.each<[what: string, reason: string, all: Running[]]>([
    ['no process of the pod runs', 'NoProcess', [{ pid: 40, cgroup: '0::/system.slice\n' }]],
    [
      'a container is in the network of the node',
      'NodeNetwork',
      [{ pid: 40, network: 'node', addresses: [] }],
    ],
    [
      'one of two containers is in the network of the node',
      'NodeNetwork',
      [{ pid: 40 }, { pid: 41, container: SANDBOX, network: 'node' }],
    ],
    [
      'two networks have the address of the pod',
      'Ambiguous',
      [{ pid: 40 }, { pid: 41, container: SANDBOX, network: 'other' }],
    ],
    ['no network has the address of the pod', 'Changed', [{ pid: 40, addresses: ['10.244.0.8'] }]],
  ])('is none when %s', async (_what, reason, all) => {
    for (const one of all) runs(one);
    const { run, calls } = recorder(INSIDE);
    expect(await carryOut(run)).toMatchObject({ result: 'Refused', reason });
    expect(calls).toEqual([]);
  });
});
