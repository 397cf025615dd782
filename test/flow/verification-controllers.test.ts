// Pods that lose their controller: by whoever wants to hide them, by a response, or by whoever looks after the cluster.
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { DriftPolicy } from '../../src/api/policy.ts';
import { VERIFICATION_RULES } from '../../src/detect/verification.ts';
import {
  DEPLOYMENTS,
  DRIFT_INCIDENTS,
  DRIFT_POLICIES,
  PODS,
  REPLICA_SETS,
} from '../../src/kube/resources.ts';
import { flowTest as test } from '../support/flow-test.ts';
import type { World } from '../support/world.ts';

const verification = { interval: '1h' };

async function verified(world: World, reason: string, says = '') {
  return world.until(`Verified ${reason} ${says}`, async () => {
    const at = { namespace: world.namespace, name: 'web' };
    const { status } = await world.client.get<DriftPolicy>(DRIFT_POLICIES, at);
    const condition = findCondition(status?.conditions, 'Verified');
    return condition?.reason === reason && condition.message.includes(says) ? condition : undefined;
  });
}

/** Rules of all that was told of the pods of this world. */
async function rulesTold(world: World): Promise<string[]> {
  const incidents = await world.list<DriftIncident>(DRIFT_INCIDENTS);
  return incidents.flatMap(({ spec, status }) => [
    spec.trigger.detection.rule,
    ...Object.values(status?.reports ?? {}).flatMap(({ detections }) => detections.map(({ rule }) => rule)),
  ]);
}

/** As `kubectl delete --cascade=orphan` and the garbage collector do. */
async function deleteOrphaning(world: World): Promise<void> {
  const { client, namespace } = world;
  for (const resource of [DEPLOYMENTS, REPLICA_SETS])
    for (const { metadata } of await world.list(resource)) {
      const at = { namespace, name: metadata.name };
      await client.jsonPatch(resource, at, [{ op: 'add', path: '/metadata/finalizers', value: ['orphan'] }]);
      await client.delete(resource, at, metadata.uid);
    }
  for (const { metadata } of await world.list(PODS))
    await client.jsonPatch(PODS, { namespace, name: metadata.name }, [
      { op: 'add', path: '/metadata/ownerReferences', value: [] },
    ]);
}

async function release({ client }: World, { metadata }: DriftIncident): Promise<void> {
  const { namespace = '', name } = metadata;
  const value = { action: 'Release', by: 'ann', reason: 'a false alarm' };
  await client.jsonPatch(DRIFT_INCIDENTS, { namespace, name }, [
    { op: 'add', path: '/spec/decision', value },
  ]);
}

describe('a pod that somebody took from its controller', () => {
  test('and out of the policy by its labels is still told of by that policy', async ({ world }) => {
    const victim = await world.victim(2);
    await world.operator();
    await world.policy({ match: { podSelector: { matchLabels: { app: 'web' } } }, verification });
    await verified(world, 'Verified');
    const at = { namespace: world.namespace, name: victim.metadata.name };
    await world.client.jsonPatch(PODS, at, [
      { op: 'replace', path: '/metadata/labels', value: { app: 'else' } },
    ]);
    await verified(world, 'ConfigurationDrift', `${at.namespace}/${at.name}: the pod was made by ReplicaSet`);
  });
});

describe('nobody is accused of', () => {
  test('what a response did, and its release undid', async ({ world }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy({ approval: { requiredFor: ['Always'] }, verification });
    await verified(world, 'Verified');
    await operator.post(world.alert(victim));
    const waiting = await world.incident('that waits', ({ status }) => status?.phase === 'AwaitingApproval');
    await release(world, waiting);
    await world.incident('that is released', ({ status }) => status?.phase === 'Released');
    await verified(world, 'Verified', 'of 3 pods');
    expect(await rulesTold(world)).not.toContain(VERIFICATION_RULES.configuration);
  });

  test('the deletion of a controller that leaves its pods', async ({ world }) => {
    await world.deployment(2);
    await world.operator();
    await world.policy({ verification });
    await verified(world, 'Verified');
    await deleteOrphaning(world);
    await verified(world, 'NoTemplate', '2 pods');
    expect(await rulesTold(world)).toEqual([]);
  });
});
