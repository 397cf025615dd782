// Bringing a cluster up and taking it down: nothing of it stays behind, however it ended.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isAlive } from '../../support/processes.ts';
import { eventually } from '../../support/real-api-test.ts';
import { ClusterInUse, startNode, stopNode } from '../support/cluster.ts';
import { machineState, type MachineState } from '../support/leftovers.ts';
import { ensureNodeAssets, type NodeAssets } from '../support/node-assets.ts';
import { choosePlaces } from '../support/places.ts';
import { cleanEnvironment, processesOf } from '../support/processes.ts';
import { isHeld, readRecord, writeRecord } from '../support/record.ts';
import { missingRequirement } from '../support/requirements.ts';

/** The kernel takes a moment to take a network apart. */
const SOON = { timeout: 15_000, interval: 100 };
const UP = join(import.meta.dirname, '../../../scripts/e2e-up.ts');
const said: string[] = [];
const say = (line: string) => void said.push(line);

/** The binaries; skips the test, and says why, where there can be no node. */
async function needsNode(skip: (note: string) => never): Promise<NodeAssets> {
  const missing = missingRequirement();
  if (missing !== undefined) skip(missing);
  const record = readRecord();
  if (record && isHeld(record))
    skip(`cluster ${record.places.id} is up, and there is one at a time: run make e2e-down`);
  const search = await ensureNodeAssets(say);
  if (!search.found) skip(search.reason);
  onTestFinished(async () => void (await stopNode(say)));
  return search.assets;
}

/** What a cluster may change while it is up; mounts and settings of the machine are not among it. */
function changing({
  namespaces,
  processes,
  links,
  routes,
  cgroups,
  folders,
}: MachineState): Partial<MachineState> {
  return { namespaces, processes, links, routes, cgroups, folders };
}

const nameOf = (pid: number) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
const isStopped = (pid: number) => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

describe('taking a cluster down', () => {
  test('leaves nothing, and may be repeated; meanwhile there is no second one', async ({ skip }) => {
    const assets = await needsNode(skip);
    const before = machineState();

    const { node } = await startNode({ assets, say, until: 'run' });
    const during = machineState();
    expect(during.links).not.toEqual(before.links);
    expect({ ...during, ...changing(before) }).toEqual(before);
    await expect(startNode({ assets, say, until: 'run' })).rejects.toThrow(ClusterInUse);

    expect(await stopNode(say)).toBe(node.places.id);
    await expect.poll(machineState, SOON).toEqual(before);
    expect(await stopNode(say)).toBeUndefined();
  });

  test('comes first where a killed run left one half made', async ({ skip }) => {
    const assets = await needsNode(skip);
    const before = machineState();
    const up = spawn(process.execPath, [UP], { stdio: 'ignore' });
    const ended = once(up, 'exit');
    const processes = async () => readRecord()?.processes ?? [];
    await eventually('the node and the API server run', processes, ({ length }) => length >= 3, 60_000);
    up.kill('SIGKILL');
    await ended;

    const left = await processes();
    expect(left.some(isAlive)).toBe(true);
    await startNode({ assets, say, until: 'run' });
    expect(left.filter(isAlive)).toEqual([]);
    await stopNode(say);
    await expect.poll(machineState, SOON).toEqual(before);
  });

  test('does not wait for a program of the node that a test has stopped', async ({ skip }) => {
    const assets = await needsNode(skip);
    const before = machineState();
    const { node } = await startNode({ assets, say, until: 'run' });
    const pids = processesOf(node.places).map(({ pid }) => pid);
    const named = (name: string) => pids.filter((pid) => nameOf(pid) === name);
    for (const pid of named('kubelet')) process.kill(pid, 'SIGSTOP');
    // Who started it stops with it, and would not see it end.
    const stopped = async () => named('nsenter').filter(isStopped);
    await eventually('its parent is stopped', stopped, ({ length }) => length > 0, 10_000);

    expect(await stopNode(say)).toBe(node.places.id);
    // Which the next test would take for what was there before.
    await expect.poll(machineState, SOON).toEqual(before);
  });

  test('follows a start that failed, which says why', async ({ skip }) => {
    const assets = await needsNode(skip);
    const before = machineState();
    const controlPlane = { ...assets.controlPlane, apiServer: assets.controlPlane.etcd };
    const start = startNode({ assets: { ...assets, controlPlane }, say, until: 'run' });
    await expect(start).rejects.toThrow(/kube-apiserver ended with code \d+\n.*flag/s);
    expect(readRecord()).toBeUndefined();
    await expect.poll(machineState, SOON).toEqual(before);
  });

  test('finds a process that its run had no time to put on record', async ({ skip }) => {
    await needsNode(skip);
    const places = choosePlaces();
    writeRecord({ places, holder: { pid: process.pid, startedAt: 'long ago' }, processes: [] });
    const stray = spawn('env', [...cleanEnvironment(places), 'sleep', '600'], { stdio: 'ignore' });
    const bystander = spawn('env', [...cleanEnvironment({ ...places, id: 'other' }), 'sleep', '600'], {
      stdio: 'ignore',
    });
    onTestFinished(() => void bystander.kill('SIGKILL'));
    const ended = once(stray, 'exit');
    await eventually(
      'it runs',
      async () => processesOf(places),
      ({ length }) => length === 1,
    );

    await stopNode(say);
    expect(await ended).toEqual([null, 'SIGKILL']);
    expect(bystander.exitCode).toBeNull();
  });
});
