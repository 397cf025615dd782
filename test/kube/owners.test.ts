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
  read,
  readyPods,
  REPLACE,
} from '../support/owner-world.ts';
import { resting, TEMPLATE } from '../support/owner-world.ts';
import type { TestOperator, World } from '../support/world.ts';

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

  test('is evicted once its replacement runs, and the incident names that', async ({ world }) => {
    const victim = await world.victim(2);
    await drift(world, victim, REPLACE);
    const incident = await world.incident('resolved', (i) => i.status?.phase === 'Resolved');
    const copies = await readyPods(world, 2);
    expect(copies.map(({ metadata }) => metadata.uid)).toContain(incident.status?.replacement?.uid);
    expect(await world.pod(victim.metadata.name)).toBeUndefined();
  });
});

describe('a pod of a ReplicaSet that belongs to an owner which nobody knows', () => {
  test('is let go and replaced all the same: the ReplicaSet does it, not its owner', async ({ world }) => {
    // Any object may be an owner; those of Argo Rollouts are of a kind that is not here.
    const owner = await make(world, kinds.CONFIG_MAPS, { metadata: { name: 'rollout' } });
    const { name, uid } = owner.metadata;
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name, uid, controller: true }];
    const spec = { replicas: 2, selector: { matchLabels: APP }, template: TEMPLATE };
    await make(world, kinds.REPLICA_SETS, { metadata: { name: 'web', ownerReferences }, spec });
    const [victim] = await readyPods(world, 2);
    await drift(world, victim, REPLACE);
    const { status } = await world.incident('resolved', (i) => i.status?.phase === 'Resolved');
    expect(status).toMatchObject({ isolation: { form: 'Orphan' } });
    const copies = await readyPods(world, 2);
    expect(copies.map(({ metadata }) => metadata.uid)).toContain(status?.replacement?.uid);
  });
});

// A policy that asks nobody about a StatefulSet as such.
const UNASKED = { approval: { requiredFor: ['SingleReplica', 'LastReadyCopy'] } };

describe('a pod of a StatefulSet', () => {
  test('keeps its labels and owner until it is evicted; its name comes back clean', async ({ world }) => {
    await service(world, { clusterIP: 'None' });
    await make(world, kinds.STATEFUL_SETS, statefulSet(2));
    const [victim] = await readyPods(world, 2);
    const operator = await drift(world, victim, { ...REPLACE, ...UNASKED });
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

  test('stays in its Service and its disruption budget while it is only isolated', async ({ world }) => {
    await service(world, { clusterIP: 'None' });
    const budget = { minAvailable: 1, selector: { matchLabels: APP } };
    await make(world, kinds.POD_DISRUPTION_BUDGETS, { metadata: { name: 'web' }, spec: budget });
    await make(world, kinds.STATEFUL_SETS, statefulSet(2));
    const [victim] = await readyPods(world, 2);
    await world.until('both are served', async () => (await served(world)).length === 2 || undefined);
    await drift(world, victim, ISOLATE);
    const { status } = await resting(world, 'Quarantined');
    expect(status?.isolation?.form).toBe('Gentle');
    expect(await served(world)).toContain(victim.metadata.uid);
    const { status: counts } = await read<Budget>(world, kinds.POD_DISRUPTION_BUDGETS, 'web');
    expect(counts).toMatchObject({ currentHealthy: 2, expectedPods: 2, disruptionsAllowed: 1 });
    expect(await readyPods(world, 2)).toHaveLength(2);
  });

  test('is not evicted while it is the only Ready copy, and is once another is', async ({ world }) => {
    await make(world, kinds.STATEFUL_SETS, statefulSet(1));
    const [victim] = await readyPods(world, 1);
    const operator = await drift(world, victim, { ...REPLACE, ...UNASKED });
    await resting(world, 'AwaitingApproval');
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
