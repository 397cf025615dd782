// What people decide while evidence is read: it counts from then on, also for the step that was planned already.
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import { DRIFT_INCIDENTS } from '../../src/kube/resources.ts';
import { fault, flowsFor } from '../support/faults.ts';
import { simulationTest as test, type EmbeddedWorld } from '../support/flow-test.ts';
import type { TestOperator } from '../support/world.ts';

const READS_LOGS = /^GET .*\/log\?/;

interface Reading {
  victim: KubeObject;
  operator: TestOperator;
  incident: DriftIncident;
  /** Lets logs be read at once from now on. */
  hurry: () => void;
}

/** A response that reads the logs of its isolated pod, which takes 20 s. */
async function whileLogsAreRead({ world, clock }: EmbeddedWorld): Promise<Reading> {
  const victim = await world.victim(3);
  const slow = fault(READS_LOGS, clock, flowsFor(20_000, clock));
  const operator = await world.operator({}, slow.wrap);
  await world.policy();
  await operator.post(world.alert(victim));
  await world.until('logs are read', async () => slow.at.length > 0 || undefined);
  const incident = await world.incident('that responds', (i) => i.status?.isolation !== undefined);
  await clock.advance(5_000);
  return { victim, operator, incident, hurry: () => (slow.left = 0) };
}

/** Requests to evict, dry runs too. */
function evictions({ writes }: TestOperator): string[] {
  return writes.filter(({ path }) => path.includes('/eviction')).map(({ path }) => path);
}

async function release({ world }: EmbeddedWorld, { metadata }: DriftIncident): Promise<void> {
  const { namespace = '', name } = metadata;
  await world.client.jsonPatch(DRIFT_INCIDENTS, { namespace, name }, [
    { op: 'add', path: '/spec/decision', value: { action: 'Release', by: 'ann', reason: 'a false alarm' } },
  ]);
}

describe('while logs are read', () => {
  test('a Release stops the eviction, and the pod gets its labels back', async ({ embedded }) => {
    const { world, clock } = embedded;
    const { victim, operator, incident } = await whileLogsAreRead(embedded);
    await release(embedded, incident);
    const released = await world.incident('that was released', (i) => i.status?.phase === 'Released');
    await clock.advance(60_000);
    expect(evictions(operator)).toEqual([]);
    expect(released.spec.decision).toMatchObject({ action: 'Release', by: 'ann' });
    const restored = operator.writes.findLast(
      ({ method, path }) => method === 'PATCH' && path.includes('/pods/'),
    );
    expect(restored?.answer).toMatchObject({
      metadata: { uid: victim.metadata.uid, labels: victim.metadata.labels },
    });
  });

  test('a deletion stops the eviction, and the pod is contained', async ({ embedded }) => {
    const { world } = embedded;
    const { victim, operator, incident } = await whileLogsAreRead(embedded);
    const { namespace = '', name, uid } = incident.metadata;
    await world.client.delete(DRIFT_INCIDENTS, { namespace, name }, uid);
    await world.until(
      'the incident is gone',
      async () => (await world.list(DRIFT_INCIDENTS)).length === 0 || undefined,
    );
    await world.until(
      'the pod is gone',
      async () => (await world.pod(victim.metadata.name)) === undefined || undefined,
    );
    expect(evictions(operator)).toEqual([]);
    expect(operator.writes.filter(({ method }) => method === 'DELETE')).toMatchObject([
      { body: { preconditions: { uid: victim.metadata.uid } } },
    ]);
  });

  test('nothing that is decided: the pod is evicted once they are', async ({ embedded }) => {
    const { world } = embedded;
    const { operator, hurry } = await whileLogsAreRead(embedded);
    expect(evictions(operator)).toEqual([]);
    hurry();
    await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    expect(evictions(operator)).toHaveLength(2);
  });
});

describe('at the moment when an eviction is about to be asked for', () => {
  test.for([
    ['a Release', 'Released'],
    ['a deletion', undefined],
  ] as const)('%s stops it', async ([what, phase], { embedded }) => {
    const { world, clock } = embedded;
    const victim = await world.victim(3);
    // The last request before the dry run: the step, written ahead.
    const aboutTo = fault(/^PATCH .*"Evict","state":"Running"/, clock, async (request, inner) => {
      const [incident] = await world.list<DriftIncident>(DRIFT_INCIDENTS);
      if (!incident) throw new Error('there is an incident to write to');
      const { namespace = '', name, uid } = incident.metadata;
      if (what === 'a Release') await release(embedded, incident);
      else await world.client.delete(DRIFT_INCIDENTS, { namespace, name }, uid);
      return inner(request);
    });
    aboutTo.left = 1;
    const operator = await world.operator({}, aboutTo.wrap);
    await world.policy();
    await operator.post(world.alert(victim));
    await world.until('the step is written ahead', async () => aboutTo.at.length > 0 || undefined);
    await world.until('it is stopped', async () => {
      const [incident] = await world.list<DriftIncident>(DRIFT_INCIDENTS);
      return incident?.status?.phase === phase || undefined;
    });
    await clock.advance(10_000);
    expect(evictions(operator)).toEqual([]);
  });
});
