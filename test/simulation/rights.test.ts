// Rights that come and go while an operator runs: its policies notice by themselves, and asking stays cheap.
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { Condition, DriftPolicy } from '../../src/api/policy.ts';
import type { EmbeddedCluster } from '../../src/embedded/api-server.ts';
import { DRIFT_POLICIES } from '../../src/kube/resources.ts';
import { answers500, fault } from '../support/faults.ts';
import { simulationTest as test } from '../support/flow-test.ts';
import type { World } from '../support/world.ts';

const REVIEWS = /selfsubjectaccessreviews/;
const EVICT_ONLY = { responses: [{ name: 'replace', minSeverity: 'Warning', actions: ['Evict'] }] };

async function readyOf({ client, namespace }: World, name = 'web'): Promise<Condition | undefined> {
  const policy = await client.get<DriftPolicy>(DRIFT_POLICIES, { namespace, name });
  return findCondition(policy.status?.conditions, 'Ready');
}

const reviewsIn = ({ audit }: EmbeddedCluster): number =>
  audit.filter(({ path }) => REVIEWS.test(path)).length;

function denyEvictions(cluster: EmbeddedCluster): void {
  cluster.access.push(({ subresource }) => subresource !== 'eviction');
}

describe('a right that is missing', () => {
  test('is noticed within 5 minutes when it is granted', async ({ embedded: { world, cluster, clock } }) => {
    denyEvictions(cluster);
    await world.operator();
    const { status } = await world.policy(EVICT_ONLY);
    expect(findCondition(status?.conditions, 'Ready')?.reason).toBe('MissingPermission');
    cluster.access.length = 0;
    await clock.advance(300_000);
    expect(await readyOf(world)).toMatchObject({ status: 'True', reason: 'Enforcing' });
  });

  test('is noticed at once when the policy is changed after it was granted', async ({
    embedded: { world, cluster, clock },
  }) => {
    denyEvictions(cluster);
    await world.operator();
    await world.policy(EVICT_ONLY);
    await clock.advance(60_000);
    cluster.access.length = 0;
    await world.client.jsonPatch(DRIFT_POLICIES, { namespace: world.namespace, name: 'web' }, [
      { op: 'replace', path: '/spec/responses/0/name', value: 'renamed' },
    ]);
    await clock.advance(1_000);
    expect(await readyOf(world)).toMatchObject({ status: 'True', reason: 'Enforcing' });
  });

  test('is told by one Event, however long it is missing and whoever restarts', async ({
    embedded: { world, cluster, clock },
  }) => {
    denyEvictions(cluster);
    const operator = await world.operator();
    await world.policy(EVICT_ONLY);
    await clock.advance(3_600_000);
    await operator.stop();
    await world.operator();
    await clock.advance(600_000);
    const told = cluster.audit.filter(({ body }) => body?.includes('Ready=False'));
    expect(told.map(({ status }) => status)).toEqual([201]);
  });
});

describe('a right that is taken away', () => {
  test('is noticed within 10 minutes', async ({ embedded: { world, cluster, clock } }) => {
    await world.operator();
    const { status } = await world.policy(EVICT_ONLY);
    expect(findCondition(status?.conditions, 'Ready')?.status).toBe('True');
    denyEvictions(cluster);
    await clock.advance(600_000);
    expect(await readyOf(world)).toMatchObject({ status: 'False', reason: 'MissingPermission' });
  });
});

describe('reviews that fail', () => {
  test('for an hour leave nothing behind', async ({ embedded: { world, clock } }) => {
    const broken = fault(REVIEWS, clock, answers500);
    await world.operator({}, broken.wrap);
    const { status } = await world.policy();
    expect(findCondition(status?.conditions, 'Ready')).toMatchObject({
      status: 'Unknown',
      reason: 'RightsUnknown',
    });
    await clock.advance(3_600_000);
    expect((await readyOf(world))?.reason).toBe('RightsUnknown');
    broken.left = 0;
    await clock.advance(15_000);
    expect(await readyOf(world)).toMatchObject({ status: 'True', reason: 'Enforcing' });
  });

  test('keep no response from being carried out', async ({ embedded: { world, clock } }) => {
    const victim = await world.victim(3);
    const operator = await world.operator({}, fault(REVIEWS, clock, answers500).wrap);
    await world.policy();
    await operator.post(world.alert(victim));
    await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
  });
});

describe('three hundred policies of a namespace', () => {
  test('ask for each right about once when they are judged together', async ({
    embedded: { world, cluster, clock },
  }) => {
    denyEvictions(cluster);
    const first = await world.operator();
    await world.policy({}, 'web-0');
    const forOne = reviewsIn(cluster);
    await first.stop();
    for (let n = 1; n < 300; n++)
      await world.client.create(
        DRIFT_POLICIES,
        { namespace: world.namespace },
        await copyOf(world, `web-${n}`),
      );
    await clock.advance(10_000);
    const before = reviewsIn(cluster);
    await world.operator();
    await world.until('all are judged', async () => {
      const policies = await world.list<DriftPolicy>(DRIFT_POLICIES);
      return policies.every(({ status }) => status?.conditions) || undefined;
    });
    await clock.advance(1_000);
    expect(reviewsIn(cluster) - before).toBeLessThanOrEqual(forOne);
    // Their next look, five minutes later, is as cheap.
    const later = reviewsIn(cluster);
    await clock.advance(299_500);
    expect(reviewsIn(cluster) - later).toBeLessThanOrEqual(2 * forOne);
    expect(reviewsIn(cluster)).toBeGreaterThan(later);
  });
});

async function copyOf({ client, namespace }: World, name: string): Promise<object> {
  const { apiVersion, kind, spec } = await client.get<DriftPolicy>(DRIFT_POLICIES, {
    namespace,
    name: 'web-0',
  });
  return { apiVersion, kind, metadata: { name, namespace }, spec };
}
