// Release against the real controllers: what the pod is afterwards, who takes it back, and which pod goes when there is
// one too many.
import { describe, expect } from 'vitest';
import type { DriftIncident, IsolationForm } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import {
  DAEMON_SETS,
  DEPLOYMENTS,
  EVENTS,
  JOBS,
  PODS,
  REPLICA_SETS,
  STATEFUL_SETS,
  type Resource,
} from '../../src/kube/resources.ts';
import {
  APP,
  decideRelease,
  drift,
  ISOLATE,
  make,
  ownerTest as test,
  POD_SPEC,
  readyPods,
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

  test('stays though its node has more copies, and another one that is Ready goes', async ({
    world,
    nodes,
  }) => {
    const { victim, incident } = await orphaned(world, await onOneNode(world, nodes));
    expect(await released(world, incident)).toContain(victim.metadata.uid);
    const { metadata } = (await world.pod(victim.metadata.name)) ?? victim;
    expect(metadata.annotations ?? {}).toEqual(victim.metadata.annotations ?? {});
    const ended = await world.incident('settled', (i) => i.status?.phase === 'Released');
    expect(ended.status?.steps?.map(({ name, state }) => `${name} ${state}`)).toContain('Settle Succeeded');
  });

  test.for([
    ['1000', 'stays'],
    ['-1000', 'goes'],
  ] as const)(
    'with a deletion cost of %s, which a person gave it, %s, and keeps it',
    async (given, { world }) => {
      const [cost, becomes] = given;
      const { victim, incident } = await orphaned(world, await world.deployment(2));
      await annotate(world, victim, cost);
      const left = await released(world, incident);
      expect(left.includes(victim.metadata.uid)).toBe(becomes === 'stays');
      if (becomes === 'goes') return;
      const { metadata } = (await world.pod(victim.metadata.name)) ?? victim;
      expect(metadata.annotations).toEqual({ ...victim.metadata.annotations, [COST]: cost });
    },
  );

  test('keeps labels that others added, and where they differ from the record that is told and goes back', async ({
    world,
  }) => {
    const { victim, incident } = await orphaned(world, await world.deployment(2));
    const at = { namespace: world.namespace, name: victim.metadata.name };
    await world.client.jsonPatch(PODS, at, [
      { op: 'add', path: '/metadata/labels/case', value: 'inc-42' },
      { op: 'add', path: '/metadata/labels/app', value: 'decoy' },
    ]);
    await released(world, incident);
    const { metadata } = (await world.pod(victim.metadata.name)) ?? victim;
    expect(metadata.labels).toEqual({ ...victim.metadata.labels, case: 'inc-42' });
    const ended = await world.incident('released', (i) => i.status?.phase === 'Released');
    const message = ended.status?.steps?.find(({ name }) => name === 'Release')?.message;
    expect(message).toMatch(/others added meanwhile stay: case; conflicts: .*: app$/);
    const told = await world.until('the Event', async () => {
      const events = await world.list<KubeObject & { reason?: string; note?: string }>(EVENTS);
      return events.find(({ reason, note }) => reason === 'DriftReleased' && note?.includes('conflicts'));
    });
    expect(told).toBeDefined();
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

const SET = { selector: { matchLabels: APP }, template: TEMPLATE };
const JOB = { template: { ...TEMPLATE, spec: { ...POD_SPEC, restartPolicy: 'Never' } } };

describe('a gently isolated pod that is released keeps its owner, and only our marks go:', () => {
  test.for<[what: string, resource: Resource, spec: object]>([
    ['of nobody', PODS, POD_SPEC],
    ['of a StatefulSet', STATEFUL_SETS, { ...SET, replicas: 1, serviceName: 'web' }],
  ])('%s', async ([, resource, spec], { world }) => {
    await make(world, resource, { metadata: { name: 'web', labels: APP }, spec });
    await expectAsBefore(world, (await readyPods(world, 1))[0], 'Gentle');
  });
});

describe('a released orphan is taken back, and its replacement goes:', () => {
  test('of a Job, which goes on with it', async ({ world }) => {
    await make(world, JOBS, { metadata: { name: 'web' }, spec: JOB });
    await expectAsBefore(world, (await readyPods(world, 1))[0], 'Orphan');
    const { status } = await world.client.get<KubeObject & { status: { active?: number; failed?: number } }>(
      JOBS,
      { namespace: world.namespace, name: 'web' },
    );
    expect(status.active).toBe(1);
    expect(status.failed ?? 0).toBe(0);
  });

  test('of a DaemonSet', async ({ world, nodes }) => {
    const matchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In', values: nodes }];
    const nodeSelectorTerms = [{ matchExpressions }];
    const affinity = {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
    };
    const template = { ...TEMPLATE, spec: { ...POD_SPEC, affinity } };
    await make(world, DAEMON_SETS, { metadata: { name: 'web' }, spec: { ...SET, template } });
    await expectAsBefore(world, (await readyPods(world, 2))[0], 'Orphan');
  });
});

describe('a released orphan of a Job that has ended meanwhile', () => {
  test('belongs to it again: the release puts the owner back', async ({ world }) => {
    await make(world, JOBS, { metadata: { name: 'web' }, spec: JOB });
    const [victim] = await readyPods(world, 1);
    await drift(world, victim, ISOLATE);
    const incident = await resting(world, 'Quarantined');
    await readyPods(world, 1);
    const at = { namespace: world.namespace, name: 'web' };
    await world.client.jsonPatch(JOBS, at, [{ op: 'add', path: '/spec/activeDeadlineSeconds', value: 1 }]);
    await world.until('the Job has failed', async () => {
      const job = await world.client.get<KubeObject & { status?: { conditions?: { type: string }[] } }>(
        JOBS,
        at,
      );
      return job.status?.conditions?.some(({ type }) => type === 'Failed') ? true : undefined;
    });
    await decideRelease(world, incident);
    await world.incident('released', (i) => i.status?.phase === 'Released');
    const { metadata } = (await world.pod(victim.metadata.name)) ?? victim;
    expect(metadata.uid).toBe(victim.metadata.uid);
    expect(metadata.labels).toEqual(victim.metadata.labels);
    expect(metadata.ownerReferences).toEqual(victim.metadata.ownerReferences);
  });
});

/** Isolates the pod in that form and releases it: in the end all is as it was. */
async function expectAsBefore(world: World, victim: KubeObject, form: IsolationForm): Promise<void> {
  const before = await world.list(PODS);
  await drift(world, victim, ISOLATE);
  const incident = await resting(world, 'Quarantined');
  expect(incident.status?.isolation?.form).toBe(form);
  if (form === 'Orphan') await readyPods(world, before.length);
  await decideRelease(world, incident);
  await world.incident('released', (i) => i.status?.phase === 'Released' && !i.metadata.finalizers?.length);
  const uids = before.map(({ metadata }) => metadata.uid).toSorted();
  const pod = await world.until('the pods are those of before, and owned', async () => {
    const pods = await world.list(PODS);
    const same = pods.find(({ metadata }) => metadata.uid === victim.metadata.uid);
    const left = pods.map(({ metadata }) => metadata.uid).toSorted();
    const owned = same?.metadata.ownerReferences?.length === victim.metadata.ownerReferences?.length;
    return owned && left.join() === uids.join() ? same : undefined;
  });
  const { labels, annotations = {}, ownerReferences, finalizers } = pod.metadata;
  expect(JSON.stringify(labels)).toBe(JSON.stringify(victim.metadata.labels));
  expect(annotations).toEqual(victim.metadata.annotations ?? {});
  expect({ ownerReferences, finalizers }).toEqual({
    ownerReferences: victim.metadata.ownerReferences,
    finalizers: victim.metadata.finalizers,
  });
}

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
