// Policies of the cluster, grants, conditions and exceptions, from what is applied to what is done.
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import { BREAK_GLASS_ANNOTATION } from '../../src/api/names.ts';
import type { DriftPolicy } from '../../src/api/policy.ts';
import { CLUSTER_DRIFT_POLICIES, DRIFT_INCIDENTS, DRIFT_POLICIES, PODS } from '../../src/kube/resources.ts';
import { flowTest as test } from '../support/flow-test.ts';
import { PINNED, type TestOperator, type World } from '../support/world.ts';

const LABEL = [{ name: 'note', minSeverity: 'Warning', actions: ['Label'] }];
const ALL = [{ name: 'replace', minSeverity: 'Warning', actions: ['Label', 'Isolate', 'Capture', 'Evict'] }];
const UNTIL = '2099-01-01T00:00:00Z';

async function changed(world: World, name: string, pleases: (policy: DriftPolicy) => boolean) {
  return world.until(`policy ${name} is judged anew`, async () => {
    const policy = await world.client.get<DriftPolicy>(DRIFT_POLICIES, { namespace: world.namespace, name });
    return pleases(policy) ? policy : undefined;
  });
}

/** Makes a pod, and waits until the operator's cache has it. */
async function makeKnown(world: World, operator: TestOperator): Promise<void> {
  const known = async () =>
    Number(/die_operator_cache_objects\{kind="Pod"\} (\d+)/.exec(await operator.metrics())?.[1]);
  const before = await known();
  await world.client.create(
    PODS,
    { namespace: world.namespace },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'later', namespace: world.namespace },
      spec: { containers: [{ name: 'web', image: PINNED }] },
    },
  );
  await world.until('the later pod is known', async () => (await known()) > before || undefined);
}

const acceptance = (policy: DriftPolicy) => findCondition(policy.status?.conditions, 'Accepted');

describe('a policy of the cluster', () => {
  test('answers drift in the namespaces that it selects, without any policy in them', async ({ world }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    const eviction = { replacement: { quietFor: '0s' } };
    const policy = await world.clusterPolicy({ mode: 'Enforce', responses: ALL, eviction });
    expect(findCondition(policy.status?.conditions, 'Ready')).toMatchObject({ status: 'True' });
    await operator.post(world.alert(victim));
    const incident = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    expect(incident.spec.trigger.policies).toMatchObject([
      { kind: 'ClusterDriftPolicy', name: policy.metadata.name, mode: 'Enforce' },
    ]);
  });

  test('stops what it asked for when it is deleted', async ({ world }) => {
    const victim = await world.victim(1);
    const operator = await world.operator();
    const { metadata } = await world.clusterPolicy({ mode: 'Enforce', responses: ALL });
    // The only copy is not taken away, so the response waits.
    await operator.post(world.alert(victim));
    await world.incident('that waits', (i) => i.status?.phase === 'AwaitingApproval');
    await world.client.delete(CLUSTER_DRIFT_POLICIES, { name: metadata.name }, metadata.uid);
    await world.incident('that only watches', (i) =>
      ['Observed', 'Quarantined'].includes(i.status?.phase ?? ''),
    );
    expect(operator.writes.some(({ path }) => path.includes('/eviction'))).toBe(false);
  });

  test('can leave Enforce to itself: the policy of a namespace is told so, until it is granted', async ({
    world,
  }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    const { metadata } = await world.clusterPolicy({ responses: LABEL, grants: {} });
    const tenant = await world.policy({ mode: 'Enforce' }, 'tenant');
    expect(acceptance(tenant)).toMatchObject({
      status: 'False',
      reason: 'NotPermitted',
      message: expect.stringContaining('spec.mode: Enforce is not permitted here'),
    });
    await operator.post(world.alert(victim));
    const incident = await world.incident('that records', (i) => i.status?.phase === 'Observed');
    expect(incident.spec.trigger.policies.map(({ kind }) => kind)).toEqual(['ClusterDriftPolicy']);

    await world.client.jsonPatch(CLUSTER_DRIFT_POLICIES, { name: metadata.name }, [
      { op: 'add', path: '/spec/grants', value: { enforce: true } },
    ]);
    await changed(world, 'tenant', (policy) => acceptance(policy)?.status === 'True');
    // What was recorded stays recorded: nothing that comes later starts a response.
    expect((await world.pod(victim.metadata.name))?.metadata.labels).toEqual(victim.metadata.labels);
  });
});

describe('an exception', () => {
  test('leaves its policy the label, is in the record, and does not touch another policy', async ({
    world,
  }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    const exception = {
      name: 'debugging',
      image: 'registry.example/shop/*',
      reason: 'a person looks into it',
      expires: UNTIL,
      condition: 'detection.rule.startsWith("Drop ")',
    };
    await world.policy({ mode: 'Enforce', responses: ALL, exceptions: [exception] }, 'excused');
    await world.policy({ mode: 'Audit', responses: ALL }, 'other');
    await operator.post(world.alert(victim));
    const incident = await world.incident('that is done', (i) => i.status?.phase === 'Observed');
    expect(incident.spec.trigger.policies).toMatchObject([
      { name: 'excused', actions: ['Label'], cap: { name: 'debugging', reason: 'a person looks into it' } },
      { name: 'other', actions: ['Label', 'Isolate', 'Capture', 'Evict'] },
    ]);
    const labels = (await world.pod(victim.metadata.name))?.metadata.labels;
    expect(labels).toEqual({ ...victim.metadata.labels, 'die-operator.dev/severity': 'critical' });
    expect(await operator.metrics()).toContain('die_operator_responses_capped_total{by="Exception"} 1');
  });

  test('that has ended is said to, and its policy goes on without it', async ({ world }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    const expires = new Date(world.parts.clock.now() - 1_000).toISOString();
    const exception = { name: 'old', image: '*', reason: 'once', expires };
    const policy = await world.policy({ mode: 'Enforce', exceptions: [exception] });
    expect(acceptance(policy)).toMatchObject({ status: 'True' });
    expect(findCondition(policy.status?.conditions, 'ExceptionsCurrent')).toMatchObject({
      status: 'False',
      reason: 'Expired',
      message: expect.stringContaining('exception old ended at'),
    });
    await operator.post(world.alert(victim));
    await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
  });

  test('by annotation counts where the cluster grants it', async ({ world }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.clusterPolicy({ grants: { enforce: true, breakGlass: { maxDuration: '2h' } } });
    await world.policy({ mode: 'Enforce' });
    const { namespace, name } = { namespace: world.namespace, name: victim.metadata.name };
    const until = new Date(world.parts.clock.now() + 3_600_000).toISOString();
    await world.client.jsonPatch(PODS, { namespace, name }, [
      { op: 'add', path: '/metadata/annotations', value: { [BREAK_GLASS_ANNOTATION]: until } },
    ]);
    // The receiver learns of it by its watch, in order: once it knows a later pod, it knows the annotation.
    await makeKnown(world, operator);
    await operator.post(world.alert(victim));
    const incident = await world.incident(
      'that is done',
      (i) => findCondition(i.status?.conditions, 'Ready')?.reason === 'Recorded',
    );
    expect(incident.spec.trigger.policies[0]).toMatchObject({
      actions: ['Label'],
      cap: { by: 'BreakGlass', until },
    });
  });
});

describe('a condition', () => {
  test('decides by what the alert tells which rungs are met', async ({ world }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy({
      mode: 'Enforce',
      responses: [
        ...LABEL,
        {
          name: 'contain',
          minSeverity: 'Warning',
          condition: '"proc.name" in detection.fields && detection.fields["proc.name"] == "xmrig"',
          actions: ['Isolate'],
        },
      ],
    });
    await operator.post(world.alert(victim, { fields: { 'proc.name': 'bash' } }));
    const first = await world.incident('for bash', () => true);
    expect(first.spec.trigger.policies[0]?.rungs).toEqual(['note']);
    await operator.post(world.alert(victim, { rule: 'Another', fields: { 'proc.name': 'xmrig' } }));
    await world.incident('that is isolated', (i) => i.status?.isolation?.form === 'Orphan');
  });

  test('that is wrong is refused with its place, and its policy does nothing', async ({ world }) => {
    const victim = await world.victim(1);
    const operator = await world.operator();
    const responses = [{ name: 'r', actions: ['Label'], condition: 'pot.name == "x"' }];
    const policy = await world.policy({ mode: 'Enforce', responses });
    expect(acceptance(policy)).toMatchObject({
      status: 'False',
      reason: 'Invalid',
      message: expect.stringMatching(/^spec\.responses\[0\]\.condition: .*pot/),
    });
    await operator.post(world.alert(victim));
    expect(await world.list(DRIFT_INCIDENTS)).toEqual([]);
  });
});
