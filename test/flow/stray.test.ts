// Pods that are quarantined though nobody answers for them: people are told, once, and nothing is written to the pods.
import { describe, expect } from 'vitest';
import { INCIDENT_ANNOTATION, QUARANTINE_LABEL } from '../../src/api/names.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { DRIFT_INCIDENTS, PODS } from '../../src/kube/resources.ts';
import { flowTest as test } from '../support/flow-test.ts';
import type { TestOperator, World } from '../support/world.ts';

const CONTAIN = { responses: [{ name: 'contain', minSeverity: 'Warning', actions: ['Label', 'Isolate'] }] };
/** More than the time for which a pod must seem to be a stray. */
const LONG_MS = 35_000;

interface Told {
  regarding?: { name?: string };
  note?: string;
}

function toldOf(operator: TestOperator): Told[] {
  return operator.events
    .map(({ body }) => body as Told & { reason?: string })
    .filter(({ reason }) => reason === 'StrayQuarantine');
}

/** Waits for the Event about a stray. */
function told(world: World, operator: TestOperator): Promise<Told> {
  return world.until('the Event about a stray', async () => toldOf(operator)[0]);
}

/** Lets that much time pass. */
function pass(world: World, ms: number): Promise<true> {
  const end = world.parts.clock.now() + ms;
  return world.until('time has passed', async () => world.parts.clock.now() >= end || undefined);
}

async function strays(operator: TestOperator): Promise<number> {
  const line = (await operator.metrics()).match(/^die_operator_stray_quarantines (\d+)$/m);
  return Number(line?.[1]);
}

function setLabel({ client, namespace }: World, { metadata }: KubeObject, value: string | undefined) {
  const path = `/metadata/labels/${QUARANTINE_LABEL.replace('/', '~1')}`;
  return client.jsonPatch(PODS, { namespace, name: metadata.name }, [
    value === undefined ? { op: 'remove', path } : { op: 'add', path, value },
  ]);
}

/** A pod in quarantine whose operator is gone. */
async function abandoned(world: World): Promise<{ victim: KubeObject; incident: DriftIncident }> {
  const victim = await world.victim(2);
  const operator = await world.operator();
  await world.policy(CONTAIN);
  await operator.post(world.alert(victim));
  const incident = await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
  await operator.stop();
  return { victim, incident };
}

/** Takes an incident away as whoever forces a definition out of a cluster does: the operator sees nothing of it. */
async function forceAway({ client, namespace }: World, { metadata }: DriftIncident): Promise<void> {
  const at = { namespace, name: metadata.name };
  await client.jsonPatch(DRIFT_INCIDENTS, at, [{ op: 'remove', path: '/metadata/finalizers' }]);
  await client.delete(DRIFT_INCIDENTS, at, metadata.uid);
}

const podWrites = (operator: TestOperator) => operator.writes.filter(({ path }) => path.includes('/pods/'));

// Side by side: on a real API server each of them waits for half a minute.
describe.concurrent('a quarantined pod', { timeout: 150_000 }, () => {
  test('whose incident is gone is told of by the next operator, which leaves it alone', async ({ world }) => {
    const { victim, incident } = await abandoned(world);
    await forceAway(world, incident);
    const operator = await world.operator();
    const { regarding, note } = await told(world, operator);
    expect(regarding?.name).toBe(victim.metadata.name);
    expect(note).toContain(`DriftIncident ${incident.metadata.name}, which is gone`);
    expect(note).toContain(`kubectl delete pod ${victim.metadata.name}`);
    expect(await strays(operator)).toBe(1);
    expect(podWrites(operator)).toEqual([]);
    const pod = await world.pod(victim.metadata.name);
    expect(pod?.metadata.labels).toHaveProperty([QUARANTINE_LABEL]);

    await world.client.delete(
      PODS,
      { namespace: world.namespace, name: victim.metadata.name },
      victim.metadata.uid,
    );
    await world.until('it counts no more', async () => (await strays(operator)) === 0 || undefined);
    expect(toldOf(operator)).toHaveLength(1);
  });

  test('that somebody labelled by hand is told of while the operator runs, until the label is gone', async ({
    world,
  }) => {
    const victim = await world.victim(2);
    const operator = await world.operator();
    await setLabel(world, victim, 'true');
    const { note } = await told(world, operator);
    expect(note).toContain('somebody did by hand');
    expect(await strays(operator)).toBe(1);
    await setLabel(world, victim, undefined);
    await world.until('it counts no more', async () => (await strays(operator)) === 0 || undefined);
  });

  test('whose incident is over is told of with the incident that tells its labels', async ({ world }) => {
    const { incident, victim } = await abandoned(world);
    const at = { namespace: world.namespace, name: incident.metadata.name };
    const status = { ...at, subresource: 'status' };
    await world.client.jsonPatch(DRIFT_INCIDENTS, status, [
      { op: 'add', path: '/status/phase', value: 'Failed' },
    ]);
    const operator = await world.operator();
    const { note } = await told(world, operator);
    expect(note).toContain(`its DriftIncident ${incident.metadata.name} is over`);
    const pod = await world.pod(victim.metadata.name);
    expect(pod?.metadata.annotations).toHaveProperty([INCIDENT_ANNOTATION], incident.metadata.name);
  });

  test('with an open incident is no stray, also for an operator that has just started', async ({ world }) => {
    await abandoned(world);
    const operator = await world.operator();
    await pass(world, LONG_MS);
    expect(toldOf(operator)).toEqual([]);
    expect(await strays(operator)).toBe(0);
  });
});
