// What is missing for a while on the real controllers: replacements that are refused or that a StatefulSet has given up for
// now, and what disruption budgets learn of it.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { QUARANTINE_LABEL, TOUCHED_ANNOTATION } from '../../src/api/names.ts';
import * as kinds from '../../src/kube/resources.ts';
import { APP, drift, ISOLATE, make, ownerTest as test, read, readyPods } from '../support/owner-world.ts';
import { REPLACE, resting, TEMPLATE } from '../support/owner-world.ts';
import type { World } from '../support/world.ts';

const RESOURCE_QUOTAS = { ...kinds.PODS, plural: 'resourcequotas', kind: 'ResourceQuota' };

interface Budget extends KubeObject {
  status?: { currentHealthy?: number; disruptionsAllowed?: number; expectedPods?: number };
}

/** From now on no pod of the tests can start in the namespace, for a reason that no quota tells. */
async function refusePods({ client, namespace: name }: World): Promise<void> {
  const path = '/metadata/labels/pod-security.kubernetes.io~1enforce';
  await client.jsonPatch(kinds.NAMESPACES, { name }, [{ op: 'add', path, value: 'restricted' }]);
}

function failedCreation(world: World, why: string): Promise<KubeObject> {
  return world.until('the refusal', async () => {
    const events = await world.list<KubeObject & { reason?: string; message?: string }>(kinds.CORE_EVENTS);
    return events.find(({ reason, message }) => reason === 'FailedCreate' && message?.includes(why));
  });
}

const statefulSet = (replicas: number) => ({
  metadata: { name: 'web' },
  spec: { replicas, serviceName: 'web', selector: { matchLabels: APP }, template: TEMPLATE },
});

describe('a disruption budget of a pod that lost its labels', () => {
  const RUNGS = {
    responses: [
      { name: 'contain', minSeverity: 'Warning', actions: ['Isolate'] },
      { name: 'replace', minSeverity: 'Critical', actions: ['Isolate', 'Evict'] },
    ],
    limits: { perWorkload: { quarantined: 5 }, perNamespace: { quarantined: 5 } },
  };

  // Nothing tells the disruption controller of a pod that its budget does not select any more.
  test('stays stale where no replacement can start; the last copy is kept all the same', async ({
    world,
  }) => {
    const [first, second] = await world.deployment(2);
    if (!first || !second) throw new Error('there are no two pods');
    const budget = { minAvailable: 1, selector: { matchLabels: APP } };
    await make(world, kinds.POD_DISRUPTION_BUDGETS, { metadata: { name: 'web' }, spec: budget });
    await refusePods(world);
    const budgetStatus = async () => (await read<Budget>(world, kinds.POD_DISRUPTION_BUDGETS, 'web')).status;
    const overAllows = { currentHealthy: 2, disruptionsAllowed: 1 };
    await world.until('one may go', async () =>
      (await budgetStatus())?.disruptionsAllowed === 1 ? true : undefined,
    );

    const operator = await drift(world, first, RUNGS, { priority: 'Warning' });
    await resting(world, 'Quarantined');
    await world.until('the ReplicaSet let go', async () => {
      const pod = await world.pod(first.metadata.name);
      return pod?.metadata.ownerReferences?.length ? undefined : true;
    });
    const { name, namespace = '', uid } = second.metadata;
    const eviction = {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name, namespace },
      deleteOptions: { preconditions: { uid } },
    };
    const at = { namespace, name, subresource: 'eviction' };
    await world.client.create(kinds.PODS, at, eviction, { dryRun: true });
    expect(await budgetStatus()).toMatchObject(overAllows);
    expect(await readyPods(world, 1)).toHaveLength(1);

    await operator.post(world.alert(second, { priority: 'Critical' }));
    const kept = await resting(world, 'AwaitingApproval');
    expect(kept.spec.target.uid).toBe(uid);
    expect(kept.status).toMatchObject({ isolation: { form: 'Gentle' } });
    expect(kept.status?.plan?.message).toContain('No other copy of the workload is Ready');
    expect(operator.writes.some(({ path }) => path.includes('/eviction'))).toBe(false);
  });
});

describe('a pod of a StatefulSet that lost its labels by another hand', () => {
  const RUNGS = {
    responses: [
      { name: 'contain', minSeverity: 'Warning', actions: ['Isolate'] },
      { name: 'replace', minSeverity: 'Critical', actions: ['Isolate', 'Evict'] },
    ],
    eviction: { replacement: { readyWithin: '30s' } },
    approval: { requiredFor: [] },
  };
  // By then the set waits for twice as long until its next try.
  const HELD_MS = 12_000;

  test('comes back soon after its eviction: the set is touched', async ({ world }) => {
    await make(world, kinds.STATEFUL_SETS, statefulSet(2));
    const [victim] = await readyPods(world, 2);
    const { name, namespace = '', labels } = victim.metadata;
    const operator = await drift(world, victim, RUNGS, { priority: 'Warning' });
    await resting(world, 'Quarantined');
    await world.client.jsonPatch(kinds.PODS, { namespace, name }, [
      { op: 'replace', path: '/metadata/labels', value: { [QUARANTINE_LABEL]: 'true' } },
    ]);
    await world.until('the set let go', async () =>
      (await world.pod(name))?.metadata.ownerReferences?.length ? undefined : true,
    );
    // Its tries are silent: there is nothing to wait for but the time.
    await sleep(HELD_MS);
    await operator.post(world.alert(victim, { priority: 'Critical' }));
    const { status } = await world.incident('resolved', (i) => i.status?.phase === 'Resolved');

    expect(status?.steps?.find((step) => step.name === 'Touch')).toMatchObject({
      state: 'Succeeded',
      message: expect.stringContaining('was touched'),
    });
    const { metadata } = await read(world, kinds.STATEFUL_SETS, 'web');
    const touchedAt = Date.parse(metadata.annotations?.[TOUCHED_ANNOTATION] ?? '');
    const replacement = await read(world, kinds.PODS, name);
    expect(replacement.metadata).toMatchObject({ labels, uid: status?.replacement?.uid });
    const afterTouch = Date.parse(replacement.metadata.creationTimestamp) - touchedAt;
    // Creation times are whole seconds.
    expect(afterTouch).toBeGreaterThan(-1_000);
    expect(afterTouch).toBeLessThan(3_000);
  });

  test('does not make its sibling look spare, though the budget says so', async ({ world }) => {
    await make(world, kinds.STATEFUL_SETS, statefulSet(2));
    const [first, second] = await readyPods(world, 2);
    if (!second) throw new Error('there are no two pods');
    const budget = { minAvailable: 1, selector: { matchLabels: APP } };
    await make(world, kinds.POD_DISRUPTION_BUDGETS, { metadata: { name: 'web' }, spec: budget });
    const allowed = async () =>
      (await read<Budget>(world, kinds.POD_DISRUPTION_BUDGETS, 'web')).status?.disruptionsAllowed;
    await world.until('one may go', async () => ((await allowed()) === 1 ? true : undefined));
    const { name, namespace = '' } = first.metadata;
    await world.client.jsonPatch(kinds.PODS, { namespace, name }, [
      { op: 'replace', path: '/metadata/labels', value: {} },
    ]);
    await world.until('the set let go', async () =>
      (await world.pod(name))?.metadata.ownerReferences?.length ? undefined : true,
    );
    expect(await allowed()).toBe(1);

    const operator = await drift(world, second, REPLACE);
    await resting(world, 'AwaitingApproval');
    expect(operator.writes.some(({ path }) => path.endsWith('/eviction'))).toBe(false);
  });
});

describe('a replacement that admission does not let start', () => {
  test('is missed, and no other pod of the workload is taken out of it meanwhile', async ({ world }) => {
    const victim = await world.victim(3);
    await refusePods(world);
    const operator = await drift(world, victim, { ...ISOLATE, limits: { perWorkload: { quarantined: 5 } } });
    const incident = await resting(world, 'Quarantined');
    expect(incident.status?.isolation?.form).toBe('Orphan');
    await failedCreation(world, 'PodSecurity');
    const [next] = await readyPods(world, 2);
    await operator.post(world.alert(next));
    const second = await world.incident(
      'about another one',
      ({ spec, status }) => spec.target.uid === next.metadata.uid && status?.phase === 'Quarantined',
    );
    expect(second.status?.isolation?.form).toBe('Gentle');
    expect(second.status?.plan?.message).toContain('limits.perWorkload.maxUnavailable of 25%');
    expect(await readyPods(world, 2)).toHaveLength(2);
  });
});

describe('a replacement that a quota does not let start', () => {
  test('is foreseen: the pod stays in its workload, and the incident says why', async ({ world }) => {
    const victim = await world.victim(2);
    await make(world, RESOURCE_QUOTAS, { metadata: { name: 'full' }, spec: { hard: { pods: '2' } } });
    await world.until('the quota counts', async () => {
      const { status } = await read<KubeObject & { status?: { used?: object } }>(
        world,
        RESOURCE_QUOTAS,
        'full',
      );
      return status?.used;
    });
    await drift(world, victim, ISOLATE);
    const { status } = await resting(world, 'Quarantined');
    expect(status?.isolation?.form).toBe('Gentle');
    expect(status?.plan?.message).toMatch(
      /^The replacement could not be started .* quota.*: it is isolated gently/,
    );
    const uids = (await readyPods(world, 2)).map(({ metadata }) => metadata.uid);
    expect(uids).toContain(victim.metadata.uid);
  });

  test('ends the incident as failed, if it is not there in time after the eviction', async ({ world }) => {
    const victim = await world.victim(2);
    await make(world, RESOURCE_QUOTAS, { metadata: { name: 'full' }, spec: { hard: { pods: '1' } } });
    await drift(world, victim, { ...REPLACE, eviction: { replacement: { readyWithin: '2s' } } });
    const { status } = await resting(world, 'NoReplacement');
    expect(status).toMatchObject({
      phase: 'Failed',
      conditions: expect.arrayContaining([
        expect.objectContaining({
          type: 'ReplacementVerified',
          status: 'False',
          message: expect.stringContaining('look at the events of the controller'),
        }),
      ]),
    });
  });
});
