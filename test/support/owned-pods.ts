// Pods of every built-in owner but a Deployment, whose objects World makes.
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { DAEMON_SETS, JOBS, PODS, STATEFUL_SETS, type Resource } from '../../src/kube/resources.ts';
import { isReady, PINNED, type World } from './world.ts';

/** Creates a StatefulSet, a DaemonSet and a Job of one pod each; resolves to the pods by kind, once they are Ready. */
export async function podsOfOtherOwners(world: World): Promise<Map<string, KubeObject>> {
  // A DaemonSet would start a pod on every node of the cluster, and this world plays its own two.
  const nodeSelector = { 'kubernetes.io/hostname': `${world.namespace}-node-1` };
  const [set, daemon, job] = ['set', 'daemon', 'job'].map((app) => ({ app }));
  await create(world, STATEFUL_SETS, 'set', {
    ...selecting(set),
    serviceName: 'set',
    template: template(set),
  });
  await create(world, DAEMON_SETS, 'daemon', {
    ...selecting(daemon),
    template: template(daemon, { nodeSelector }),
  });
  await create(world, JOBS, 'job', { template: template(job, { restartPolicy: 'Never' }) });
  return world.until('a Ready pod of each owner', async () => {
    const ready = (await world.list(PODS)).filter(isReady);
    const byKind = new Map(ready.map((pod) => [pod.metadata.ownerReferences?.[0]?.kind ?? '', pod]));
    return [STATEFUL_SETS, DAEMON_SETS, JOBS].every(({ kind }) => byKind.has(kind)) ? byKind : undefined;
  });
}

/** Creates a StatefulSet of two pods and then a quota under which no pod can start anew; resolves to a pod of the set. */
export async function withoutRoom(world: World): Promise<KubeObject> {
  const labels = { app: 'pair' };
  const spec = { ...selecting(labels), replicas: 2, serviceName: 'pair', template: template(labels) };
  await create(world, STATEFUL_SETS, 'pair', spec);
  const pod = await world.until('two Ready pods of the set', async () => {
    const pods = (await world.list(PODS)).filter(({ metadata }) => metadata.labels?.['app'] === 'pair');
    return pods.length === 2 && pods.every(isReady) ? pods[0] : undefined;
  });
  await create(world, RESOURCE_QUOTAS, 'full', { hard: { pods: '1' } });
  return pod;
}

/** Whether the StatefulSet of the incident's pod was touched. */
export function hasTouched({ status }: DriftIncident): boolean {
  return (status?.steps ?? []).some(({ name, state }) => name === 'Touch' && state === 'Succeeded');
}

async function create(world: World, { group, version, kind, ...rest }: Resource, name: string, spec: object) {
  const { namespace } = world;
  const body = {
    apiVersion: group === '' ? version : `${group}/${version}`,
    kind,
    metadata: { name, namespace },
    spec,
  };
  await world.client.create({ group, version, kind, ...rest }, { namespace }, body);
}

const RESOURCE_QUOTAS: Resource = { ...PODS, plural: 'resourcequotas', kind: 'ResourceQuota' };

type Labels = { app: string } | undefined;

const selecting = (matchLabels: Labels) => ({ selector: { matchLabels } });

const template = (labels: Labels, spec: object = {}) => ({
  metadata: { labels },
  spec: { containers: [{ name: 'main', image: PINNED }], ...spec },
});
