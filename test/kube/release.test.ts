// Release against the real controllers: what the pod is afterwards, who takes it back, and which pod goes when there is
// one too many.
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { DEPLOYMENTS, PODS, REPLICA_SETS } from '../../src/kube/resources.ts';
import {
  APP,
  decideRelease,
  drift,
  ISOLATE,
  make,
  ownerTest as test,
  POD_SPEC,
  readyPods,
  REPLACE,
  resting,
  TEMPLATE,
} from '../support/owner-world.ts';
import { isReady, type World } from '../support/world.ts';

const COST = 'controller.kubernetes.io/pod-deletion-cost';
const AN_HOUR_AGO = 3_600_000;
const TEN_MINUTES_AGO = 600_000;

interface ReportedPod extends KubeObject {
  status: { conditions: { type: string; status: string }[] };
}

/** What the kubelet says of the pod's readiness, and since when: which pod a ReplicaSet removes depends on it. */
async function reportReady(world: World, pod: KubeObject, agoMs: number, ready = 'True'): Promise<void> {
  const { namespace = '', name } = pod.metadata;
  const { status } = await world.client.get<ReportedPod>(PODS, { namespace, name });
  const lastTransitionTime = new Date(world.parts.clock.now() - agoMs).toISOString();
  const value = status.conditions.map((one) =>
    one.type === 'Ready' ? { ...one, status: ready, lastTransitionTime } : one,
  );
  const at = { namespace, name, subresource: 'status' };
  await world.client.jsonPatch(PODS, at, [{ op: 'add', path: '/status/conditions', value }]);
}

/** Adds an annotation, as a person with kubectl does. */
async function annotate(world: World, pod: KubeObject, value: string): Promise<void> {
  const { namespace = '', name } = pod.metadata;
  const path = `/metadata/annotations/${COST.replace('/', '~1')}`;
  await world.client.jsonPatch(PODS, { namespace, name }, [{ op: 'add', path, value }]);
}

interface Quarantine {
  victim: KubeObject;
  replacement: KubeObject;
  incident: DriftIncident;
}

/** Orphans the first of two Ready pods, which seem to be old, and waits until its replacement is Ready. */
async function orphaned(world: World, [victim, other]: KubeObject[]): Promise<Quarantine> {
  if (!victim || !other) throw new Error('there are no two pods');
  await reportReady(world, other, AN_HOUR_AGO);
  await reportReady(world, victim, TEN_MINUTES_AGO);
  await drift(world, victim, ISOLATE);
  const incident = await resting(world, 'Quarantined');
  const copies = await readyPods(world, 2);
  const replacement = copies.find(({ metadata }) => metadata.uid !== other.metadata.uid);
  if (!replacement) throw new Error('there is no replacement');
  return { victim, replacement, incident };
}

/** Releases, and resolves to the UIDs that are left when the set has its number again. */
async function released(world: World, incident: DriftIncident): Promise<string[]> {
  await decideRelease(world, incident);
  await world.incident('released', (i) => i.status?.phase === 'Released' && !i.metadata.finalizers?.length);
  return world.until('the set has its number', async () => {
    const pods = await world.list(PODS);
    return pods.length === 2 ? pods.map(({ metadata }) => metadata.uid) : undefined;
  });
}

describe('a released orphan', () => {
  test('is byte for byte as before, and its ReplicaSet takes it back', async ({ world }) => {
    const { victim, incident, replacement } = await orphaned(world, await world.deployment(2));
    const left = await released(world, incident);
    expect(left).toContain(victim.metadata.uid);
    expect(left).not.toContain(replacement.metadata.uid);

    const { metadata } = (await world.pod(victim.metadata.name)) ?? victim;
    expect(metadata.uid).toBe(victim.metadata.uid);
    expect(JSON.stringify(metadata.labels)).toBe(JSON.stringify(victim.metadata.labels));
    expect(metadata.annotations ?? {}).toEqual(victim.metadata.annotations ?? {});
    expect(metadata.finalizers).toEqual(victim.metadata.finalizers);
    expect(metadata.ownerReferences).toEqual(victim.metadata.ownerReferences);
    expect(await world.list(REPLICA_SETS)).toMatchObject([
      { spec: { replicas: 2 }, status: { replicas: 2 } },
    ]);
  });

  test('goes itself if it is not Ready', async ({ world }) => {
    const { victim, incident, replacement } = await orphaned(world, await world.deployment(2));
    await reportReady(world, victim, AN_HOUR_AGO, 'False');
    const left = await released(world, incident);
    expect(left).toContain(replacement.metadata.uid);
    expect(left).not.toContain(victim.metadata.uid);
  });

  test('goes itself if its node has more copies, though it is older', async ({ world, nodes }) => {
    const { victim, replacement, incident } = await orphaned(world, await onOneNode(world, nodes));
    const left = await released(world, incident);
    expect(left).toContain(replacement.metadata.uid);
    expect(left).not.toContain(victim.metadata.uid);
  });

  test('stays there too if a person gave it a deletion cost, which Release leaves alone', async ({
    world,
    nodes,
  }) => {
    const { victim, incident } = await orphaned(world, await onOneNode(world, nodes));
    await annotate(world, victim, '1000');
    expect(await released(world, incident)).toContain(victim.metadata.uid);
    const { metadata } = (await world.pod(victim.metadata.name)) ?? victim;
    expect(metadata.annotations).toEqual({ ...victim.metadata.annotations, [COST]: '1000' });
  });

  test('is nobody’s if its Deployment is gone meanwhile, and stays', async ({ world }) => {
    const { victim, incident } = await orphaned(world, await world.deployment(2));
    const at = { namespace: world.namespace, name: 'web' };
    const deployment = await world.client.get(DEPLOYMENTS, at);
    await world.client.delete(DEPLOYMENTS, at, deployment.metadata.uid);
    await world.until(
      'the other pods are gone',
      async () => (await world.list(PODS)).length === 1 || undefined,
    );
    await decideRelease(world, incident);
    await world.incident('released', (i) => i.status?.phase === 'Released');
    const { metadata } = (await world.pod(victim.metadata.name)) ?? victim;
    expect(metadata.labels).toEqual(victim.metadata.labels);
    expect(metadata.ownerReferences).toBeUndefined();
  });
});

describe('a gently isolated pod', () => {
  test('that is released keeps its owner, and only our marks go', async ({ world }) => {
    await make(world, PODS, { metadata: { name: 'alone', labels: { app: 'web' } }, spec: POD_SPEC });
    const [victim] = await readyPods(world, 1);
    await drift(world, victim, REPLACE);
    await decideRelease(world, await resting(world, 'NoController'));
    await world.incident('released', (i) => i.status?.phase === 'Released');
    const { metadata } = (await world.pod(victim.metadata.name)) ?? {};
    expect(metadata?.uid).toBe(victim.metadata.uid);
    expect(JSON.stringify(metadata?.labels)).toBe(JSON.stringify(victim.metadata.labels));
    expect(metadata?.annotations ?? {}).toEqual(victim.metadata.annotations ?? {});
  });
});

/** Two Ready pods of a Deployment on one node; the next pod will get the other node. */
async function onOneNode(world: World, [, second]: [string, string]): Promise<KubeObject[]> {
  const spec = { ...POD_SPEC, nodeSelector: { 'kubernetes.io/hostname': second } };
  const fillers = await Promise.all(
    [1, 2, 3].map((n) => make(world, PODS, { metadata: { name: `filler-${n}` }, spec })),
  );
  await world.until(
    'the fillers are Ready',
    async () => (await world.list(PODS)).every(isReady) || undefined,
  );
  await make(world, DEPLOYMENTS, {
    metadata: { name: 'web' },
    spec: { replicas: 2, selector: { matchLabels: APP }, template: TEMPLATE },
  });
  const pods = await readyPods(world, 2);
  for (const { metadata } of fillers)
    await world.client.delete(PODS, { namespace: world.namespace, name: metadata.name }, metadata.uid);
  await world.until('the fillers are gone', async () => (await world.list(PODS)).length === 2 || undefined);
  return pods;
}
