// Writes whose fate is not known, that fail for long, or that arrive when nobody waits for them any more.
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import { QUARANTINE_LABEL } from '../../src/api/names.ts';
import { DRIFT_INCIDENTS } from '../../src/kube/resources.ts';
import { answers500, carriedOutAfter, cuttable, fault, losesAnswer } from '../support/faults.ts';
import { simulationTest as test } from '../support/flow-test.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import type { TestOperator } from '../support/world.ts';

const CONTAIN = { responses: [{ name: 'contain', minSeverity: 'Warning', actions: ['Label', 'Isolate'] }] };
const KEEP = { responses: [{ name: 'keep', minSeverity: 'Warning', actions: ['Isolate', 'Capture'] }] };
const CHANGES_POD = /^PATCH .*\/pods\//;
const HOUR_MS = 3_600_000;

function eventReasons({ events }: TestOperator): string[] {
  return events.map(({ body }) => (body as { reason: string }).reason);
}

describe('an isolation patch whose answer is lost', () => {
  test.for([
    { replicas: 3, form: 'Orphan' },
    { replicas: 1, form: 'Gentle' },
  ])(
    'is recorded with the form that it had: $form',
    async ({ replicas, form }, { embedded: { world, clock } }) => {
      const victim = await world.victim(replicas);
      const once = fault(CHANGES_POD, clock, losesAnswer);
      once.left = 1;
      const operator = await world.operator({}, once.wrap);
      await world.policy(CONTAIN);
      await operator.post(world.alert(victim));
      const incident = await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
      expect(once.at).toHaveLength(1);
      expect(incident.status?.isolation).toMatchObject({ form });
      expect(incident.status?.steps).toMatchObject([{ name: 'Isolate', state: 'Succeeded', reason: form }]);
      expect(findCondition(incident.status?.conditions, 'Isolated')).toMatchObject({ reason: 'Pending' });
      expect(eventReasons(operator)).toContain('DriftIsolated');
    },
  );

  test('can be released all the same', async ({ embedded: { world, clock } }) => {
    const victim = await world.victim(3);
    const once = fault(CHANGES_POD, clock, losesAnswer);
    once.left = 1;
    const operator = await world.operator({}, once.wrap);
    await world.policy(CONTAIN);
    await operator.post(world.alert(victim));
    await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
    const [incident] = await world.list<DriftIncident>(DRIFT_INCIDENTS);
    await world.client.jsonPatch(
      DRIFT_INCIDENTS,
      { namespace: world.namespace, name: incident?.metadata.name ?? '' },
      [
        {
          op: 'add',
          path: '/spec/decision',
          value: { action: 'Release', by: 'ann', reason: 'a false alarm' },
        },
      ],
    );
    await world.incident('that was released', (i) => i.status?.phase === 'Released');
    const restored = operator.writes.findLast(
      ({ method, path }) => method === 'PATCH' && path.includes('/pods/'),
    );
    expect(restored?.answer).toMatchObject({ metadata: { labels: victim.metadata.labels } });
  });
});

describe('a pod that cannot be changed for an hour, as every PATCH answers 500', () => {
  test('shows why within seconds, sends an Event, and evidence is kept meanwhile', async ({
    embedded: { world, clock },
  }) => {
    const victim = await world.victim(3);
    const broken = fault(CHANGES_POD, clock, answers500);
    const operator = await world.operator({}, broken.wrap);
    await world.policy(KEEP);
    await operator.post(world.alert(victim));
    const soon = await world.incident(
      'that says why',
      (i) => i.status?.steps?.[0]?.reason === 'InternalError',
    );
    expect(clock.now() - (broken.at[0] ?? 0)).toBeLessThan(2_000);
    expect(soon.status?.steps?.[0]?.message).toContain('etcdserver: request timed out');
    await clock.advance(60_000);
    const incident = await world.incident('with evidence', (i) => i.status?.evidence !== undefined);
    expect(incident.status?.steps?.[0]).toMatchObject({ name: 'Isolate', state: 'Failed' });
    expect(findCondition(incident.status?.conditions, 'Isolated')).toMatchObject({ status: 'False' });
    expect(eventReasons(operator)).toContain('DriftIsolatedFailed');
  });

  test('is tried about twice a minute with few requests, and isolated soon after the API is well', async ({
    embedded: { world, clock, cluster },
  }) => {
    const victim = await world.victim(3);
    const broken = fault(CHANGES_POD, clock, answers500);
    const operator = await world.operator({}, broken.wrap);
    await world.policy(KEEP);
    await operator.post(world.alert(victim));
    await clock.advance(120_000);
    let requests = 0;
    cluster.onRequest(({ userAgent, verb }) => {
      if (userAgent.startsWith('die-operator') && verb !== 'watch') requests += 1;
    });
    const tries = broken.at.length;
    await clock.advance(HOUR_MS);
    expect(broken.at.length - tries).toBeLessThanOrEqual(120);
    expect(broken.at.length - tries).toBeGreaterThanOrEqual(60);
    // Of these six are the budgets and quotas of the namespace: they decide the form, and are read each time.
    expect(requests / (broken.at.length - tries)).toBeLessThan(18);

    broken.left = 0;
    const well = clock.now();
    const incident = await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
    expect(clock.now() - well).toBeLessThanOrEqual(31_000);
    expect(incident.status?.steps?.[0]).toMatchObject({
      name: 'Isolate',
      state: 'Succeeded',
      reason: 'Orphan',
    });
    expect(findCondition(incident.status?.conditions, 'Isolated')).toMatchObject({ status: 'Unknown' });
  });

  test('is evicted and replaced without having been isolated', async ({ embedded: { world, clock } }) => {
    const victim = await world.victim(3);
    const operator = await world.operator({}, fault(CHANGES_POD, clock, answers500).wrap);
    await world.policy();
    await operator.post(world.alert(victim));
    const incident = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    expect(incident.status?.steps).toMatchObject([
      { name: 'Isolate', state: 'Failed' },
      { name: 'Capture', state: 'Succeeded' },
      { name: 'Evict', state: 'Succeeded' },
      { name: 'Verify', state: 'Succeeded' },
    ]);
    expect(incident.status?.evidence?.problems).toEqual([]);
  });
});

describe('a process that is killed while it reads logs', () => {
  test('is followed three minutes later by one that captures in full', async ({
    embedded: { world, clock },
  }) => {
    const victim = await world.victim(3);
    const line = cuttable(world.parts.transport);
    const killing = fault(/^GET .*\/log\?/, clock, async (request) => {
      line.up = false;
      return line.transport(request);
    });
    const lost = createMemoryStore({
      clock,
      before: () => {
        if (!line.up) throw new Error('the process is dead');
      },
    });
    const first = await world.operator({ instance: 'first', evidence: lost }, () =>
      killing.wrap(line.transport),
    );
    await world.policy();
    await first.post(world.alert(victim));
    await world.until('the process is dead', async () => !line.up || undefined);
    await clock.advance(180_000);
    const [left] = await world.list<DriftIncident>(DRIFT_INCIDENTS);
    expect(left?.status?.steps?.at(-1)).toMatchObject({ name: 'Capture', state: 'Running', attempts: 1 });
    expect((await world.pod(victim.metadata.name))?.metadata.labels?.[QUARANTINE_LABEL]).toBe('true');

    const second = await world.operator({ instance: 'second' });
    const incident = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    expect(incident.status?.evidence?.problems).toEqual([]);
    const paths = second.evidence.manifest(incident.metadata.uid)?.files.map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining(['api/pod.json', 'logs/web/current.log']));
    expect(findCondition(incident.status?.conditions, 'EvidenceComplete')).toMatchObject({ status: 'True' });
  });
});

describe('a status write of a former process', () => {
  test.for([1, 2, 3, 4])(
    'that arrives when all is over turns nothing back: number %i',
    async (number, { embedded }) => {
      const { world, clock, cluster } = embedded;
      const victim = await world.victim(3);
      const line = cuttable(world.parts.transport);
      let seen = 0;
      const late = carriedOutAfter(180_000, clock);
      const statusWrite = fault(/^PATCH .*driftincidents\/.*\/status/, clock, async (request, inner) => {
        seen += 1;
        if (seen !== number) return inner(request);
        // The process dies with the write under way; the write itself does not.
        line.up = false;
        return late(request, world.parts.transport);
      });
      const first = await world.operator({ instance: 'first' }, () => statusWrite.wrap(line.transport));
      await world.policy();
      await first.post(world.alert(victim));
      await world.until('the process is dead', async () => !line.up || undefined);
      await world.operator({ instance: 'second' });
      const over = await world.incident(
        'that is over',
        (i) => i.status?.phase === 'Resolved' && !i.metadata.finalizers?.length,
      );
      const answered = cluster.audit.length;
      await clock.advance(240_000);
      const writes = cluster.audit.slice(answered).filter(({ verb }) => verb === 'patch');
      expect(writes.map(({ path, status }) => [/\/status/.test(path), status])).toEqual([[true, 422]]);
      expect(await world.list<DriftIncident>(DRIFT_INCIDENTS)).toEqual([over]);
    },
  );
});
