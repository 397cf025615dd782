// A whole probe on loopback, with every process that it starts: the networks are one here, so everything gets through, and
// what must not be concluded from anything else.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Ended, RunInside } from '../../../src/helpers/programs/netns-enter.ts';
import {
  dialControl,
  probeInside,
  probeNetwork,
  type ProbeGiven,
} from '../../../src/helpers/programs/netns-probe.ts';
import { systemClock as clock } from '../../../src/kube/clock.ts';
import { freePorts } from '../../support/ports.ts';

const [POD, HELPER] = ['127.0.0.2', '127.0.0.1'];
const PATIENCE_MS = 30_000;

let proc = '';
beforeEach(() => {
  proc = mkdtempSync(join(tmpdir(), 'die-operator-probe-'));
  mkdirSync(join(proc, '1/ns'), { recursive: true });
  writeFileSync(join(proc, '1/ns/net'), '');
});
afterEach(() => rmSync(proc, { recursive: true }));

const ended = (said: object): Ended => ({ code: 0, stdout: JSON.stringify(said), stderr: '' });

/** What `die-operator helper` does with these arguments, in this process. */
const run: RunInside = async (_fd, [, program, ...args]) => {
  const [address = '', port, ...rest] = args;
  const here = { address, port: Number(port) };
  if (program === 'netns-dial') return ended(await dialControl(clock, here, rest[0] ?? ''));
  const [peer = '', peerPort, id = ''] = rest;
  const ends = { here, peer: { address: peer, port: Number(peerPort) }, api: undefined };
  return ended(await probeInside(clock, { ...ends, id }));
};

async function given(change: Partial<ProbeGiven> = {}): Promise<ProbeGiven> {
  const [port = 0] = await freePorts(1);
  const order = { podAddresses: [POD] };
  const surroundings = { proc, run, self: ['self'], fd: 0, clock, random: Math.random, api: undefined };
  return { ...surroundings, order, port, ownAddresses: [HELPER], ...change };
}

test('all ways are found where nothing stops them', { timeout: PATIENCE_MS }, async () => {
  const report = await probeNetwork(await given());
  expect(report).toEqual({
    result: 'Open',
    ways: [
      'to another pod by TCP',
      'to another pod by UDP',
      'from another pod by TCP',
      'from another pod by UDP',
    ],
  });
});

test('a pod is not closed because its process came to nothing', { timeout: PATIENCE_MS }, async () => {
  const silent = { TCP: 'Silent', UDP: 'Silent' };
  const dead: RunInside = async (fd, command, input, withinMs) =>
    command[1] === 'netns-probe-inside'
      ? ended({ own: silent, out: silent, toApi: 'Silent', heard: [] })
      : run(fd, command, input, withinMs);
  const report = await probeNetwork(await given({ run: dead }));
  expect(report).toMatchObject({ result: 'Refused', reason: 'Unclear' });
  const { message } = report as { message: string };
  for (const what of ['node to pod by TCP', 'pod to itself by UDP', 'listening until the end'])
    expect(message).toContain(what);
  expect(message).not.toContain('node to helper');
});

test.each<[string, Partial<Ended>, RegExp]>([
  [
    'cannot be started',
    { code: null, stderr: 'spawn nsenter ENOENT' },
    /ended with code null: spawn nsenter/,
  ],
  ['says what cannot be read', { code: 0, stdout: '{"own":1}' }, /./],
])('a probe whose process %s fails, and leaves no listener', async (_what, answer, why) => {
  const broken: RunInside = async () => ({ code: 0, stdout: '', stderr: '', ...answer });
  const one = await given({ run: broken });
  await expect(probeNetwork(one)).rejects.toThrow(why);
  await expect(probeNetwork(one)).rejects.not.toMatchObject({ code: 'EADDRINUSE' });
});

test('each address is probed from one of its family', async () => {
  const order = { podAddresses: ['fd00::7'] };
  await expect(probeNetwork(await given({ order }))).rejects.toThrow(/no address of the family of fd00::7/);
});
