// Many pods at once: nobody waits for the evidence of others, and a change costs requests only where it matters.
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import { QUARANTINE_LABEL } from '../../src/api/names.ts';
import { DRIFT_INCIDENTS, PODS } from '../../src/kube/resources.ts';
import { fault, holdable, slowBy } from '../support/faults.ts';
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

describe('while nine pods are captured whose logs take 25 s to read', () => {
  test('a tenth is isolated within a second', async ({ embedded: { world, clock } }) => {
    const pods = await world.deployment(12);
    const slow = fault(/^GET .*\/log\?/, clock, slowBy(25_000, clock));
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
    const slow = fault(/^GET .*\/log\?/, clock, slowBy(25_000, clock));
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
