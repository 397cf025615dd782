// Protected namespaces: a pod there is touched only by an exception that a policy of the cluster names, while that counts.
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { API_VERSION, QUARANTINE_POLICY } from '../../src/api/names.ts';
import { CLUSTER_DRIFT_POLICIES, DRIFT_INCIDENTS, NETWORK_POLICIES, PODS } from '../../src/kube/resources.ts';
import { flowTest as test } from '../support/flow-test.ts';
import type { TestOperator } from '../support/test-operator.ts';
import { isReady, PINNED, type World } from '../support/world.ts';

const REASON = 'the addons are ours';
const CONTAIN = [{ name: 'contain', minSeverity: 'Warning', actions: ['Label', 'Isolate'] }];

/** The settings protect the namespace of the test, and nothing else. */
const guarded = (world: World) => world.operator({ protectedNamespaces: [world.namespace] });

const excepting = ({ namespace }: World, change: object = {}) => ({
  mode: 'Enforce',
  responses: CONTAIN,
  unprotect: [
    { name: 'addons', namespace, podSelector: { matchLabels: { app: 'web' } }, reason: REASON, ...change },
  ],
});

async function critical(world: World): Promise<KubeObject> {
  const { client, namespace } = world;
  const metadata = { name: 'dns', namespace, labels: { app: 'web' } };
  const spec = { priorityClassName: 'system-node-critical', containers: [{ name: 'web', image: PINNED }] };
  await client.create(PODS, { namespace }, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
  return world.until('the critical pod is Ready', async () =>
    (await world.list(PODS)).find((pod) => pod.metadata.name === 'dns' && isReady(pod)),
  );
}

/** Sends an alert that must do nothing. @returns what the receiver said of it */
async function refused(world: World, operator: TestOperator, pod: KubeObject): Promise<string> {
  const before = operator.writes.length;
  const { body } = await operator.post(world.alert(pod));
  const metrics = await operator.metrics();
  expect(await world.list(DRIFT_INCIDENTS)).toEqual([]);
  expect(operator.writes.slice(before).filter(({ path }) => path.includes('/pods'))).toEqual([]);
  expect(metrics).toMatch(/outcome="Protected"\} [1-9]/);
  return JSON.stringify(body);
}

/** The same under a policy that has nothing to do there, so that nobody judges it. */
async function refusedBy(world: World, spec: object, pod: KubeObject): Promise<void> {
  const { client, namespace } = world;
  const name = `nothing-${namespace}`;
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
  const { metadata } = await client.create<KubeObject>(
    CLUSTER_DRIFT_POLICIES,
    {},
    {
      apiVersion: API_VERSION,
      kind: CLUSTER_DRIFT_POLICIES.kind,
      metadata: { name },
      spec: { namespaceSelector, ...spec },
    },
  );
  try {
    await refused(world, await guarded(world), pod);
  } finally {
    await client.delete(CLUSTER_DRIFT_POLICIES, { name }, metadata.uid);
  }
}

describe('a pod of a protected namespace', () => {
  test('is left alone, whatever a policy of the cluster says', async ({ world }) => {
    const victim = await world.victim(2);
    await refusedBy(world, { mode: 'Enforce', responses: CONTAIN }, victim);
    const policies = await world.list(NETWORK_POLICIES);
    expect(policies.filter(({ metadata }) => metadata.name === QUARANTINE_POLICY)).toEqual([]);
  });

  test('is isolated by an exception, with its deny policy, and the incident names it; critical ones stay', async ({
    world,
  }) => {
    const victim = await world.victim(2);
    const dns = await critical(world);
    const operator = await guarded(world);
    await world.clusterPolicy(excepting(world));
    await refused(world, operator, dns);
    await operator.post(world.alert(victim));
    const { status } = await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
    expect(status?.plan?.message).toContain(
      `exception addons of ClusterDriftPolicy cluster-${world.namespace} lets it be touched (${REASON})`,
    );
    const policies = await world.list(NETWORK_POLICIES);
    expect(policies.map(({ metadata }) => metadata.name)).toContain(QUARANTINE_POLICY);
    const pods = await world.list(PODS);
    expect(pods.find(({ metadata }) => metadata.uid === dns.metadata.uid)?.metadata.labels).toEqual({
      app: 'web',
    });
  });

  test('that is critical is touched where the exception says so', async ({ world }) => {
    const dns = await critical(world);
    const operator = await guarded(world);
    await world.clusterPolicy(excepting(world, { critical: true }));
    await operator.post(world.alert(dns));
    await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
  });

  test('stays as it is where the exception has ended', async ({ world }) => {
    const victim = await world.victim(2);
    await refusedBy(world, excepting(world, { expires: '2020-01-01T00:00:00Z' }), victim);
  });

  test('that is in quarantine stays there when the exception is withdrawn, and a person can release it', async ({
    world,
  }) => {
    const { client, namespace } = world;
    const victim = await world.victim(2);
    const operator = await guarded(world);
    const { metadata } = await world.clusterPolicy(excepting(world));
    await operator.post(world.alert(victim));
    await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
    const { name } = metadata;
    await client.jsonPatch(CLUSTER_DRIFT_POLICIES, { name }, [{ op: 'remove', path: '/spec/unprotect' }]);
    const kept = await world.incident('that is protected', (i) =>
      (i.status?.conditions ?? []).some(({ reason }) => reason === 'Protected'),
    );
    expect(kept.status?.phase).toBe('Quarantined');
    await client.jsonPatch(DRIFT_INCIDENTS, { namespace, name: kept.metadata.name }, [
      { op: 'add', path: '/spec/decision', value: { action: 'Release', by: 'ann', reason: 'a false alarm' } },
    ]);
    await world.incident('that is released', (i) => i.status?.phase === 'Released');
  });
});
