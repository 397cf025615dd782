// What the real controllers of pods that are replaced make of a response: Deployment and StatefulSet, and what a
// disruption budget learns of it.
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { INCIDENT_ANNOTATION, QUARANTINE_LABEL, SEVERITY_LABEL } from '../../src/api/names.ts';
import * as kinds from '../../src/kube/resources.ts';
import {
  APP,
  drift,
  ISOLATE,
  make,
  ownerTest as test,
  print,
  read,
  readyPods,
  REPLACE,
} from '../support/owner-world.ts';
import { resting, TEMPLATE } from '../support/owner-world.ts';
import type { TestOperator, World } from '../support/world.ts';

const RESOURCE_QUOTAS = { ...kinds.PODS, plural: 'resourcequotas', kind: 'ResourceQuota' };

interface Slice extends KubeObject {
  endpoints?: { targetRef?: { uid?: string }; conditions?: { ready?: boolean } }[];
}

interface Budget extends KubeObject {
  status?: { currentHealthy?: number; disruptionsAllowed?: number; expectedPods?: number };
}

/** UIDs of the pods that the Service sends traffic to. */
async function served(world: World): Promise<(string | undefined)[]> {
  const slices = await world.list<Slice>(kinds.ENDPOINT_SLICES);
  const endpoints = slices.flatMap((slice) => slice.endpoints ?? []);
  return endpoints.filter((one) => one.conditions?.ready).map((one) => one.targetRef?.uid);
}

async function service(world: World, spec: object = {}): Promise<void> {
  const ports = [{ port: 80 }];
  await make(world, kinds.SERVICES, { metadata: { name: 'web' }, spec: { selector: APP, ports, ...spec } });
}

/** Patches of pods, as the API server answered them. */
function changedPods({ writes }: TestOperator): KubeObject[] {
  return writes
    .filter(({ method, path, status }) => method === 'PATCH' && path.includes('/pods/') && status === 200)
    .map(({ answer }) => answer as KubeObject);
}

const statefulSet = (replicas: number) => ({
  metadata: { name: 'web' },
  spec: { replicas, serviceName: 'web', selector: { matchLabels: APP }, template: TEMPLATE },
});

describe('a pod of a Deployment', () => {
  test('is let go and replaced by its ReplicaSet, and leaves its Service', async ({ world }) => {
    await service(world);
    const victim = await world.victim(2);
    const { uid, name } = victim.metadata;
    await world.until('the pod is served', async () => (await served(world)).includes(uid) || undefined);
    await drift(world, victim, ISOLATE);
    const incident = await resting(world, 'Quarantined');
    expect(incident.status).toMatchObject({ isolation: { form: 'Orphan' }, plan: { form: 'Orphan' } });
    expect(incident.status?.plan?.message).toMatch(/^All labels are taken away/);

    const orphan = await world.until('the pod has no owner', async () => {
      const pod = await world.pod(name);
      return pod?.metadata.ownerReferences?.length ? undefined : pod;
    });
    expect(orphan.metadata).toMatchObject({ uid });
    expect(orphan.metadata.labels).toEqual({ [QUARANTINE_LABEL]: 'true', [SEVERITY_LABEL]: 'critical' });
    await world.until('the pod is not served', async () =>
      (await served(world)).includes(uid) ? undefined : true,
    );
    const copies = await readyPods(world, 2);
    for (const { metadata } of copies)
      expect(metadata.ownerReferences).toEqual(victim.metadata.ownerReferences);
    await world.until('the new pod is served', async () =>
      (await served(world)).length === 2 ? true : undefined,
    );
  });

  test('is evicted once its replacement runs, and the incident names that', async ({
    world,
    access,
    skip,
  }) => {
    const victim = await world.victim(2);
    await drift(world, victim, REPLACE);
    const incident = await world.incident('resolved', (i) => i.status?.phase === 'Resolved');
    const copies = await readyPods(world, 2);
    expect(copies.map(({ metadata }) => metadata.uid)).toContain(incident.status?.replacement?.uid);
    expect(await world.pod(victim.metadata.name)).toBeUndefined();
    await print(access, skip, incident);
  });
});

describe('a pod of a StatefulSet', () => {
  test('keeps its labels and owner until it is evicted; its name comes back clean', async ({ world }) => {
    await service(world, { clusterIP: 'None' });
    await make(world, kinds.STATEFUL_SETS, statefulSet(2));
    const [victim] = await readyPods(world, 2);
    const operator = await drift(world, victim, REPLACE);
    const { status } = await world.incident('resolved', (i) => i.status?.phase === 'Resolved');
    const { uid, name, labels, ownerReferences } = victim.metadata;
    const message = expect.stringContaining('backs off for up to 17 minutes') as unknown;
    expect(status).toMatchObject({ isolation: { form: 'Gentle' }, plan: { message } });
    expect(changedPods(operator)).toMatchObject([{ metadata: { uid, labels, ownerReferences } }]);

    const { metadata } = await read(world, kinds.PODS, name);
    expect(metadata.uid).not.toBe(uid);
    expect(status?.replacement).toMatchObject({ name, uid: metadata.uid });
    expect(JSON.stringify(metadata.labels)).toBe(JSON.stringify(labels));
    expect(metadata.annotations ?? {}).not.toHaveProperty([INCIDENT_ANNOTATION]);
    await readyPods(world, 2);
  });

  test('is not evicted while it is the only Ready copy, and is once another is', async ({ world }) => {
    await make(world, kinds.STATEFUL_SETS, statefulSet(1));
    const [victim] = await readyPods(world, 1);
    const operator = await drift(world, victim, REPLACE);
    await resting(world, 'LastReadyCopy');
    expect(operator.writes.some(({ path }) => path.endsWith('/eviction'))).toBe(false);
    const at = { namespace: world.namespace, name: 'web' };
    await world.client.jsonPatch(kinds.STATEFUL_SETS, at, [
      { op: 'replace', path: '/spec/replicas', value: 2 },
    ]);
    const { status } = await world.incident('resolved', (i) => i.status?.phase === 'Resolved');
    expect(status?.replacement?.name).toBe(victim.metadata.name);
    const uids = (await readyPods(world, 2)).map(({ metadata }) => metadata.uid);
    expect(uids).not.toContain(victim.metadata.uid);
  });
});

describe('a disruption budget of a pod that lost its labels', () => {
  const RUNGS = {
    responses: [
      { name: 'contain', minSeverity: 'Warning', actions: ['Isolate'] },
      { name: 'replace', minSeverity: 'Critical', actions: ['Isolate', 'Evict'] },
    ],
    limits: { perWorkload: { quarantined: 5 }, perNamespace: { quarantined: 5 } },
  };

  // Nothing tells the disruption controller of a pod that its budget does not select any more.
  test('stays stale where no replacement can start; the last copy is kept all the same', async ({
    world,
  }) => {
    const [first, second] = await world.deployment(2);
    if (!first || !second) throw new Error('there are no two pods');
    const budget = { minAvailable: 1, selector: { matchLabels: APP } };
    await make(world, kinds.POD_DISRUPTION_BUDGETS, { metadata: { name: 'web' }, spec: budget });
    await make(world, RESOURCE_QUOTAS, { metadata: { name: 'full' }, spec: { hard: { pods: '2' } } });
    const budgetStatus = async () => (await read<Budget>(world, kinds.POD_DISRUPTION_BUDGETS, 'web')).status;
    const overAllows = { currentHealthy: 2, disruptionsAllowed: 1 };
    await world.until('one may go', async () =>
      (await budgetStatus())?.disruptionsAllowed === 1 ? true : undefined,
    );

    const operator = await drift(world, first, RUNGS, { priority: 'Warning' });
    await resting(world, 'Quarantined');
    await world.until('the ReplicaSet let go', async () => {
      const pod = await world.pod(first.metadata.name);
      return pod?.metadata.ownerReferences?.length ? undefined : true;
    });
    const { name, namespace = '', uid } = second.metadata;
    const eviction = {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name, namespace },
      deleteOptions: { preconditions: { uid } },
    };
    const at = { namespace, name, subresource: 'eviction' };
    await world.client.create(kinds.PODS, at, eviction, { dryRun: true });
    expect(await budgetStatus()).toMatchObject(overAllows);
    expect(await readyPods(world, 1)).toHaveLength(1);

    await operator.post(world.alert(second, { priority: 'Critical' }));
    const kept = await resting(world, 'LastReadyCopy');
    expect(kept.spec.target.uid).toBe(uid);
    expect(kept.status).toMatchObject({ isolation: { form: 'Gentle' } });
    expect(kept.status?.plan?.message).toContain('No other copy of the workload is Ready');
    expect(operator.writes.some(({ path }) => path.includes('/eviction'))).toBe(false);
  });
});
