// What config/ installs runs as it stands, with nothing changed but the image and the limits: with the rights it has, as the user it names,
// and reached by those whom its NetworkPolicies let in.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { recordedBody } from '../support/alerts.ts';
import type { ClusterAccess } from '../support/cluster-access.ts';
import { mayDo } from '../support/installed-test.ts';
import { kubectl } from '../support/manifests.ts';
import { SENDER, SENDER_NAMESPACE } from './support/installation.ts';
import { containerId, type RunningPod } from './support/node-test.ts';
import { operatorTest as test, type InstalledOperator } from './support/operator-test.ts';
import type { Node } from './support/node.ts';

const ROLES = ['receiver', 'responder'] as const;
const INTAKE = 2802;
const HEALTH = 8081;
/** Of pino's levels. */
const ERROR = 50;
const TEST_EVENT = recordedBody('04-test-event');

async function firstPod(operator: InstalledOperator, role: (typeof ROLES)[number]): Promise<RunningPod> {
  const [pod] = await operator.pods(role);
  if (pod === undefined) throw new Error(`there is no ${role}`);
  return pod;
}

/** `/proc/<pid>/<file>` of the first process of a pod's container. */
async function procFile(node: Node, pod: RunningPod, file: string): Promise<string> {
  const find = `grep -l ${containerId(pod)} /proc/[0-9]*/cgroup | head -n 1`;
  const [, , pid = ''] = (await node.run('sh', '-c', find)).split('/');
  return node.run('cat', `/proc/${pid}/${file}`);
}

describe('config/default', () => {
  test('becomes Ready, and may not act', async ({ recorder, client }) => {
    for (const role of ROLES) expect((await recorder.pods(role)).length).toBeGreaterThan(0);
    const right = { account: 'responder', group: '', resource: 'pods', verb: 'patch' };
    expect(await mayDo(client, right)).toBe(false);
  });

  test.for(ROLES)('%s: nothing but what it needs', async (role, { recorder, node }) => {
    const pod = await firstPod(recorder, role);
    const status = await procFile(node, pod, 'status');
    const line = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1];
    expect({
      user: line('Uid'),
      group: line('Gid'),
      capabilities: [line('CapEff'), line('CapPrm'), line('CapBnd')],
      privileges: line('NoNewPrivs'),
      // A filter is in force.
      seccomp: line('Seccomp'),
    }).toEqual({
      user: '65532\t65532\t65532\t65532',
      group: '65532\t65532\t65532\t65532',
      capabilities: Array(3).fill('0'.repeat(16)),
      privileges: '1',
      seccomp: '2',
    });
    const root = (await procFile(node, pod, 'mountinfo')).split('\n').find((mount) => / \/ \/ /.test(mount));
    expect(root).toMatch(/ \/ \/ ro,/);
  });

  test.for(ROLES)(
    '%s: logs a line of JSON for each thing that it says',
    async (role, { recorder, access }) => {
      const { metadata } = await firstPod(recorder, role);
      const log = await kubectl(access, '-n', SYSTEM_NAMESPACE, 'logs', metadata.name);
      const lines = log
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(lines).toContainEqual(expect.objectContaining({ msg: 'die-operator starts', roles: [role] }));
      for (const { time, level, msg } of lines) {
        expect([time, level, msg]).toEqual([
          expect.stringMatching(/^\d{4}-.*Z$/),
          expect.any(Number),
          expect.any(String),
        ]);
        expect(level).toBeLessThan(ERROR);
      }
    },
  );

  test('takes an alert from the namespace of Falcosidekick, by the name and the certificate of its Service', async ({
    recorder,
  }) => {
    expect(await recorder.post(TEST_EVENT)).toMatchObject({ status: 202, body: { outcome: 'Ignored' } });
  });
});

describe('the image', () => {
  test('has by the Dockerfile a base that is pinned, with the Node of the tests', async () => {
    const dockerfile = await readFile(join(import.meta.dirname, '../../Dockerfile'), 'utf8');
    const [, version] =
      /^ARG NODE_IMAGE=\S+\/node:([\d.]+)-slim@sha256:[0-9a-f]{64}$/m.exec(dockerfile) ?? [];
    expect(`v${version}`).toBe(process.version);
    const bases = dockerfile.split('\n').filter((line) => line.startsWith('FROM '));
    expect(bases).toEqual([
      'FROM --platform=${BUILDPLATFORM} ${NODE_IMAGE} AS build',
      'FROM ${NODE_IMAGE} AS helper',
      'FROM ${RUNTIME_IMAGE}',
    ]);
  });

  test('has no shell, and no demo, which it says', async ({ recorder, access }) => {
    const pod = await firstPod(recorder, 'responder');
    await expect(recorder.program(pod, 'demo')).rejects.toThrow('demo is not part of the image');
    const shell = ['exec', pod.metadata.name, '-n', SYSTEM_NAMESPACE, '--', 'sh', '-c', 'true'];
    await expect(kubectl(access, ...shell)).rejects.toThrow('executable file not found');
  });
});

describe('the NetworkPolicies of config/default', () => {
  test('keep everybody else from the intake, and everybody from the rest', async ({
    recorder,
    access,
    deploy,
    exec,
  }) => {
    const [[stranger, neighbour], receiver, responder] = await Promise.all([
      deploy('stranger', 2),
      firstPod(recorder, 'receiver'),
      firstPod(recorder, 'responder'),
    ]);
    if (stranger === undefined || neighbour === undefined) throw new Error('a pod is missing');
    const fromStranger = (pod: RunningPod, port: number) =>
      exec(stranger, 'peer', 'get', `http://${pod.status.podIP}:${port}/`).then(
        () => 'reaches',
        (error: unknown) => (/deadline exceeded|i\/o timeout/.test(String(error)) ? 'cut' : String(error)),
      );
    const fromFalco = async ({ status: { podIP } }: RunningPod, port: number) => {
      const ask = `fetch('http://${podIP}:${port}/readyz', { signal: AbortSignal.timeout(2000) })`;
      const script = `${ask}.then(() => 'reaches', (error) => error.name).then(console.log)`;
      return (
        await kubectl(access, '-n', SENDER_NAMESPACE, 'exec', SENDER, '--', 'node', '-e', script)
      ).trim();
    };
    expect(
      await Promise.all([
        fromStranger(neighbour, 8080),
        fromStranger(receiver, INTAKE),
        fromStranger(receiver, HEALTH),
        fromStranger(responder, HEALTH),
        fromFalco(neighbour, 8080),
        fromFalco(receiver, HEALTH),
        fromFalco(responder, HEALTH),
      ]),
    ).toEqual(['reaches', 'cut', 'cut', 'cut', 'reaches', 'TimeoutError', 'TimeoutError']);
  });
});

/** Deletes the pod, and sees that its program ended of itself, with code 0, before its grace was over. */
async function endOf(access: ClusterAccess, { metadata: { name } }: RunningPod): Promise<void> {
  const code = 'jsonpath={.status.containerStatuses[0].state.terminated.exitCode}';
  await Promise.all([
    kubectl(access, '-n', SYSTEM_NAMESPACE, 'wait', `--for=${code}=0`, `pod/${name}`, '--timeout=60s'),
    kubectl(access, '-n', SYSTEM_NAMESPACE, 'delete', 'pod', name),
  ]);
}

describe('a pod that is told to end', () => {
  test('receiver: no alert is lost, and it ends of itself', async ({ recorder, access }) => {
    const pod = await firstPod(recorder, 'receiver');
    const log = recorder.logToTheEnd(pod);
    let ended: Promise<void> | undefined;
    let over = false;
    for await (const sent of recorder.posting(TEST_EVENT, 1000, 20)) {
      expect(sent).toMatchObject({ status: 202 });
      ended ??= endOf(access, pod).finally(() => (over = true));
      if (over) break;
    }
    await ended;
    expect((await log).at(-1)).toContain('"msg":"die-operator has stopped"');
    await recorder.pods('receiver');
  });

  test('responder: it ends of itself, and another one takes over', async ({ recorder, access }) => {
    const pod = await firstPod(recorder, 'responder');
    const log = recorder.logToTheEnd(pod);
    await endOf(access, pod);
    expect((await log).at(-1)).toContain('"msg":"die-operator has stopped"');
    const next = await firstPod(recorder, 'responder');
    expect(next.metadata.uid).not.toBe(pod.metadata.uid);
  });
});
