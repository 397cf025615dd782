// The protection of a quarantine stands in nobody's way who keeps the cluster going: real controllers, and the accounts of
// those that do not run here, with the rights that every cluster gives them.
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { QUARANTINE_LABEL } from '../../src/api/names.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { CONFIG_MAPS, DEPLOYMENTS, NAMESPACES, NETWORK_POLICIES, PODS } from '../../src/kube/resources.ts';
import { denyPolicy } from '../../src/respond/deny-policy.ts';
import { listQuarantined, unlistQuarantined } from '../../src/respond/quarantine-list.ts';
import type { PlainAnswer } from '../support/cluster-access.ts';
import { imageTable } from '../support/pod-status.ts';
import { isDenied, protectedTest, type Does, type Who } from '../support/protected-test.ts';
import { eviction, podOf, type Try } from '../support/quarantine-requests.ts';
import { createNamespace, eventually } from '../support/real-api-test.ts';
import { isReady } from '../support/world.ts';

const IMAGE = 'registry.example/shop/web:1.4';
const LABELS = { app: 'web' };
const STRATEGIC = 'application/strategic-merge-patch+json';

const test = protectedTest.extend('victim', async ({ client, namespace, kubelet }): Promise<KubeObject> => {
  await kubelet({ images: imageTable(IMAGE) });
  await client.create(NETWORK_POLICIES, { namespace }, denyPolicy(namespace));
  const { spec } = podOf('template');
  await client.create(
    DEPLOYMENTS,
    { namespace },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: {
        replicas: 2,
        selector: { matchLabels: LABELS },
        template: { metadata: { labels: LABELS }, spec },
      },
    },
  );
  const [victim] = await eventually(
    'two Ready pods',
    () => ready(client, namespace),
    ({ length }) => length === 2,
  );
  if (!victim) throw new Error('there is no pod');
  return victim;
});

async function ready(client: KubeClient, namespace: string): Promise<KubeObject[]> {
  return (await client.list<KubeObject>(PODS, { namespace })).items.filter(isReady);
}

async function find(client: KubeClient, namespace: string, name: string): Promise<KubeObject | undefined> {
  return (await client.list<KubeObject>(PODS, { namespace })).items.find(
    ({ metadata }) => metadata.name === name,
  );
}

describe('a protected pod', () => {
  test('is let go of by its ReplicaSet, replaced, and taken back on release', async ({
    victim,
    client,
    namespace,
    quarantine,
  }) => {
    const { name, labels = {} } = victim.metadata;
    await quarantine(name, 'Held');
    const read = () => find(client, namespace, name);
    await eventually('the pod has no owner', read, (pod) => pod?.metadata.ownerReferences === undefined);
    await eventually(
      'a replacement',
      () => ready(client, namespace),
      ({ length }) => length === 3,
    );
    await client.jsonPatch(PODS, { namespace, name }, [
      { op: 'add', path: '/metadata/labels', value: labels },
    ]);
    await unlistQuarantined(client, { namespace, name, uid: victim.metadata.uid });
    await eventually(
      'two pods again',
      () => ready(client, namespace),
      ({ length }) => length === 2,
    );
  });

  test('outlives its Deployment, which can be deleted', async ({
    victim,
    client,
    namespace,
    does,
    quarantine,
  }) => {
    const { name, uid } = victim.metadata;
    await quarantine(name, 'Held');
    await eventually(
      'a replacement',
      () => ready(client, namespace),
      ({ length }) => length === 3,
    );
    const { metadata } = await client.get<KubeObject>(DEPLOYMENTS, { namespace, name: 'web' });
    await client.delete(DEPLOYMENTS, { namespace, name: 'web' }, metadata.uid);
    const pods = () => client.list<KubeObject>(PODS, { namespace }).then(({ items }) => items);
    const left = await eventually('the others are gone', pods, ({ length }) => length === 1);
    expect(left[0]?.metadata).toMatchObject({ uid, name });
    expect(isDenied(await does('dev', { method: 'DELETE', path: `pods/${name}` }))).toBe(true);
  });

  test('is deleted by the responder, and the kubelet confirms it', async ({
    victim,
    client,
    namespace,
    does,
    quarantine,
  }) => {
    const { name } = victim.metadata;
    await quarantine(name, 'Held');
    const gone = await does('responder', { method: 'DELETE', path: `pods/${name}?gracePeriodSeconds=1` });
    expect(gone.status).toBe(200);
    await eventually(
      'the pod is gone',
      () => find(client, namespace, name),
      (pod) => pod === undefined,
    );
  });

  test('goes with its namespace', async ({ access, client }) => {
    const { name: namespace } = await createNamespace(access, client);
    const { metadata } = await client.create<KubeObject>(PODS, { namespace }, podOf('held'));
    await client.create(NETWORK_POLICIES, { namespace }, denyPolicy(namespace));
    await listQuarantined(client, { namespace, name: 'held', uid: metadata.uid }, 'Held');
    const label = { op: 'add', path: '/metadata/labels', value: { [QUARANTINE_LABEL]: 'true' } } as const;
    await client.jsonPatch(PODS, { namespace, name: 'held' }, [label]);
    const { uid } = (await client.get<KubeObject>(NAMESPACES, { name: namespace })).metadata;
    await client.delete(NAMESPACES, { name: namespace }, uid);
    const names = () =>
      client.list<KubeObject>(NAMESPACES).then(({ items }) => items.map((item) => item.metadata.name));
    await eventually('the namespace is gone', names, (all) => !all.includes(namespace), 30_000);
  });

  test('goes with an owner that it kept', async ({ does, client, namespace, quarantine }) => {
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'owner' } };
    const { metadata } = await client.create<KubeObject>(CONFIG_MAPS, { namespace }, body);
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: metadata.uid, controller: true };
    await client.create(PODS, { namespace }, podOf('kept', { ownerReferences: [owner] }));
    await quarantine('kept', 'Held');
    expect(isDenied(await does('dev', { method: 'DELETE', path: 'pods/kept' }))).toBe(true);
    await client.delete(CONFIG_MAPS, { namespace, name: 'owner' }, metadata.uid);
    await eventually(
      'the pod is collected',
      () => find(client, namespace, 'kept'),
      (pod) => pod === undefined,
    );
  });
});

const disruption = { type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' };
const status = (change: object): Try => ({
  method: 'PATCH',
  path: 'pods/held/status',
  body: { status: change },
  contentType: STRATEGIC,
});
const remove: Try = { method: 'DELETE', path: 'pods/held?gracePeriodSeconds=0' };
const bind: Try = {
  method: 'POST',
  path: 'pods/held/binding',
  body: {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name: 'held' },
    target: { kind: 'Node', name: 'node-1' },
  },
};

describe('what keeps the cluster going', () => {
  test.for<[Who, Try[]]>([
    ['scheduler', [bind]],
    ['scheduler', [status({ conditions: [disruption] }), remove]],
    ['nodeController', [status({ conditions: [{ type: 'Ready', status: 'False' }] }), remove]],
    ['podGarbageCollector', [status({ phase: 'Failed', conditions: [disruption] }), remove]],
    ['kubelet', [status({ phase: 'Running', containerStatuses: [] }), status({ phase: 'Failed' }), remove]],
  ])(
    '%s does its work on a protected pod',
    async ([who, requests], { does, client, namespace, quarantine }) => {
      await client.create(PODS, { namespace }, podOf('held'));
      await quarantine('held', 'Held');
      await eventually('the list is known', () => does('dev', eviction('held')), isDenied);
      const answers: PlainAnswer[] = [];
      for (const request of requests) answers.push(await does(who, request));
      expect(answers.filter((answer) => answer.status >= 300)).toEqual([]);
      expect(await exists(does)).toBe(!requests.includes(remove));
    },
  );

  test('may not take the label off either', async ({ does, client, namespace, quarantine }) => {
    await client.create(PODS, { namespace }, podOf('held'));
    await quarantine('held', 'Held');
    const body = { metadata: { labels: { [QUARANTINE_LABEL]: null } } };
    const request = { ...status({}), body };
    const all = ['nodeController', 'podGarbageCollector', 'kubelet'] as const;
    const answers = await Promise.all(all.map((who) => does(who, request)));
    expect(answers.map(isDenied)).toEqual([true, true, true]);
  });
});

async function exists(does: Does): Promise<boolean> {
  return (await does('admin', { path: 'pods/held' })).status === 200;
}
