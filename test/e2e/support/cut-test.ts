// `cutTest`: tests of the firewall in the network of a pod, with helper pods that may put it there, a policy that asks for it,
// and what shows whether it holds.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { findCondition } from '../../../src/api/conditions.ts';
import type { DriftIncident } from '../../../src/api/incident.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import type { Condition } from '../../../src/api/policy.ts';
import {
  CLUSTER_DRIFT_POLICIES,
  DEPLOYMENTS,
  DRIFT_INCIDENTS,
  DRIFT_POLICIES,
  PODS,
} from '../../../src/kube/resources.ts';
import { aPolicy } from '../../support/builders.ts';
import { eventually } from '../../support/real-api-test.ts';
import { installHelpers, removeComponent, removeHelpers } from './components.ts';
import { enforcePolicies } from './enforcement.ts';
import { deployment, isReady, type RunningPod } from './node-test.ts';
import { operatorTest } from './operator-test.ts';
import { pushHelperImage } from './operator-image.ts';
import { traffic, type Exec } from './traffic.ts';

interface Containers {
  spec: { template: { spec: { containers: object[] } } };
}

/**
 * Fixtures: `helpers`, their image once they are allowed; `unenforced`, for the time of a test; `suspect({ bare, replicas })`, the first pod; `read(pod)`;
 * `granted`, once a policy of the namespace that asks for a firewall may; `incident(what, holds)`. One for a file: another one
 * would install another operator.
 */
export const cutTest = operatorTest
  .extend('helpers', async ({ access, installation, node }, { onCleanup }): Promise<string> => {
    if (installation === undefined) throw new Error('there is no installation');
    const { name, digest } = await pushHelperImage(node);
    const image = `${name}@${digest}`;
    onCleanup(() => removeHelpers(access));
    await installHelpers(access, installation.image, { image, profiles: 'canary, netns' });
    // What closes every path would hide what the firewall closes.
    await removeComponent(access, 'components/cilium', ['policy.yaml']);
    return image;
  })
  .extend('unenforced', async ({ node }, { onCleanup }) => {
    onCleanup(() => enforcePolicies(node, 'default'));
    await enforcePolicies(node, 'never');
  })
  // Ready and alive by probes each second, and without a capability that gets around a firewall.
  .extend(
    'suspect',
    ({ client, namespace, images }) =>
      async ({ bare = true, replicas = 1 } = {}): Promise<RunningPod> => {
        const body = deployment({ name: 'suspect', replicas, image: images.peer }) as Containers;
        const livenessProbe = { httpGet: { path: '/', port: 8080 }, periodSeconds: 1, failureThreshold: 2 };
        const securityContext = bare ? { capabilities: { drop: ['ALL'] } } : {};
        const { spec } = body.spec.template;
        spec.containers = spec.containers.map((one) => ({ ...one, livenessProbe, securityContext }));
        await client.create(DEPLOYMENTS, { namespace }, body);
        const all = () => client.list<RunningPod>(PODS, { namespace, labelSelector: 'app=suspect' });
        const isThere = (pods: RunningPod[]) => pods.length === replicas && pods.every(isReady);
        const [pod] = await eventually('a Ready suspect', async () => (await all()).items, isThere, 60_000);
        if (pod === undefined) throw new Error('there is no suspect');
        return pod;
      },
  )
  .extend('read', ({ client, namespace }) => (pod: RunningPod) => {
    return client.get<RunningPod>(PODS, { namespace, name: pod.metadata.name });
  })
  .extend('incident', ({ client, namespace }) => {
    return async (what: string, holds: (incident: DriftIncident) => boolean): Promise<DriftIncident> => {
      const incidents = async () => (await client.list<DriftIncident>(DRIFT_INCIDENTS, { namespace })).items;
      const isThere = ([first]: DriftIncident[]) => first !== undefined && holds(first);
      const [found] = await eventually(what, incidents, isThere, 60_000);
      if (found === undefined) throw new Error('there is no incident');
      return found;
    };
  })
  .extend('granted', async ({ client, namespace, operator, helpers }, { onCleanup }) => {
    expect([operator.receiverUrl, helpers]).toHaveLength(2);
    const { apiVersion, kind, spec } = aPolicy(CONTAIN);
    const own = await client.create<KubeObject>(
      DRIFT_POLICIES,
      { namespace },
      { apiVersion, kind, metadata: { name: 'web' }, spec },
    );
    const accepted = async () => {
      const policy = await client.get<KubeObject>(DRIFT_POLICIES, { namespace, name: own.metadata.name });
      const { conditions = [] } = (policy['status'] ?? {}) as {
        conditions?: { type: string; reason: string }[];
      };
      return conditions.find(({ type }) => type === 'Accepted')?.reason;
    };
    await eventually('it is not permitted', accepted, (reason) => reason === 'NotPermitted');
    const name = `grants-${namespace}`;
    const grants = { enforce: true, cut: true };
    const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
    const policy = await client.create<KubeObject>(
      CLUSTER_DRIFT_POLICIES,
      {},
      { apiVersion, kind: 'ClusterDriftPolicy', metadata: { name }, spec: { namespaceSelector, grants } },
    );
    onCleanup(() => client.delete(CLUSTER_DRIFT_POLICIES, { name }, policy.metadata.uid));
    await eventually('it is permitted', accepted, (reason) => reason === 'Accepted');
  });

/** What comes of requests from the suspect to the other, and back. */
export async function bothWays(exec: Exec, suspect: RunningPod, other: RunningPod): Promise<object> {
  const [out, into] = await Promise.all([traffic(exec, suspect, other), traffic(exec, other, suspect)]);
  return { out, into };
}
/** Of {@link bothWays}. */
export const OPEN = { out: 'reaches', into: 'reaches' };
/** Of {@link bothWays}. */
export const CUT = { out: 'cut', into: 'cut' };

/** Whether it stays Ready, and was not restarted, for ten probes. */
export async function staysReady(
  read: (pod: RunningPod) => Promise<RunningPod>,
  pod: RunningPod,
): Promise<void> {
  for (let second = 0; second < 10; second++) {
    await sleep(1_000);
    const now = await read(pod);
    const { restartCount } = now.status.containerStatuses[0] as unknown as { restartCount: number };
    expect({ ready: isReady(now), restartCount }).toEqual({ ready: true, restartCount: 0 });
  }
}

const CONTAIN = {
  mode: 'Enforce',
  isolation: { cut: 'PodFirewall' },
  responses: [{ name: 'contain', minSeverity: 'Warning', actions: ['Label', 'Isolate'] }],
};

/** The condition. */
export const isolated = ({ status }: DriftIncident): Condition | undefined =>
  findCondition(status?.conditions, 'Isolated');
