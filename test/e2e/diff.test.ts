// `die-operator diff` on a real node: finds what a pod wrote, also where detectors that watch for programs see none.
import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { CAPTURE_NAMESPACE } from '../../src/api/names.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import type { PodDiff } from '../../src/commands/diff/compare.ts';
import { NETWORK_POLICIES, PODS } from '../../src/kube/resources.ts';
import { kubectl } from '../support/manifests.ts';
import { eventually } from '../support/real-api-test.ts';
import { installHelpers, removeHelpers } from './support/components.ts';
import { pushHelperImage } from './support/operator-image.ts';
import { operatorTest } from './support/operator-test.ts';

const PATIENCE_MS = 240_000;
const PROGRAM = join(import.meta.dirname, '../../bin/die-operator.js');

const test = operatorTest.extend(
  'programs',
  async ({ access, client, installation, node }, { onCleanup }) => {
    if (installation === undefined) throw new Error('there is no installation');
    const { name, digest } = await pushHelperImage(node);
    onCleanup(async () => {
      await kubectl(
        access,
        '-n',
        CAPTURE_NAMESPACE,
        'delete',
        'networkpolicy',
        'tests',
        '--ignore-not-found',
      );
      await removeHelpers(access);
    });
    await installHelpers(access, installation.image, {
      image: `${name}@${digest}`,
      profiles: 'canary, capture',
    });
    // These tests are outside of the cluster, from where nobody is let in.
    const from = [{ ipBlock: { cidr: `${node.places.hostAddress}/32` } }];
    await client.create(
      NETWORK_POLICIES,
      { namespace: CAPTURE_NAMESPACE },
      {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: 'tests' },
        spec: { podSelector: {}, policyTypes: ['Ingress'], ingress: [{ from }] },
      },
    );
    return (...args: string[]) => ({
      file: process.execPath,
      args: [PROGRAM, 'diff', '--kubeconfig', access.adminKubeconfig, ...args],
    });
  },
);

function run({ file, args }: { file: string; args: string[] }) {
  return new Promise<{ code: number; out: string; err: string }>((resolve) => {
    execFile(file, args, { maxBuffer: 64 * 1024 * 1024 }, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out, err }),
    );
  });
}

describe('the files of a pod on a real node', () => {
  test(
    'are as in its image, until a script is dropped through a linked folder and run by its interpreter',
    { timeout: PATIENCE_MS },
    async ({ deploy, exec, programs, client }) => {
      const [pod] = await deploy('compared', 1);
      if (pod === undefined) throw new Error('a pod is missing');
      const { name, namespace = '' } = pod.metadata;
      const clean = await run(programs(name, '-n', namespace));
      expect(clean).toMatchObject({ code: 0, err: '', out: expect.stringContaining('drift: 0,') });

      await exec(
        pod,
        'sh',
        '-c',
        'mkdir /tmp/real && ln -s /tmp/real /tmp/link && printf "#!/bin/sh\\nsleep 3600\\n" >/tmp/link/run && setsid sh /tmp/link/run >/dev/null 2>&1 </dev/null & sleep 1',
      );
      const began = performance.now();
      const found = await run(programs(name, '-n', namespace, '-o', 'json', '--expected-writes', '/tmp/*'));
      process.stdout.write(`diff: ${Math.round(performance.now() - began)} ms\n`);
      expect({ code: found.code, err: found.err }).toEqual({ code: 1, err: '' });
      const told = JSON.parse(found.out) as PodDiff;
      expect(told).toMatchObject({
        pod: name,
        uid: pod.metadata.uid,
        complete: true,
        problems: [],
        changes: [
          { path: '/tmp/real/run', kind: 'Added', content: 'Script', danger: true, container: 'peer' },
        ],
      });
      const left = await client.list<KubeObject>(PODS, { namespace: CAPTURE_NAMESPACE });
      expect(left.items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)).toEqual([]);
    },
  );

  test(
    'are no more looked at once somebody pressed Ctrl-C, and the capture pod is cleared away',
    { timeout: PATIENCE_MS },
    async ({ deploy, programs, client }) => {
      const [pod] = await deploy('stopped', 1);
      if (pod === undefined) throw new Error('a pod is missing');
      const { file, args } = programs(pod.metadata.name, '-n', pod.metadata.namespace ?? '');
      const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'] });
      let err = '';
      child.stderr.on('data', (piece: Buffer) => (err += piece.toString()));
      const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
      const captures = async () => {
        const { items } = await client.list<KubeObject>(PODS, { namespace: CAPTURE_NAMESPACE });
        return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      };
      await eventually('it is started', captures, (pods) => pods.length > 0, 60_000);
      child.kill('SIGINT');
      expect(await ended).toBe(2);
      expect(err).toContain('it was stopped');
      expect(await captures()).toEqual([]);
    },
  );
});
