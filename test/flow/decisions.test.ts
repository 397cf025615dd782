// What people decide in the middle of a response: approvals, denials and holds, and how the record tells of them.
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { QUARANTINE_LABEL } from '../../src/api/names.ts';
import { DRIFT_INCIDENTS, EVENTS } from '../../src/kube/resources.ts';
import type { Transport } from '../../src/kube/transport.ts';
import { flowTest as test } from '../support/flow-test.ts';
import type { TestOperator, World } from '../support/world.ts';

const ALWAYS = { approval: { requiredFor: ['Always'] } };

type Decision = NonNullable<DriftIncident['spec']['decision']>;

async function decide(world: World, { metadata }: DriftIncident, decision: Partial<Decision>): Promise<void> {
  const { namespace = '', name } = metadata;
  await world.client.jsonPatch(DRIFT_INCIDENTS, { namespace, name }, [
    { op: 'add', path: '/spec/decision', value: { by: 'ann', reason: 'looked at it', ...decision } },
  ]);
}

function approved({ status }: DriftIncident): [string, string] | undefined {
  const condition = findCondition(status?.conditions, 'Approved');
  return condition && [condition.status, condition.reason];
}

const reasonOf = ({ status }: DriftIncident) => findCondition(status?.conditions, 'Ready')?.reason;
const isGoing = ({ metadata }: DriftIncident) => metadata.deletionTimestamp !== undefined;

const evictions = ({ writes }: TestOperator) => writes.filter(({ path }) => path.includes('/eviction'));

/** An incident that waits for a person, its pod isolated. */
async function waiting(world: World, spec: object = ALWAYS, wrap?: (transport: Transport) => Transport) {
  const victim = await world.victim(3);
  const operator = await world.operator({}, wrap);
  await world.policy(spec);
  await operator.post(world.alert(victim));
  const incident = await world.incident('that waits', (i) => i.status?.phase === 'AwaitingApproval');
  return { victim, operator, incident };
}

/** Events about the incident, by reason. */
async function told(world: World, reason: string): Promise<string[]> {
  const events = (await world.list(EVENTS)) as (KubeObject & { reason?: string; note?: string })[];
  return events.filter((event) => event.reason === reason).map(({ note }) => note ?? '');
}

describe('an eviction that needs an approval', () => {
  test('waits in quarantine with its evidence kept, and says what to run', async ({ world }) => {
    const { operator, incident } = await waiting(world);
    const { status } = incident;
    expect(status?.plan).toMatchObject({ needs: ['Always'], hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(status?.isolation?.form).toBe('Orphan');
    expect(status?.evidence).toBeDefined();
    expect(approved(incident)).toEqual(['Unknown', 'AwaitingApproval']);
    const command = `die-operator approve -n ${world.namespace} ${incident.metadata.name}`;
    expect(findCondition(status?.conditions, 'Stalled')?.message).toContain(command);
    const notes = await world.until('it is told', async () => {
      const all = await told(world, 'AwaitingApproval');
      return all.length > 0 ? all : undefined;
    });
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain(command);
    expect(evictions(operator)).toEqual([]);
  });

  test('is carried out once somebody approves the plan as it is', async ({ world }) => {
    const { incident } = await waiting(world);
    await decide(world, incident, { action: 'Approve', planHash: incident.status?.plan?.hash ?? '' });
    const over = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    expect(approved(over)).toEqual(['True', 'Approved']);
    expect(over.status?.decisions).toMatchObject([
      { action: 'Approve', by: 'ann', reason: 'looked at it', outcome: 'it counts for this plan' },
    ]);
  });

  test('is not carried out by an approval of another plan, and is asked for again', async ({ world }) => {
    const { operator, incident } = await waiting(world);
    await decide(world, incident, { action: 'Approve', planHash: 'a'.repeat(64) });
    const again = await world.incident('that asks again', (i) => approved(i)?.[1] === 'PlanChanged');
    expect(again.status?.phase).toBe('AwaitingApproval');
    expect(again.status?.decisions?.[0]?.outcome).toMatch(/does not count/);
    expect(evictions(operator)).toEqual([]);
    await decide(world, again, { action: 'Approve', planHash: again.status?.plan?.hash ?? '' });
    await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
  });

  test('is not carried out after a denial, and may be approved later', async ({ world }) => {
    const { victim, operator, incident } = await waiting(world);
    await decide(world, incident, { action: 'Deny' });
    const denied = await world.incident('that is denied', (i) => approved(i)?.[1] === 'Denied');
    expect(denied.status?.phase).toBe('Quarantined');
    expect(findCondition(denied.status?.conditions, 'Ready')).toMatchObject({
      reason: 'EvictionDenied',
      message: expect.stringContaining('ann denied the eviction: looked at it'),
    });
    const pod = await world.pod(victim.metadata.name);
    expect(pod?.metadata.labels).toHaveProperty([QUARANTINE_LABEL], 'true');
    expect(evictions(operator)).toEqual([]);
    await decide(world, denied, { action: 'Approve', planHash: denied.status?.plan?.hash ?? '' });
    const over = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    expect(over.status?.decisions?.map(({ action }) => action)).toEqual(['Deny', 'Approve']);
  });
});

describe('an incident that is held', () => {
  test('keeps its pod as it is, revives no approval, and can be released', async ({ world }) => {
    const { victim, operator, incident } = await waiting(world);
    await decide(world, incident, { action: 'Hold' });
    const held = await world.incident('that is held', (i) => i.status?.phase === 'Held');
    await decide(world, held, { action: 'Resume' });
    const resumed = await world.incident(
      'that waits again',
      (i) => i.status?.phase === 'AwaitingApproval' && i.status.decisions?.length === 2,
    );
    expect(resumed.status?.decisions?.map(({ action }) => action)).toEqual(['Hold', 'Resume']);
    await decide(world, resumed, { action: 'Release' });
    await world.incident('that was released', (i) => i.status?.phase === 'Released');
    expect(evictions(operator)).toEqual([]);
    expect((await world.pod(victim.metadata.name))?.metadata.labels).toEqual(victim.metadata.labels);
  });
});

describe('a policy that asks before the isolation', () => {
  test('has the pod labelled, and isolated once that is approved', async ({ world }) => {
    const spec = { approval: { requiredFor: ['Always'], before: 'Isolate' } };
    const { victim, incident } = await waiting(world, spec);
    expect(incident.status?.isolation?.form ?? 'LabelOnly').toBe('LabelOnly');
    expect((await world.pod(victim.metadata.name))?.metadata.labels).not.toHaveProperty([QUARANTINE_LABEL]);
    await decide(world, incident, { action: 'Approve', planHash: incident.status?.plan?.hash ?? '' });
    const over = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    expect(over.status?.isolation?.form).toBe('Orphan');
  });
});

describe('an incident that somebody deletes', () => {
  const remove = ({ client, namespace }: World, { metadata: { name, uid } }: DriftIncident) =>
    client.delete(DRIFT_INCIDENTS, { namespace, name }, uid);
  const stays = async (world: World, victim: KubeObject) =>
    expect((await world.pod(victim.metadata.name))?.metadata.deletionTimestamp).toBeUndefined();

  test('keeps its pod where a person denied the eviction, until it is released', async ({ world }) => {
    const { victim, incident } = await waiting(world);
    await decide(world, incident, { action: 'Deny' });
    await world.incident('that is denied', (i) => reasonOf(i) === 'EvictionDenied');
    await remove(world, incident);
    await world.incident('that goes, and waits', (i) => isGoing(i) && reasonOf(i) === 'EvictionDenied');
    await stays(world, victim);
    await decide(world, incident, { action: 'Release' });
    await world.until('its end', async () => (await world.list(DRIFT_INCIDENTS)).length === 0 || undefined);
    await stays(world, victim);
  });

  test('keeps its pod where a person holds it while the deletion is entered in the ledger', async ({
    world,
  }) => {
    let holds: Promise<void> | undefined;
    const about: { incident?: DriftIncident } = {};
    const { victim, incident } = await waiting(world, ALWAYS, (transport) => async (request) => {
      const isEntry = request.method === 'PATCH' && String(request.body).includes('\\"act\\":\\"Contain\\"');
      if (isEntry && about.incident) await (holds ??= decide(world, about.incident, { action: 'Hold' }));
      return transport(request);
    });
    about.incident = incident;
    await remove(world, incident);
    await world.incident('that is held', (i) => i.status?.phase === 'Held');
    expect(holds).toBeDefined();
    await stays(world, victim);
  });
});
