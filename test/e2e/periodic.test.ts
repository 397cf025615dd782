// Running pods are compared with their images from time to time, by the operator as config/components/comparison and
// config/components/evidence install it: what was dropped into a pod opens an incident, and a clean pod is left alone.
import { generateKeyPairSync } from 'node:crypto';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { API_VERSION, CAPTURE_NAMESPACE, SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import type { ClusterDriftPolicy } from '../../src/api/policy.ts';
import { FILESYSTEM_RULE } from '../../src/detect/filesystem.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { CLUSTER_DRIFT_POLICIES, DRIFT_INCIDENTS, PODS } from '../../src/kube/resources.ts';
import type { CaptureOrder } from '../../src/helpers/capture-order.ts';
import { kubectl } from '../support/manifests.ts';
import { eventually } from '../support/real-api-test.ts';
import { installHelpers, removeComponent, removeHelpers } from './support/components.ts';
import type { RunningPod } from './support/node-test.ts';
import { pushHelperImage } from './support/operator-image.ts';
import { operatorTest } from './support/operator-test.ts';
import { policyComparedSoon } from './support/soon.ts';

const PATIENCE_MS = 480_000;
const INTERVAL_MS = 600_000;
const COMPARED_MS = 240_000;
/** The Lease of a leader that was killed lasts 15 s. */
const LEADS_MS = 60_000;
/** The operator looks for what is due twice a minute. */
const TWO_LOOKS_MS = 65_000;
const DROP =
  'mkdir /tmp/real && ln -s /tmp/real /tmp/link && printf "#!/bin/sh\\nsleep 3600\\n" >/tmp/link/run && setsid sh /tmp/link/run >/dev/null 2>&1 </dev/null & sleep 1';

/** A capture pod that was there. */
interface Compared {
  pod: string;
  contents: boolean;
  at: number;
}

const test = operatorTest
  // Installed as a person would, with evidence that is encrypted and signed. Gives a time since when the operator leads.
  .extend('comparing', async ({ access, client, installation, node, recorder }, { onCleanup }) => {
    if (installation === undefined) throw new Error('there is no installation');
    const { name, digest } = await pushHelperImage(node);
    onCleanup(async () => {
      await removeComponent(access, 'components/comparison');
      await removeHelpers(access);
    });
    const recipients = await identityToRecipient(await generateX25519Identity());
    const { privateKey } = generateKeyPairSync('ed25519');
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
    const secret = ['secret', 'generic', 'evidence-signing', `--from-literal=key.pem=${pem}`];
    await kubectl(access, '-n', SYSTEM_NAMESPACE, 'create', ...secret);
    const data = { recipients, 'signing-key-file': '/etc/die-operator/evidence-signing/key.pem' };
    const metadata = { name: 'die-operator-evidence', namespace: SYSTEM_NAMESPACE };
    await installHelpers(
      access,
      installation.image,
      { image: `${name}@${digest}`, profiles: 'canary, capture' },
      {
        components: ['comparison', 'evidence'],
        patches: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata, data }],
      },
    );
    const rollout = ['rollout', 'status', 'deployment/responder', '--timeout=90s'];
    await kubectl(access, '-n', SYSTEM_NAMESPACE, ...rollout);
    await recorder.pods('responder');
    await judgesPolicies(client);
    return Date.now();
  })
  .extend('made', (): ClusterDriftPolicy[] => [])
  // Has pods of one workload compared soon.
  .extend('policyOf', ({ client, namespace, comparing, made }, { onCleanup }) => {
    onCleanup(async () => {
      for (const { metadata } of made)
        await client.delete(CLUSTER_DRIFT_POLICIES, { name: metadata.name }, metadata.uid);
    });
    return async (app: string, pods: readonly RunningPod[]) => {
      const spec = {
        mode: 'Enforce',
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
        match: { podSelector: { matchLabels: { app } } },
        comparison: { interval: '10m' },
        evidence: { collectors: ['Filesystem'] },
        responses: [{ name: 'keep', sources: ['Filesystem'], actions: ['Label', 'Capture'] }],
      };
      const name = `${app}-${namespace}`;
      made.push(await policyComparedSoon(client, { name, spec, pods, since: comparing }));
    };
  })
  // What the condition Ready says of these policies.
  .extend('policiesReady', ({ client, made }) => () => {
    const reasons = made.map(async ({ metadata: { name } }) => {
      const { status } = await client.get<ClusterDriftPolicy>(CLUSTER_DRIFT_POLICIES, { name });
      return findCondition(status?.conditions, 'Ready')?.reason;
    });
    return Promise.all(reasons);
  })
  // Capture pods, which come and go within seconds: which pod each one reads is in its order.
  .extend('compared', async ({ client }, { onCleanup }) => {
    const seen = new Map<string, Compared>();
    const ended = new AbortController();
    const look = async () => {
      const { items } = await client.list<KubeObject>(PODS, { namespace: CAPTURE_NAMESPACE });
      for (const one of items) {
        const order = orderOf(one);
        if (order && !seen.has(one.metadata.uid))
          seen.set(one.metadata.uid, {
            pod: order.podUid,
            contents: order.contents,
            at: Date.parse(one.metadata.creationTimestamp ?? ''),
          });
      }
      return ended.signal.aborted;
    };
    const watching = eventually('the test is over', look, Boolean, PATIENCE_MS);
    onCleanup(async () => {
      ended.abort();
      await watching;
    });
    return () => [...seen.values()];
  });

function orderOf(pod: KubeObject): CaptureOrder | undefined {
  const { containers = [] } = (pod['spec'] ?? {}) as { containers?: { args?: string[] }[] };
  const args = containers[0]?.args ?? [];
  const order = args[args.indexOf('--order') + 1];
  return args[0] === 'capture' && order !== undefined ? (JSON.parse(order) as CaptureOrder) : undefined;
}

/** A Ready responder need not lead yet, and what was due before it led is the business of the leader before. */
async function judgesPolicies(client: KubeClient): Promise<void> {
  const metadata = { name: 'judged' };
  const spec = { mode: 'Audit', namespaceSelector: {}, responses: [{ name: 'any', actions: ['Label'] }] };
  const body = { apiVersion: API_VERSION, kind: 'ClusterDriftPolicy', metadata, spec };
  const { metadata: made } = await client.create(CLUSTER_DRIFT_POLICIES, {}, body);
  await eventually(
    'the new leader judges a policy',
    () => client.get<ClusterDriftPolicy>(CLUSTER_DRIFT_POLICIES, metadata),
    ({ status }) => findCondition(status?.conditions, 'Ready') !== undefined,
    LEADS_MS,
  );
  await client.delete(CLUSTER_DRIFT_POLICIES, metadata, made.uid);
}

const uidsOf = (pods: readonly RunningPod[]) => pods.map(({ metadata: { uid } }) => uid);

describe('the periodic comparison', () => {
  test(
    'finds the script that was dropped into a running pod, and leaves a clean workload alone',
    { timeout: PATIENCE_MS },
    async ({ access, client, namespace, deploy, exec, policyOf, policiesReady, compared, onTestFailed }) => {
      const [dirty] = await deploy('dirty', 1);
      const clean = await deploy('clean', 2);
      if (dirty === undefined) throw new Error('a pod is missing');
      await exec(dirty, 'sh', '-c', DROP);
      const responder = ['-n', SYSTEM_NAMESPACE, 'logs', 'deployment/responder', '--tail=40'];
      onTestFailed(async () => void process.stdout.write(await kubectl(access, ...responder)));

      await policyOf('dirty', [dirty]);

      // Of a response the content of files is kept, which a comparison does without.
      const comparisons = (pods: readonly string[]) =>
        compared().filter(({ pod, contents }) => !contents && pods.includes(pod));
      const incidents = async () => (await client.list<DriftIncident>(DRIFT_INCIDENTS, { namespace })).items;
      const [found] = await eventually(
        'the drift is answered',
        incidents,
        ([first]) => first?.status?.evidence !== undefined,
        COMPARED_MS,
      );
      expect(found?.spec).toMatchObject({
        target: { uid: dirty.metadata.uid, name: dirty.metadata.name },
        trigger: {
          severity: 'Error',
          detection: {
            source: 'Filesystem',
            rule: FILESYSTEM_RULE,
            executable: '/tmp/real/run',
            containerName: 'peer',
          },
          policies: [{ kind: 'ClusterDriftPolicy', rungs: ['keep'] }],
        },
      });
      expect(found?.status?.evidence).toMatchObject({
        problems: [],
        encryption: 'Age',
        signedBy: [expect.stringMatching(/^[0-9a-f]{64}$/)],
      });

      // Only now: a response that needs the node would end a comparison there, which then is done once more.
      await policyOf('clean', clean);
      const looked = await eventually(
        'a pod of the clean workload is compared',
        async () => comparisons(uidsOf(clean)),
        ({ length }) => length > 0,
        COMPARED_MS,
      );
      const end = (looked[0]?.at ?? NaN) + TWO_LOOKS_MS;
      await eventually('it has looked again', async () => Date.now() > end, Boolean, COMPARED_MS);
      for (const workload of [[dirty], clean]) {
        const times = comparisons(uidsOf(workload)).map(({ at }) => Math.floor(at / INTERVAL_MS));
        expect(new Set(times).size).toBe(times.length);
      }
      expect(await policiesReady()).toEqual(['Enforcing', 'Enforcing']);
      expect((await incidents()).map(({ spec }) => spec.target.uid)).toEqual([dirty.metadata.uid]);
      const now = await client.list<RunningPod>(PODS, { namespace, labelSelector: 'app=clean' });
      expect(now.items.map(({ metadata: { uid, labels } }) => ({ uid, labels }))).toEqual(
        clean.map(({ metadata: { uid, labels } }) => ({ uid, labels })),
      );
    },
  );
});
