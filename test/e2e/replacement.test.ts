// What takes the place of an evicted pod on a real node: an image whose tag was moved meanwhile, one that does not stay up, and a
// bare pod that a person lets be made anew.
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import { isFinal, type DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { RESTARTED_FOR_ANNOTATION } from '../../src/api/names.ts';
import {
  CLUSTER_DRIFT_POLICIES,
  CONFIG_MAPS,
  DAEMON_SETS,
  DEPLOYMENTS,
  JOBS,
  PODS,
  STATEFUL_SETS,
} from '../../src/kube/resources.ts';
import { alertAbout } from '../support/alerts.ts';
import { aPolicy } from '../support/builders.ts';
import { kubectl } from '../support/manifests.ts';
import { eventually } from '../support/real-api-test.ts';
import { applyComponent, removeComponent } from './support/components.ts';
import { REGISTRY } from './support/node-config.ts';
import { deployment, isReady, type RunningPod } from './support/node-test.ts';
import { tableTest } from './support/table.ts';

const PATIENCE_MS = 150_000;
/** With the installation, on a busy machine. */
const TIMEOUT = { timeout: 420_000 };
const RESTART = 'components/restart';

/** What of a pod's spec and Deployment the tests set. */
interface Template {
  spec: { template: { spec: { containers: object[] } } };
}

const readyOf = ({ status }: DriftIncident) => findCondition(status?.conditions, 'Ready');
const imagesOf = (pod: KubeObject) =>
  (pod['spec'] as { containers: { image: string }[] }).containers.map(({ image }) => image);

const test = tableTest
  // Ready pods of a Deployment whose container is changed like this.
  .extend('run', ({ client, namespace }) => async (image: string, change: object): Promise<RunningPod[]> => {
    const body = deployment({ name: 'web', replicas: 3, image }) as Template;
    const { spec } = body.spec.template;
    spec.containers = spec.containers.map((container) => ({ ...container, ...change }));
    await client.create(DEPLOYMENTS, { namespace }, body);
    const ready = async () => (await client.list<RunningPod>(PODS, { namespace })).items.filter(isReady);
    return eventually('three Ready pods', ready, ({ length }) => length === 3, PATIENCE_MS);
  })
  // The right to make bare pods anew in this namespace, and a policy that asks for it, granted.
  .extend('restarting', async ({ access, client, namespace, operator }, { onCleanup }) => {
    expect(operator.receiverUrl).toContain('https:');
    const name = `restarts-${namespace}`;
    onCleanup(async () => {
      await kubectl(access, 'delete', 'clusterdriftpolicy', name, '--ignore-not-found');
      await removeComponent(access, RESTART);
    });
    await applyComponent(access, RESTART);
    const who = '--serviceaccount=die-operator-system:responder';
    const role = '--clusterrole=die-operator-restart';
    await kubectl(access, '-n', namespace, 'create', 'rolebinding', 'die-operator-restart', role, who);
    const responses = [
      { name: 'restart', minSeverity: 'Warning', actions: ['Label', 'Isolate', 'Capture', 'Restart'] },
    ];
    const { apiVersion, spec } = aPolicy({ responses });
    const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
    const kind = 'ClusterDriftPolicy';
    await client.create(
      CLUSTER_DRIFT_POLICIES,
      {},
      { apiVersion, kind, metadata: { name }, spec: { ...spec, namespaceSelector } },
    );
    return name;
  });

const OWNERS = [
  ['Deployment', DEPLOYMENTS],
  ['StatefulSet', STATEFUL_SETS],
  ['DaemonSet', DAEMON_SETS],
  ['Job', JOBS],
] as const;
type OwnerKind = (typeof OWNERS)[number][0];

/** It has one pod; a StatefulSet has two. */
function ownerOf(kind: OwnerKind, image: string): object {
  const app = kind.toLowerCase();
  const [labels, metadata] = [{ app }, { name: app }];
  const restartPolicy = kind === 'Job' ? 'Never' : 'Always';
  const pod = { restartPolicy, terminationGracePeriodSeconds: 1, containers: [{ name: 'peer', image }] };
  const template = { metadata: { labels }, spec: pod };
  const selector = { matchLabels: labels };
  if (kind === 'Job') return { apiVersion: 'batch/v1', kind, metadata, spec: { template } };
  const replicas = {
    Deployment: { replicas: 1 },
    StatefulSet: { replicas: 2, serviceName: app },
    DaemonSet: {},
  };
  return { apiVersion: 'apps/v1', kind, metadata, spec: { ...replicas[kind], selector, template } };
}

const rests = (incident: DriftIncident) => isFinal(incident) || incident.status?.phase === 'AwaitingApproval';
const alertOn = (pod: RunningPod) => alertAbout(pod, { time: new Date().toISOString() });

describe('a replacement with another image than its tag had', () => {
  test(
    'is no recovery, and the next eviction of the workload needs a person',
    TIMEOUT,
    async ({ operator, policy, run, incidentOf, node, images, namespace, client }) => {
      const tag = `${REGISTRY}/peer:${namespace}`;
      const platform = `linux/${process.arch === 'arm64' ? 'arm64' : 'amd64'}`;
      const crane = (...args: string[]) => node.run('crane', ...args, '--platform', platform);
      await crane('copy', images.peer, tag);
      await policy();
      const [first, second] = await run(tag, { imagePullPolicy: 'Always' });
      if (first === undefined || second === undefined) throw new Error('a pod is missing');
      await crane('mutate', tag, '--env', 'MOVED=1', '--set-platform', platform, '-t', tag);

      await operator.post(alertOn(first));
      const failed = await incidentOf(first, 'it is over', isFinal);
      expect([failed.status?.phase, readyOf(failed)?.reason]).toEqual(['Failed', 'UnapprovedImage']);
      expect(failed.status?.replacement?.images[0]?.proof).toBe('None');
      expect(findCondition(failed.status?.conditions, 'ReplacementVerified')).toMatchObject({
        status: 'False',
      });

      await operator.post(alertOn(second));
      const asks = await incidentOf(second, 'it asks', ({ status }) => status?.phase === 'AwaitingApproval');
      expect(asks.status?.plan?.needs).toContain('BadReplacement');
      const { name, uid } = second.metadata;
      const { metadata } = await client.get<KubeObject>(PODS, { namespace, name });
      expect([metadata.uid, metadata.deletionTimestamp]).toEqual([uid, undefined]);
    },
  );
});

describe('a replacement that does not stay up', () => {
  test(
    'is said to be in a crash loop',
    TIMEOUT,
    async ({ operator, policy, run, incidentOf, images, namespace, client }) => {
      const metadata = { name: 'settings' };
      const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { MODE: 'good' } };
      await client.create(CONFIG_MAPS, { namespace }, map);
      await policy({ eviction: { replacement: { readyWithin: '20s' } } });
      const command = ['sh', '-c', '[ "$MODE" = good ] || exit 1; exec /bin/peer serve'];
      const [suspect] = await run(images.peer, { command, envFrom: [{ configMapRef: metadata }] });
      if (suspect === undefined) throw new Error('there is no pod');
      const bad = [{ op: 'replace', path: '/data/MODE', value: 'bad' }] as const;
      await client.jsonPatch(CONFIG_MAPS, { namespace, name: metadata.name }, [...bad]);

      await operator.post(alertOn(suspect));
      const failed = await incidentOf(suspect, 'it is over', isFinal);
      expect([failed.status?.phase, readyOf(failed)?.reason]).toEqual(['Failed', 'CrashLooping']);
    },
  );
});

describe('a bare pod', () => {
  test(
    'is made anew, pinned, once a person has approved it by the command that the incident names',
    TIMEOUT,
    async ({ answer, operator, restarting, incidentOf, images, namespace, client }) => {
      expect(restarting).toContain(namespace);
      const [name, image] = ['lonely', `${REGISTRY}/peer:1`];
      const spec = { terminationGracePeriodSeconds: 1, containers: [{ name: 'peer', image }] };
      const read = () => client.get<RunningPod>(PODS, { namespace, name });
      await client.create(PODS, { namespace }, { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec });
      const before = await eventually('it is Ready', read, isReady, PATIENCE_MS);

      await operator.post(alertOn(before));
      const asks = await incidentOf(before, 'it asks', ({ status }) => status?.phase === 'AwaitingApproval');
      expect(asks.status?.plan?.needs).toEqual(['BarePod']);
      const command = `die-operator approve -n ${namespace} ${asks.metadata.name}`;
      expect(readyOf(asks)?.message).toContain(command);
      const shown = await answer('approve', asks);
      const digest = images.peer.slice(images.peer.indexOf('@'));
      expect(shown).toContain(`${image}${digest}`);

      const over = await incidentOf(before, 'it is over', isFinal);
      expect([over.status?.phase, readyOf(over)?.reason]).toEqual(['Resolved', 'Replaced']);
      const after = await read();
      expect(after.metadata.uid).not.toBe(before.metadata.uid);
      expect(over.status?.restart?.pod).toMatchObject({ name, uid: after.metadata.uid });
      expect(after.metadata.annotations).toEqual({ [RESTARTED_FOR_ANNOTATION]: over.metadata.uid });
      expect(imagesOf(after)).toEqual([`${image}${digest}`]);
      expect(over.status?.replacement?.images).toMatchObject([{ proof: 'Pinned' }]);
    },
  );
});

describe('a pod of each kind of owner', () => {
  test(
    'waits for a person where its eviction would leave nothing, and is replaced as its owner does it',
    TIMEOUT,
    async ({ answer, operator, policy, incidentOf, images, namespace, client }) => {
      await policy();
      const pods = async () => (await client.list<RunningPod>(PODS, { namespace })).items.filter(isReady);
      for (const [kind, resource] of OWNERS)
        await client.create(resource, { namespace }, ownerOf(kind, images.peer));
      const suspects = await eventually(
        'all are Ready',
        pods,
        ({ length }) => length === OWNERS.length + 1,
        PATIENCE_MS,
      );
      const found: Record<string, unknown> = {};
      for (const [kind] of OWNERS) {
        const pod = suspects.find(({ metadata }) => metadata.labels?.['app'] === kind.toLowerCase());
        if (pod === undefined) throw new Error(`there is no pod of a ${kind}`);
        await operator.post(alertOn(pod));
        const asks = await incidentOf(pod, `${kind} rests`, rests);
        const needs = isFinal(asks) ? [] : asks.status?.plan?.needs;
        if (!isFinal(asks)) await answer('approve', asks);
        const over = await incidentOf(pod, `${kind} is over`, isFinal);
        found[kind] = { needs, ends: `${over.status?.phase}/${readyOf(over)?.reason}` };
      }
      const ends = 'Resolved/Replaced';
      expect(found).toEqual({
        Deployment: { needs: ['SingleReplica', 'LastReadyCopy'], ends },
        StatefulSet: { needs: ['StatefulSet'], ends },
        DaemonSet: { needs: ['SingleReplica', 'LastReadyCopy'], ends },
        // Its pod is isolated as an orphan, and the Job has another one by then.
        Job: { needs: [], ends },
      });
    },
  );
});
