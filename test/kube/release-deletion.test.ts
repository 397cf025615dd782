// Incidents, namespaces and operators that go half-way through a response, with the real controllers and their garbage
// collection.
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import { FINALIZER, QUARANTINE_LABEL } from '../../src/api/names.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { isNotFound } from '../../src/kube/errors.ts';
import { DRIFT_INCIDENTS, NAMESPACES, PODS, STATEFUL_SETS } from '../../src/kube/resources.ts';
import {
  APP,
  drift,
  ISOLATE,
  kubectl,
  make,
  ownerTest as test,
  readyPods,
  resting,
  TEMPLATE,
} from '../support/owner-world.ts';
import type { TestOperator, World } from '../support/world.ts';

interface Half {
  operator: TestOperator;
  victim: KubeObject;
  incident: DriftIncident;
}

/** A response of which only the isolation is done. */
async function halfWay(world: World, victim: KubeObject): Promise<Half> {
  const operator = await drift(world, victim, ISOLATE);
  return { operator, victim, incident: await resting(world, 'Quarantined') };
}

async function deleteIncident(world: World, { metadata }: DriftIncident): Promise<void> {
  const { namespace = '', name, uid } = metadata;
  await world.client.delete(DRIFT_INCIDENTS, { namespace, name }, uid);
}

async function incidentGone(world: World): Promise<void> {
  await world.until(
    'the incident is gone',
    async () => (await world.list(DRIFT_INCIDENTS)).length === 0 || undefined,
  );
}

async function deleteNamespace({ client, namespace: name }: World): Promise<void> {
  const { metadata } = await client.get(NAMESPACES, { name });
  await client.delete(NAMESPACES, { name }, metadata.uid);
}

async function namespaceGone(world: World): Promise<void> {
  const { client, namespace: name } = world;
  await world.until('the namespace is gone', () =>
    client.get(NAMESPACES, { name }).then(
      () => undefined,
      (error: unknown) => isNotFound(error) || undefined,
    ),
  );
}

/** Pods that an operator asked to be deleted, by UID. */
function deletions({ writes }: TestOperator): unknown[] {
  const bodies = writes.filter(({ method }) => method === 'DELETE').map(({ body }) => body);
  return (bodies as { preconditions?: { uid?: string } }[]).map(({ preconditions }) => preconditions?.uid);
}

describe('an incident that is deleted half-way', () => {
  test('takes its orphan with it, by UID, and no other pod', async ({ world }) => {
    const { operator, victim, incident } = await halfWay(world, await world.victim(2));
    const before = (await readyPods(world, 2)).map(({ metadata }) => metadata.uid);
    await deleteIncident(world, incident);
    await incidentGone(world);
    await world.until('the orphan is gone', async () =>
      (await world.pod(victim.metadata.name)) ? undefined : true,
    );
    expect(deletions(operator)).toEqual([victim.metadata.uid]);
    expect((await readyPods(world, 2)).map(({ metadata }) => metadata.uid)).toEqual(before);
  });

  test('takes a StatefulSet’s pod with it, and leaves alone the one that gets its name', async ({
    world,
  }) => {
    const set = { replicas: 1, serviceName: 'web', selector: { matchLabels: APP }, template: TEMPLATE };
    await make(world, STATEFUL_SETS, { metadata: { name: 'web' }, spec: set });
    const [pod] = await readyPods(world, 1);
    const { operator, victim, incident } = await halfWay(world, pod);
    await deleteIncident(world, incident);
    await incidentGone(world);
    const [next] = await world.until('another pod has the name', async () => {
      const pods = await readyPods(world, 1);
      return pods[0].metadata.uid === victim.metadata.uid ? undefined : pods;
    });
    expect(next.metadata.name).toBe(victim.metadata.name);
    expect(next.metadata.labels).not.toHaveProperty([QUARANTINE_LABEL]);
    expect(deletions(operator)).toEqual([victim.metadata.uid]);
  });
});

describe('a namespace that is deleted half-way', () => {
  test('is not held up', async ({ doomed }) => {
    const { operator, incident } = await halfWay(doomed, await doomed.victim(2));
    expect(incident.metadata.finalizers).toContain(FINALIZER);
    await deleteNamespace(doomed);
    await namespaceGone(doomed);
    expect(deletions(operator)).toEqual([]);
  });
});

describe('an operator that is removed half-way', () => {
  test('leaves its incident with the finalizer until one returns', async ({ world }) => {
    const { operator, victim, incident } = await halfWay(world, await world.victim(2));
    await operator.stop();
    await deleteIncident(world, incident);
    const [left] = await world.list<DriftIncident>(DRIFT_INCIDENTS);
    expect(left?.metadata).toMatchObject({ deletionTimestamp: expect.any(String), finalizers: [FINALIZER] });
    expect((await world.pod(victim.metadata.name))?.metadata.labels).toHaveProperty(
      [QUARANTINE_LABEL],
      'true',
    );

    await world.operator();
    await incidentGone(world);
    await world.until('the orphan is gone', async () =>
      (await world.pod(victim.metadata.name)) ? undefined : true,
    );
  });

  test('holds up its namespace, which says so, until a person takes the finalizer away', async ({
    doomed,
    access,
    skip,
  }) => {
    const { operator, incident } = await halfWay(doomed, await doomed.victim(2));
    await operator.stop();
    await deleteNamespace(doomed);
    const { client, namespace } = doomed;
    await doomed.until('the namespace says what is left', async () => {
      const { status } = await client.get<Namespace>(NAMESPACES, { name: namespace });
      const remains = status?.conditions?.find(({ type }) => type === 'NamespaceFinalizersRemaining');
      return remains?.status === 'True' && remains.message.includes(FINALIZER) ? remains : undefined;
    });
    expect(await doomed.list(PODS)).toEqual([]);
    const none = '{"metadata":{"finalizers":null}}';
    const { name } = incident.metadata;
    await kubectl(access, skip, 'patch', 'di', name, '-n', namespace, '--type', 'merge', '-p', none);
    await namespaceGone(doomed);
  });
});

interface Namespace extends KubeObject {
  status?: { conditions?: { type: string; status: string; message: string }[] };
}
