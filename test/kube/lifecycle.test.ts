// The test bed itself: control planes come, are restarted and go, whatever happens to their run.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { startControlPlane } from '../support/api-server.ts';
import { call } from '../support/cluster-access.ts';
import { isAlive, ownId, startDaemon, type ProcessId } from '../support/processes.ts';
import { eventually, realApiTest } from '../support/real-api-test.ts';
import { createRunFolder, endStaleRuns } from '../support/run-folder.ts';

describe('a control plane of its own', () => {
  realApiTest(
    'keeps its objects over a restart of kube-apiserver, and leaves nothing',
    async ({ assets }) => {
      const plane = await startControlPlane(assets);
      const { access } = plane;
      const folder = join(access.adminKubeconfig, '..');
      const { processes } = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as {
        processes: ProcessId[];
      };
      try {
        expect(processes.every(isAlive)).toBe(true);
        const made = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kept' } };
        expect(await call(access, { method: 'POST', path: '/api/v1/namespaces', body: made })).toMatchObject({
          status: 201,
        });
        await plane.restartApiServer();
        expect(await call(access, { path: '/api/v1/namespaces/kept' })).toMatchObject({ status: 200 });
      } finally {
        await plane.stop();
      }
      expect(processes.some(isAlive)).toBe(false);
      expect(existsSync(folder)).toBe(false);
    },
  );

  realApiTest('that cannot start says why, with the log', async ({ assets }) => {
    const broken = { ...assets, apiServer: assets.etcd };
    await expect(startControlPlane(broken)).rejects.toThrow(/kube-apiserver ended with code \d+\n.*flag/s);
  });
});

describe('a process', () => {
  test('is not mistaken for another one with its pid', () => {
    const own = ownId();
    expect(isAlive(own)).toBe(true);
    expect(isAlive({ ...own, startedAt: 'another time' })).toBe(false);
  });

  test('is ended by its folder, which goes too', async () => {
    const run = createRunFolder();
    const daemon = await startDaemon('sleeper', 'sleep', ['600'], run.path);
    run.adopt(daemon.id);
    await run.remove();
    expect(isAlive(daemon.id)).toBe(false);
    expect(existsSync(run.path)).toBe(false);
  });

  test('that cannot be started is an error', async () => {
    const run = createRunFolder();
    await expect(startDaemon('nothing', '/does/not/exist', [], run.path)).rejects.toThrow('ENOENT');
    await run.remove();
  });
});

/** What was killed as the last thing that its run did may take a moment to die. */
function gone(daemon: ProcessId): Promise<boolean> {
  return eventually(
    'the process is gone',
    async () => isAlive(daemon),
    (alive) => !alive,
  );
}

describe('a run', () => {
  test.for(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'ended by %s takes its processes with it',
    async (signal) => {
      const { child, daemon, folder } = await startRun();
      child.kill(signal);
      expect(await exitOf(child)).toBe(signal);
      await gone(daemon);
      expect(existsSync(folder)).toBe(false);
    },
  );

  test('that exits without a word takes its processes with it', async () => {
    const { child, daemon, folder } = await startRun();
    child.stdin?.end();
    expect(await exitOf(child)).toBe(3);
    await expect.poll(() => isAlive(daemon)).toBe(false);
    expect(existsSync(folder)).toBe(false);
  });

  test('that was killed is cleaned up by the next one, a living one is left alone', async () => {
    const [killed, living] = [await startRun(), await startRun()];
    killed.child.kill('SIGKILL');
    await exitOf(killed.child);
    expect(isAlive(killed.daemon)).toBe(true);
    await endStaleRuns();
    expect(isAlive(killed.daemon)).toBe(false);
    expect(existsSync(killed.folder)).toBe(false);
    expect(isAlive(living.daemon)).toBe(true);
    living.child.kill('SIGTERM');
    await exitOf(living.child);
  });
});

/** A process of its own that has a run folder with one daemon, and exits with 3 when its input ends. */
async function startRun(): Promise<{ child: ChildProcess; daemon: ProcessId; folder: string }> {
  const support = join(import.meta.dirname, '../support');
  const program = `
    const { createRunFolder } = await import(${JSON.stringify(join(support, 'run-folder.ts'))});
    const { startDaemon } = await import(${JSON.stringify(join(support, 'processes.ts'))});
    const run = createRunFolder();
    const daemon = await startDaemon('sleeper', 'sleep', ['600'], run.path);
    run.adopt(daemon.id);
    console.log(JSON.stringify({ daemon: daemon.id, folder: run.path }));
    process.stdin.on('end', () => process.exit(3)).resume();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  for await (const line of createInterface(child.stdout)) {
    const { daemon, folder } = JSON.parse(line) as { daemon: ProcessId; folder: string };
    return { child, daemon, folder };
  }
  throw new Error('the run ended before it told its processes');
}

function exitOf(child: ChildProcess): Promise<number | NodeJS.Signals | null> {
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
}
