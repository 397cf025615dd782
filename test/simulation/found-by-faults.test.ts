// Histories that the fault simulation found, as short as they got: what was wrong in each must stay mended.
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { DriftPolicy } from '../../src/api/policy.ts';
import { foreignLabels, isQuarantined } from '../../src/api/pod.ts';
import { INTAKE_CONFIGMAP, SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { CONFIG_MAPS, DRIFT_INCIDENTS, DRIFT_POLICIES, PODS } from '../../src/kube/resources.ts';
import { answers500, cuttable, fault, holdable, losesAnswer, slowBy } from '../support/faults.ts';
import { createEmbeddedWorld, simulationTest as test } from '../support/flow-test.ts';
import type { World } from '../support/world.ts';

const ISOLATE = [{ name: 'contain', minSeverity: 'Warning', actions: ['Isolate'] }];
const CHANGES_POD = /^PATCH .*\/pods\//;

async function orphans(world: World): Promise<number> {
  const pods = await world.list(PODS);
  return pods.filter(({ metadata: { labels = {} } }) => {
    return isQuarantined({ labels }) && Object.keys(foreignLabels(labels)).length === 0;
  }).length;
}

describe('an isolation whose answer is lost, and which the watch does not show yet', () => {
  test('counts under the limits: the next pod of the workload is isolated gently', async ({
    embedded: { world, clock },
  }) => {
    const [first, second] = await world.deployment(4);
    if (!first || !second) throw new Error('a Deployment of four has pods');
    const once = fault(CHANGES_POD, clock, losesAnswer);
    once.left = 1;
    const watch = holdable('pods');
    const operator = await world.operator({}, (inner) => watch.wrap(once.wrap(inner)));
    await world.policy({ responses: ISOLATE, limits: { perWorkload: { quarantined: 1 } } });
    watch.hold();
    void operator.post(world.alert(first));
    await world.until('the answer is lost', async () => once.at.length > 0 || undefined);
    void operator.post(world.alert(second));
    await world.until('the second is isolated', async () => {
      const pod = await world.pod(second.metadata.name);
      return pod && isQuarantined({ labels: pod.metadata.labels ?? {} }) ? pod : undefined;
    });
    expect(await orphans(world)).toBe(1);
    watch.release();
    await clock.advance(60_000);
    expect(await orphans(world)).toBe(1);
  });
});

describe('an eviction whose answer is lost', () => {
  test('is verified like any other: the pod went by it, or nobody knows', async ({
    embedded: { world, clock },
  }) => {
    const victim = await world.victim(3);
    const once = fault(/^POST .*\/eviction\?(?!.*dryRun)/, clock, losesAnswer);
    once.left = 1;
    const operator = await world.operator({}, once.wrap);
    await world.policy();
    await operator.post(world.alert(victim));
    const incident = await world.incident('that is over', (i) => Boolean(i.status?.replacement));
    expect(incident.status?.phase).toBe('Resolved');
    expect(incident.status?.steps).toContainEqual(
      expect.objectContaining({ name: 'Evict', state: 'Succeeded', reason: 'NotObserved' }),
    );
  });
});

describe('two pods of a workload that drift within one second', () => {
  test.for([1, 2, 3, 4, 5, 6])('both find the pod that took their place: seed %i', async (seed) => {
    const { world, cluster } = await createEmbeddedWorld(seed);
    const pods = await world.deployment(5);
    const operator = await world.operator();
    await world.policy();
    await Promise.all(pods.slice(0, 2).map((pod) => operator.post(world.alert(pod))));
    const replacements = await world.until('both are resolved', async () => {
      const found = await world.replacements();
      return found.length === 2 ? found : undefined;
    });
    expect(new Set(replacements).size).toBe(2);
    await world.close();
    cluster.stop();
  });
});

describe('a capture whose process dies, after which its policy is turned to Audit', () => {
  test('is not said to run', async ({ embedded: { world, clock } }) => {
    const victim = await world.victim(3);
    const line = cuttable(world.parts.transport);
    const slow = fault(/^GET .*\/log\?/, clock, slowBy(20_000, clock));
    const first = await world.operator({ instance: 'first' }, () => slow.wrap(line.transport));
    const policy = await world.policy();
    await first.post(world.alert(victim));
    await world.until('logs are read', async () => slow.at.length > 0 || undefined);
    line.up = false;
    await audit(world, policy);
    await world.operator({ instance: 'second' });
    const incident = await world.incident('that rests', (i) => i.status?.phase === 'Quarantined');
    expect(incident.status?.steps?.at(-1)).toMatchObject({
      name: 'Capture',
      state: 'Waiting',
      reason: 'PolicyChanged',
      attempts: 1,
    });
  });
});

async function audit(world: World, { metadata }: DriftPolicy): Promise<void> {
  await world.client.jsonPatch(DRIFT_POLICIES, { namespace: world.namespace, name: metadata.name }, [
    { op: 'add', path: '/spec/mode', value: 'Audit' },
  ]);
}

describe('a Release while the API server hardly answers', () => {
  test('is heard before isolation is tried again', async ({ embedded: { world, clock } }) => {
    const victim = await world.victim(3);
    const policies = fault(/^GET .*\/networkpolicies\/die/, clock, answers500);
    const pauses = fault(/^GET .*\/configmaps\//, clock, answers500);
    policies.left = 0;
    pauses.left = 0;
    const operator = await world.operator({}, (inner) => policies.wrap(pauses.wrap(inner)));
    await world.policy();
    policies.left = Infinity;
    pauses.left = Infinity;
    void operator.post(world.alert(victim));
    await world.until('isolation was tried', async () => policies.at.length > 0 || undefined);
    await clock.advance(12_000);
    await release(world);
    policies.left = 0;
    await world.incident('that was released', (i) => i.status?.phase === 'Released');
    expect(operator.writes.filter(({ method, path }) => CHANGES_POD.test(`${method} ${path}`))).toEqual([]);
    expect((await world.pod(victim.metadata.name))?.metadata.labels).toEqual(victim.metadata.labels);
  });
});

async function release(world: World): Promise<void> {
  const [incident] = await world.list<DriftIncident>(DRIFT_INCIDENTS);
  const at = { namespace: world.namespace, name: incident?.metadata.name ?? '' };
  await world.client.jsonPatch(DRIFT_INCIDENTS, at, [
    { op: 'add', path: '/spec/decision', value: { action: 'Release', by: 'ann', reason: 'a false alarm' } },
  ]);
}

describe('a test event that is to be asked for, and the answer to the note of that is lost', () => {
  test('is asked for, and not missed', async ({ embedded: { world, clock } }) => {
    const at = { namespace: SYSTEM_NAMESPACE, name: INTAKE_CONFIGMAP };
    await world.client.create(CONFIG_MAPS, at, { metadata: at });
    const once = fault(/^PATCH .*\/configmaps\/die-operator-intake/, clock, losesAnswer);
    once.left = 1;
    let asked = 0;
    const ask = () => Promise.resolve(void asked++);
    await world.operator({ silence: { canary: { intervalMs: 120_000, ask } } }, once.wrap);
    await world.until('the answer is lost', async () => once.at.length > 0 || undefined);
    expect(asked).toBe(0);
    await clock.advance(50_000);
    expect(asked).toBe(1);
  });
});
