// Alerts of Microsoft Defender for Cloud, from the webhook to the pod: what is only named is touched once a person says so.
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { podFacts } from '../../src/api/pod.ts';
import { DRIFT_INCIDENTS, PODS } from '../../src/kube/resources.ts';
import { CLUSTER, defenderAlertAbout, DEFENDER } from '../support/defender-alerts.ts';
import { flowTest as test } from '../support/flow-test.ts';
import { PINNED, type TestOperator, type World } from '../support/world.ts';

/** An alert of Defender that began now, and how it was answered. */
async function alert(world: World, operator: TestOperator, pod: KubeObject, change: object = {}) {
  const startTimeUtc = new Date(world.parts.clock.now()).toISOString();
  return operator.post(defenderAlertAbout(pod, { startTimeUtc, ...change }), {}, '/v1/defender');
}

/** Lets a pod become as old as alerts have to be young. */
async function older(world: World): Promise<void> {
  const end = world.parts.clock.now() + 2_500;
  await world.until('the pod is older', async () => world.parts.clock.now() > end || undefined);
}

async function stage(world: World, spec: object = {}) {
  const victim = await world.victim(3);
  const read: string[] = [];
  const operator = await world.operator({ defender: DEFENDER }, (transport) => async (request) => {
    if (request.method === 'GET') read.push(request.path);
    return transport(request);
  });
  await world.policy(spec);
  await older(world);
  return { victim, operator, read };
}

const isAsked = ({ status }: DriftIncident) => status?.phase === 'AwaitingApproval';

/** Writes to pods. */
const touches = ({ writes }: TestOperator) => writes.filter(({ path }) => path.includes('/pods/'));
/** What was read of pods for evidence. */
const logsOf = (read: readonly string[]) => read.filter((path) => path.includes('/log'));

async function approve(world: World, { metadata, status }: DriftIncident): Promise<void> {
  const at = { namespace: world.namespace, name: metadata.name };
  const value = { action: 'Approve', by: 'ann', reason: 'looked at it', planHash: status?.plan?.hash ?? '' };
  await world.client.jsonPatch(DRIFT_INCIDENTS, at, [{ op: 'add', path: '/spec/decision', value }]);
}

describe('an alert of Defender that only names its pod', () => {
  test('is an incident in which nothing is done before a person approves, then all of it', async ({
    world,
  }) => {
    const { victim, operator, read } = await stage(world, { approval: { requiredFor: [] } });
    expect(await alert(world, operator, victim)).toMatchObject({ status: 202, body: { outcome: 'Opened' } });
    const asked = await world.incident('that asks', isAsked);
    expect(asked.spec.trigger.detection).toMatchObject({
      source: 'Defender',
      confidence: 'Low',
      remediation: ['Look at the process and the user that started it.', 'Replace the pod from its image.'],
    });
    expect(asked.status?.plan?.needs).toEqual(['WeakIdentity']);
    expect(asked.status).not.toHaveProperty('isolation');
    expect(asked.status).not.toHaveProperty('evidence');
    expect([touches(operator), logsOf(read)]).toEqual([[], []]);
    expect((await world.pod(victim.metadata.name))?.metadata).toEqual(victim.metadata);
    await approve(world, asked);
    const over = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    expect(over.status?.isolation?.form).toBe('Orphan');
    expect(findCondition(over.status?.conditions, 'Approved')?.reason).toBe('Approved');
  });

  test('waits for nobody once Falco reports the same pod', async ({ world }) => {
    const { victim, operator } = await stage(world);
    await alert(world, operator, victim);
    await world.incident('that asks', isAsked);
    const told = await operator.post(world.alert(victim));
    expect(told.body).toMatchObject({ outcome: 'Reported' });
    const over = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    expect(over.status?.plan).not.toHaveProperty('needs');
  });

  test('waits for nobody once Defender tells the container, though its rule is known', async ({ world }) => {
    const { victim, operator } = await stage(world);
    await alert(world, operator, victim);
    await world.incident('that asks', isAsked);
    const [container] = podFacts(victim).containers;
    const told = await alert(world, operator, victim, { containerId: container?.containerID });
    expect(told.body).toMatchObject({ outcome: 'Reported' });
    await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
  });

  test('waits for nobody where Falco was first', async ({ world }) => {
    const { victim, operator } = await stage(world, { responses: [{ name: 'all', actions: ['Isolate'] }] });
    await operator.post(world.alert(victim));
    await world.incident('that is at rest', (i) => i.status?.phase === 'Quarantined');
    expect((await alert(world, operator, victim)).body).toMatchObject({ outcome: 'Reported' });
    const still = await world.incident('that is at rest', (i) => i.status?.phase === 'Quarantined');
    expect(still.status?.plan).not.toHaveProperty('needs');
  });
});

describe('an alert of Defender', () => {
  test('about a pod that is younger than it, or gone, touches nobody', async ({ world }) => {
    const { victim, operator } = await stage(world);
    const startTimeUtc = victim.metadata.creationTimestamp;
    const young = await alert(world, operator, victim, { startTimeUtc });
    expect(young.body).toMatchObject({
      outcome: 'Unidentified',
      message: expect.stringContaining('another pod had its name then'),
    });
    const gone = { ...victim, metadata: { ...victim.metadata, name: 'gone' } };
    expect((await alert(world, operator, gone, { systemAlertId: 'b' })).body).toMatchObject({
      outcome: 'Unidentified',
    });
    expect(await world.list(DRIFT_INCIDENTS)).toEqual([]);
  });

  test('that says it begins in the future makes no pod older', async ({ world }) => {
    const operator = await world.operator({ defender: DEFENDER });
    await world.policy();
    await older(world);
    const { namespace } = world;
    const metadata = { name: 'young', namespace, labels: { app: 'web' } };
    const containers = [{ name: 'web', image: PINNED }];
    const young = await world.client.create<KubeObject>(
      PODS,
      { namespace },
      { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers } },
    );
    const ahead = (ms: number) => new Date(world.parts.clock.now() + ms).toISOString();
    const told = await alert(world, operator, young, { startTimeUtc: ahead(120_000) });
    expect(told.body).toMatchObject({ outcome: 'Unidentified' });
    expect(await alert(world, operator, young, { startTimeUtc: ahead(3_600_000) })).toMatchObject({
      status: 400,
    });
  });

  test('about another cluster is ignored, whatever it names', async ({ world }) => {
    const { victim, operator } = await stage(world);
    const told = await alert(world, operator, victim, { cluster: `${CLUSTER}-2` });
    expect(told).toMatchObject({ status: 202, body: { outcome: 'Ignored' } });
    expect(await world.list(DRIFT_INCIDENTS)).toEqual([]);
    expect(await operator.metrics()).toMatch(/die_operator_alerts_total\{[^}]*outcome="Ignored"[^}]*\} 1/);
  });

  test('that tells the container is acted on at once', async ({ world }) => {
    const { victim, operator } = await stage(world);
    const [container] = podFacts(victim).containers;
    const told = await alert(world, operator, victim, { containerId: container?.containerID });
    expect(told.body).toMatchObject({ outcome: 'Opened' });
    const over = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    expect(over.spec.trigger.detection).not.toHaveProperty('confidence');
  });
});
