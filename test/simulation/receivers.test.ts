// What receivers must get right beside the responder: caches that lag, names that come and go, containers that the API
// server does not know yet.
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { DRIFT_INCIDENTS, PODS } from '../../src/kube/resources.ts';
import { holdable } from '../support/faults.ts';
import { simulationTest as test, type EmbeddedWorld } from '../support/flow-test.ts';
import type { TestOperator, World } from '../support/world.ts';

const NOTE = { responses: [{ name: 'note', minSeverity: 'Notice', actions: ['Label'] }] };
const AUDIT = { ...NOTE, mode: 'Audit' };

function resting(world: World): Promise<DriftIncident> {
  return world.incident('that rests', (incident) => incident.status?.phase === 'Observed');
}

async function deleteIncident(world: World, { metadata }: DriftIncident): Promise<void> {
  const { namespace = '', name, uid } = metadata;
  await world.client.delete(DRIFT_INCIDENTS, { namespace, name }, uid);
  await world.until(
    'the incident is gone',
    async () => (await world.list(DRIFT_INCIDENTS)).length === 0 || undefined,
  );
}

describe.each([
  ['in Audit', AUDIT],
  ['that had labelled its pod', NOTE],
])('an incident %s that is deleted while the cache of the receiver lags', (_what, spec) => {
  async function deleted({ world }: EmbeddedWorld, restarted: boolean) {
    const victim = await world.victim(3);
    const watch = holdable('driftincidents');
    await world.operator({ roles: ['responder'], instance: 'responder' });
    let receiver = await world.operator({ roles: ['receiver'] }, watch.wrap);
    await world.policy(spec);
    await receiver.post(world.alert(victim, { rule: 'First' }));
    const first = await resting(world);
    if (restarted) {
      await receiver.stop();
      receiver = await world.operator({ roles: ['receiver'] }, watch.wrap);
    }
    watch.hold();
    await deleteIncident(world, first);
    return { victim, receiver, first, watch };
  }

  test.for([false, true])(
    'does not swallow the next alert, which opens another (receiver restarted: %s)',
    async (restarted, { embedded }) => {
      const { world, clock, cluster } = embedded;
      const { victim, receiver, first, watch } = await deleted(embedded, restarted);
      const before = cluster.audit.length;
      void receiver.post(world.alert(victim, { rule: 'Second' }));
      const next = await world.incident('that is another', (i) => i.metadata.uid !== first.metadata.uid);
      expect(next.spec.trigger.detection.rule).toBe('Second');
      await clock.advance(20_000);
      // A request for the old incident, and the create.
      const asked = cluster.audit
        .slice(before)
        .filter(({ path, verb }) => path.includes('driftincidents') && ['create', 'patch'].includes(verb))
        .filter(({ body }) => /"kind":"DriftIncident"|reports/.test(body ?? ''));
      expect(asked.length).toBeLessThanOrEqual(3);
      watch.release();
      await clock.advance(5_000);
      expect(await world.list(DRIFT_INCIDENTS)).toHaveLength(1);
      expect(await receiver.metrics()).toMatch(/outcome="Opened"\} [12]\n/);
    },
  );

  test('takes further alerts into the new incident, also once the cache has caught up', async ({
    embedded,
  }) => {
    const { world, clock } = embedded;
    const { victim, receiver, watch } = await deleted(embedded, false);
    void receiver.post(world.alert(victim, { rule: 'Second' }));
    await world.incident('that is another', (i) => i.spec.trigger.detection.rule === 'Second');
    void receiver.post(world.alert(victim, { rule: 'Third' }));
    await clock.advance(2_000);
    watch.release();
    await clock.advance(1_000);
    void receiver.post(world.alert(victim, { rule: 'Fourth' }));
    await clock.advance(2_000);
    const [incident, ...others] = await world.list<DriftIncident>(DRIFT_INCIDENTS);
    expect(others).toEqual([]);
    expect(incident?.status?.reports?.['test-1']).toMatchObject({
      count: 3,
      detections: [{ rule: 'Third' }, { rule: 'Fourth' }],
    });
  });
});

async function reportedBy(world: World, victim: KubeObject, instance: string, rule: string): Promise<void> {
  const receiver = await world.operator({ roles: ['receiver'], instance });
  await receiver.post(world.alert(victim, { rule, fields: { 'proc.pid': instance } }));
  await receiver.stop();
}

describe('forty receivers that come and go under new names in the life of one incident', () => {
  test('each get their report stored, and no count is lost', async ({ embedded: { world } }) => {
    const victim = await world.victim(3);
    await world.operator({ roles: ['responder'], instance: 'responder' });
    await world.policy(AUDIT);
    await reportedBy(world, victim, 'r-0', 'The rule');
    await resting(world);
    for (let n = 1; n <= 40; n++) {
      await reportedBy(world, victim, `r-${n}`, 'The rule');
      const [incident] = await world.list<DriftIncident>(DRIFT_INCIDENTS);
      const reports = incident?.status?.reports ?? {};
      expect(reports).toHaveProperty(`r-${n}`);
      expect(Object.keys(reports).length).toBeLessThanOrEqual(32);
      // The creation itself is the report of the first.
      expect(Object.values(reports).reduce((sum, { count }) => sum + count, 0)).toBe(n);
    }
  });

  test('leave the escalation in force that the oldest of them reported', async ({ embedded: { world } }) => {
    const victim = await world.victim(3);
    await world.operator({ roles: ['responder'], instance: 'responder' });
    await world.policy({
      ...AUDIT,
      responses: [...AUDIT.responses, { name: 'more', rules: ['Second'], actions: ['Isolate'] }],
    });
    await reportedBy(world, victim, 'r-0', 'First');
    await resting(world);
    await reportedBy(world, victim, 'r-1', 'Second');
    for (let n = 2; n <= 40; n++) await reportedBy(world, victim, `r-${n}`, 'First');
    const [incident] = await world.list<DriftIncident>(DRIFT_INCIDENTS);
    const reports = Object.entries(incident?.status?.reports ?? {});
    expect(reports.map(([name]) => name)).not.toContain('r-1');
    const asked = reports.flatMap(([, { policies }]) => policies ?? []).flatMap(({ actions }) => actions);
    expect(asked).toContain('Isolate');
  });
});

function startContainer({ world, cluster }: EmbeddedWorld, pod: KubeObject, id: string): void {
  const at = { namespace: world.namespace, name: pod.metadata.name };
  cluster.api.update(PODS, at, 'status', (stored) => {
    const status = stored['status'] as { containerStatuses: object[] };
    const [first, ...others] = status.containerStatuses;
    return {
      ...stored,
      status: {
        ...status,
        containerStatuses: [{ ...first, containerID: `containerd://${id}` }, ...others],
      },
    };
  });
}

describe('an alert about a container that is too new to be in the status of its pod', () => {
  const ID = 'abcdef012345';

  test.for([
    ['its name', {}],
    ['its node only', { 'k8s.pod.name': null, 'k8s.ns.name': null }],
  ] as const)(
    'with %s told is opened once the status shows it, and once',
    async ([, fields], { embedded }) => {
      const { world, clock } = embedded;
      const victim = await world.victim(3);
      const operator = await world.operator();
      await world.policy(AUDIT);
      const answer = operator.post(world.alert(victim, { fields: { 'container.id': ID, ...fields } }));
      await clock.advance(1_000);
      expect(await answer).toMatchObject({ status: 202, body: { outcome: 'Queued' } });
      await clock.advance(7_000);
      expect(await world.list(DRIFT_INCIDENTS)).toEqual([]);
      startContainer(embedded, victim, ID + '6'.repeat(52));
      const shown = clock.now();
      const incident = await resting(world);
      expect(clock.now() - shown).toBeLessThan(6_000);
      expect(incident.spec.target.uid).toBe(victim.metadata.uid);
      expect(incident.spec.trigger.detection.containerName).toBe('web');
      await clock.advance(30_000);
      expect(await outcomes(operator)).toEqual(['Opened 1']);
    },
  );

  test('as the cache of pods lags is opened at once: the pod is looked up live', async ({ embedded }) => {
    const { world } = embedded;
    const victim = await world.victim(3);
    const watch = holdable('pods');
    const operator = await world.operator({}, watch.wrap);
    await world.policy(AUDIT);
    watch.hold();
    startContainer(embedded, victim, ID + '6'.repeat(52));
    const answer = operator.post(world.alert(victim, { fields: { 'container.id': ID } }));
    await resting(world);
    expect(await answer).toMatchObject({ status: 202, body: { outcome: 'Opened' } });
    watch.release();
  });

  test('and never gets into it ends as unidentified after half a minute, with few requests', async ({
    embedded: { world, clock, cluster },
  }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy(AUDIT);
    const before = cluster.audit.length;
    void operator.post(world.alert(victim, { fields: { 'container.id': ID } }));
    await clock.advance(29_000);
    expect(await outcomes(operator)).toEqual([]);
    await clock.advance(2_000);
    expect(await outcomes(operator)).toEqual(['Unidentified 1']);
    expect(cluster.audit.slice(before).filter(({ verb }) => verb === 'get').length).toBeLessThanOrEqual(12);
  });
});

/** Outcomes that were counted, with their number. */
async function outcomes(operator: TestOperator): Promise<string[]> {
  const counted = (await operator.metrics()).matchAll(/outcome="(\w+)"\} (\d+)/g);
  return [...counted].filter(([, , count]) => count !== '0').map(([, name, count]) => `${name} ${count}`);
}
