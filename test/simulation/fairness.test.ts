// Many pods at once: nobody waits for the evidence of others, and a change costs requests only where it matters.
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import { QUARANTINE_LABEL } from '../../src/api/names.ts';
import { DRIFT_INCIDENTS, PODS } from '../../src/kube/resources.ts';
import { fault, flowsFor, holdable } from '../support/faults.ts';
import { simulationTest as test } from '../support/flow-test.ts';
import type { World } from '../support/world.ts';

async function untilIsolated(world: World, pods: readonly KubeObject[]): Promise<void> {
  const names = new Set(pods.map(({ metadata }) => metadata.name));
  await world.until('all are isolated', async () => {
    const isolated = (await world.list(PODS)).filter(
      ({ metadata }) => names.has(metadata.name) && metadata.labels?.[QUARANTINE_LABEL] === 'true',
    );
    return isolated.length === pods.length || undefined;
  });
}

describe('nine alerts about nine pods whose logs take 25 s to read', () => {
  test('isolate all nine within a second', async ({ embedded: { world, clock } }) => {
    const pods = await world.deployment(12);
    const slow = fault(/^GET .*\/log\?/, clock, flowsFor(25_000, clock));
    const operator = await world.operator({}, slow.wrap);
    await world.policy();
    const start = clock.now();
    await Promise.all(pods.slice(0, 9).map((pod) => operator.post(world.alert(pod))));
    await untilIsolated(world, pods.slice(0, 9));
    expect(clock.now() - start).toBeLessThan(1_000);
    // Their logs are still being read.
    const incidents = await world.list<DriftIncident>(DRIFT_INCIDENTS);
    expect(incidents.filter(({ status }) => status?.evidence)).toEqual([]);
  });

  test('end with the evidence of all nine', async ({ embedded: { world, clock } }) => {
    const pods = await world.deployment(12);
    const slow = fault(/^GET .*\/log\?/, clock, flowsFor(25_000, clock));
    const operator = await world.operator({}, slow.wrap);
    await world.policy({
      responses: [{ name: 'keep', minSeverity: 'Warning', actions: ['Isolate', 'Capture'] }],
    });
    await Promise.all(pods.slice(0, 9).map((pod) => operator.post(world.alert(pod))));
    await clock.advance(180_000);
    const incidents = await world.list<DriftIncident>(DRIFT_INCIDENTS);
    expect(incidents.map(({ status }) => status?.evidence?.problems)).toEqual(pods.slice(0, 9).map(() => []));
  });
});

describe('a pod without an incident', () => {
  test('that changes a hundred times costs no request, though 15 pods of its workload have an incident in Audit', async ({
    embedded: { world, clock, cluster },
  }) => {
    const [quiet, ...others] = await world.deployment(16);
    if (!quiet) throw new Error('a Deployment of 16 has pods');
    const operator = await world.operator();
    await world.policy({ mode: 'Audit' });
    await Promise.all(others.map((pod) => operator.post(world.alert(pod))));
    await world.until('15 incidents that rest', async () => {
      const resting = (await world.list<DriftIncident>(DRIFT_INCIDENTS)).filter(
        ({ status }) => status?.phase === 'Observed',
      );
      return resting.length === 15 || undefined;
    });
    await clock.advance(2_000);
    const before = cluster.audit.length;
    for (let n = 1; n <= 100; n++) {
      await world.client.jsonPatch(PODS, { namespace: world.namespace, name: quiet.metadata.name }, [
        { op: 'add', path: '/metadata/labels/changed', value: String(n) },
      ]);
      await clock.advance(100);
    }
    const asked = cluster.audit.slice(before).filter(({ userAgent }) => userAgent.startsWith('die-operator'));
    expect(asked.filter(({ verb }) => verb !== 'watch').map(({ verb, path }) => `${verb} ${path}`)).toEqual(
      [],
    );
    expect(cluster.audit.slice(before).filter(({ verb }) => verb === 'patch')).toHaveLength(100);
  });
});

describe('while nine pods are captured whose logs take 25 s to read', () => {
  test('a tenth is isolated within a second', async ({ embedded: { world, clock } }) => {
    const pods = await world.deployment(12);
    const slow = fault(/^GET .*\/log\?/, clock, flowsFor(25_000, clock));
    const operator = await world.operator({}, slow.wrap);
    await world.policy();
    const start = clock.now();
    await Promise.all(pods.slice(0, 9).map((pod) => operator.post(world.alert(pod))));
    await untilIsolated(world, pods.slice(0, 9));
    expect(clock.now() - start).toBeLessThan(1_000);

    await clock.advance(5_000);
    expect(slow.at.length).toBeGreaterThan(0);
    const [, , , , , , , , , tenth] = pods;
    if (!tenth) throw new Error('there are twelve pods');
    const later = clock.now();
    await operator.post(world.alert(tenth));
    await untilIsolated(world, [tenth]);
    expect(clock.now() - later).toBeLessThan(1_000);
    // Those before it still read their logs.
    const incidents = await world.list<DriftIncident>(DRIFT_INCIDENTS);
    expect(incidents.filter(({ status }) => status?.evidence)).toEqual([]);
  });
});

describe('the same while the cache of the responder lags by some seconds', () => {
  test('a tenth is isolated within a second', async ({ embedded: { world, clock } }) => {
    const pods = await world.deployment(12);
    const slow = fault(/^GET .*\/log\?/, clock, flowsFor(25_000, clock));
    const watch = holdable('driftincidents');
    const operator = await world.operator({}, (t) => watch.wrap(slow.wrap(t)));
    await world.policy();
    // The creations are seen, what is written to the incidents afterwards is not.
    world.parts.clock.after(60, watch.hold);
    await Promise.all(pods.slice(0, 9).map((pod) => operator.post(world.alert(pod))));
    await untilIsolated(world, pods.slice(0, 9));
    await clock.advance(100);
    watch.hold();
    for (const pod of pods.slice(0, 9)) {
      await world.client.jsonPatch(PODS, { namespace: world.namespace, name: pod.metadata.name }, [
        { op: 'add', path: '/metadata/labels/x', value: 'y' },
      ]);
    }
    await clock.advance(3_000);
    watch.release();
    const [, , , , , , , , , tenth] = pods;
    if (!tenth) throw new Error('there are twelve pods');
    const later = clock.now();
    await operator.post(world.alert(tenth));
    await untilIsolated(world, [tenth]);
    expect(clock.now() - later).toBeLessThan(1_000);
  });
});
