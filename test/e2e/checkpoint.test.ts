// Checkpoints on a real node: its kubelet is asked for one with an account of its own; what it made comes into the evidence
// and is gone from the node; and where it cannot, that is told in its words.
import { describe, expect } from 'vitest';
import { CAPTURE_NAMESPACE, CHECKPOINT_ACCOUNT, SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { kubeletsOf } from '../../src/commands/run/kubelets.ts';
import { capture } from '../../src/evidence/capture.ts';
import type { CollectContext } from '../../src/evidence/collector.ts';
import { deadline, systemClock } from '../../src/kube/clock.ts';
import { loadConnection } from '../../src/kube/connection.ts';
import type { Kubelets } from '../../src/kube/kubelet.ts';
import { DEPLOYMENTS, NETWORK_POLICIES, PODS } from '../../src/kube/resources.ts';
import { createUndiciTransport } from '../../src/kube/undici-transport.ts';
import { silentLogger } from '../../src/observe/log.ts';
import { checkpointCollector } from '../../src/respond/checkpoint.ts';
import { anIncident } from '../support/builders.ts';
import { tokenFor } from '../support/cluster-access.ts';
import { kubectl } from '../support/manifests.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { eventually } from '../support/real-api-test.ts';
import { applyComponent, installHelpers, removeComponent, removeHelpers } from './support/components.ts';
import { deployment, isReady, type RunningPod } from './support/node-test.ts';
import { pushHelperImage } from './support/operator-image.ts';
import { operatorTest } from './support/operator-test.ts';

const PATIENCE_MS = 240_000;
const COMPONENT = 'components/checkpoint';
const FOLDER = '/var/lib/kubelet/checkpoints';

const test = operatorTest
  .extend('checkpoints', async ({ access, client, installation, node }, { onCleanup }): Promise<Kubelets> => {
    if (installation === undefined) throw new Error('there is no installation');
    const { name, digest } = await pushHelperImage(node);
    onCleanup(async () => {
      const policy = ['networkpolicy', 'tests', '--ignore-not-found'];
      await kubectl(access, '-n', CAPTURE_NAMESPACE, 'delete', ...policy);
      await removeComponent(access, COMPONENT);
      await removeHelpers(access);
    });
    const image = `${name}@${digest}`;
    await installHelpers(access, installation.image, { image, profiles: 'canary, checkpoint' });
    await applyComponent(access, COMPONENT);
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
    const connection = await loadConnection({ kubeconfig: access.adminKubeconfig });
    return kubeletsOf({}, connection, systemClock);
  })
  // Takes checkpoints as the responder does, from a process outside of the cluster. `sums`: of archives while they are there.
  .extend('captured', ({ client, checkpoints, node }) => async (pod: RunningPod) => {
    const { namespace = '', name, uid } = pod.metadata;
    const { metadata, spec } = anIncident();
    const store = createMemoryStore({ clock: systemClock });
    const context: CollectContext = {
      client,
      clock: systemClock,
      target: { ...spec.target, namespace, name, uid },
      incident: { namespace, name: metadata.name, uid: `incident-${uid}` },
      signal: deadline(systemClock, 120_000).signal,
    };
    const sums: string[] = [];
    const kubelets: Kubelets = {
      checkpoint: async (...asked) => {
        const paths = await checkpoints.checkpoint(...asked);
        for (const path of paths) sums.push((await node.run('sha256sum', path)).split(' ')[0] ?? '');
        return paths;
      },
    };
    const request = { maxBytes: () => 64 * 1024 * 1024, withinMs: () => 90_000, recipients: [] };
    const collector = checkpointCollector(request, { log: silentLogger, kubelets });
    const summary = await capture([collector], context, store);
    const { files = [], problems = [] } = store.manifest(context.incident.uid) ?? {};
    process.stdout.write(`checkpoint: ${files.length} files, ${JSON.stringify(problems)}\n`);
    const bytes = store.bytes(context.incident.uid, 'node/checkpoint-peer.tar');
    const left = await node.run('ls', FOLDER);
    return { summary, files, sums, left, bytes, problems: problems.map(({ message }) => message) };
  });

describe('a checkpoint', () => {
  // Not every distribution has a CRIU that runs on its kernel: with DIE_CRIU=1 where `criu check` says that it does.
  if (process.env['DIE_CRIU'] !== undefined)
    test(
      'comes into the evidence as it was on the node, and is gone from there, and the pod works on',
      { timeout: PATIENCE_MS },
      async ({ deploy, captured, client, exec }) => {
        const [pod] = await deploy('suspect', 1);
        if (pod === undefined) throw new Error('a pod is missing');
        const { summary, files, sums, left, bytes, problems } = await captured(pod);
        expect(problems).toEqual([]);
        expect(summary.missing).toEqual([]);
        expect(files).toMatchObject([
          { path: 'node/checkpoint-peer.tar', truncated: false, sha256: sums[0] },
        ]);
        expect(Buffer.from(bytes ?? []).includes('spec.dump')).toBe(true);
        expect(left).not.toContain(pod.metadata.name);
        expect(await exec(pod, 'echo', 'it works')).toBe('it works\n');
        const pods = await client.list(PODS, { namespace: CAPTURE_NAMESPACE });
        expect(pods.items.filter(({ metadata: { deletionTimestamp } }) => !deletionTimestamp)).toEqual([]);
      },
    );

  test(
    'that cannot be made is told in the words of the kubelet, and no pod is started for it',
    { timeout: PATIENCE_MS },
    async ({ client, namespace, images, captured }) => {
      // Without its environment it listens by MPTCP, which no CRIU can dump; where there is none, that fails as well.
      const body = deployment({ name: 'stubborn', replicas: 1, image: images.peer });
      const text = JSON.stringify(body).replace('multipathtcp=0', 'multipathtcp=1');
      await client.create(DEPLOYMENTS, { namespace }, JSON.parse(text) as object);
      const all = async () =>
        (await client.list<RunningPod>(PODS, { namespace, labelSelector: 'app=stubborn' })).items;
      const [pod] = await eventually('it is Ready', all, (pods) => pods.some(isReady), 60_000);
      if (pod === undefined) throw new Error('a pod is missing');
      const { summary, files, problems } = await captured(pod);
      expect(files).toEqual([]);
      expect(problems[0]).toMatch(
        /^no checkpoint of container peer: the kubelet of node \S+ answers 500: \S/,
      );
      expect(problems).toHaveLength(2);
      expect(summary.missing).toEqual(['checkpoint']);
    },
  );
});

describe('the account that kubelets are asked by', () => {
  test('can have checkpoints made, and nothing else', async ({ access, checkpoints, node, provided }) => {
    expect(checkpoints).toBeDefined();
    const token = await tokenFor(access, SYSTEM_NAMESPACE, CHECKPOINT_ACCOUNT);
    const { tls } = await (await loadConnection({ kubeconfig: access.adminKubeconfig })).credentials();
    const transport = createUndiciTransport({
      server: `https://${provided.places.nodeAddress}:10250`,
      credentials: async () => ({
        headers: { authorization: `Bearer ${token}` },
        tls: { ...(tls.ca !== undefined && { ca: tls.ca }), rejectUnauthorized: true },
      }),
    });
    const ask = async (method: 'GET' | 'POST', path: string) => {
      const signal = AbortSignal.timeout(10_000);
      return (await transport({ method, path, headers: {}, streaming: false, signal })).status;
    };
    const answers = {
      checkpoint: await ask('POST', '/checkpoint/default/none/none'),
      pods: await ask('GET', '/pods'),
      exec: await ask('POST', '/exec/default/none/none?command=sh&output=1'),
      run: await ask('POST', '/run/default/none/none?cmd=sh'),
      logs: await ask('GET', '/logs/'),
    };
    await transport.close();
    expect(node.places.nodeName).toBe(provided.places.nodeName);
    expect(answers).toEqual({ checkpoint: 404, pods: 403, exec: 403, run: 403, logs: 403 });
  });
});
