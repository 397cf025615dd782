// What becomes of alerts that open no response, or not at once: each ends in one named outcome.
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { DriftPolicy } from '../../src/api/policy.ts';
import { DRIFT_INCIDENTS, DRIFT_POLICIES, PODS } from '../../src/kube/resources.ts';
import { recordedBody } from '../support/alerts.ts';
import { flowTest as test } from '../support/flow-test.ts';
import type { TestOperator, World } from '../support/world.ts';

async function incidentsOf(world: World): Promise<number> {
  return (await world.list(DRIFT_INCIDENTS)).length;
}

// 202 Queued tells nothing of the end; the counter does.
async function outcomeOf(world: World, operator: TestOperator, outcome: string): Promise<void> {
  await world.until(`an alert that ended as ${outcome}`, async () => {
    const text = await operator.metrics();
    return new RegExp(`alerts_total\\{outcome="${outcome}"\\} [1-9]`).test(text) || undefined;
  });
}

describe('an alert', () => {
  test('about a pod that no policy selects ends as NoPolicy', async ({ world }) => {
    const pod = await world.victim(1);
    const operator = await world.operator();
    await world.policy({ match: { podSelector: { matchLabels: { app: 'other' } } } });
    expect(await operator.post(world.alert(pod))).toMatchObject({
      status: 202,
      body: { outcome: 'NoPolicy' },
    });
    expect(await incidentsOf(world)).toBe(0);
  });

  test('below every rung ends as NoPolicy', async ({ world }) => {
    const pod = await world.victim(1);
    const operator = await world.operator();
    await world.policy();
    const answer = await operator.post(world.alert(pod, { priority: 'Notice' }));
    expect(answer.body).toMatchObject({ outcome: 'NoPolicy' });
  });

  // Both wait for 30 s; on a real API server that is real time.
  test.concurrent(
    'about a pod that nobody knows ends as Unidentified, not before 30 s',
    async ({ world }) => {
      const pod = await world.victim(1);
      const operator = await world.operator();
      await world.policy();
      const unknown = { 'k8s.pod.name': 'web-nobody', 'container.id': 'deadbeefdead' };
      const start = world.parts.clock.now();
      void operator.post(world.alert(pod, { fields: unknown }));
      await outcomeOf(world, operator, 'Unidentified');
      expect(world.parts.clock.now() - start).toBeGreaterThanOrEqual(30_000);
      expect(await incidentsOf(world)).toBe(0);
    },
    60_000,
  );

  test.concurrent(
    'with the UID of another pod of that name is not acted on',
    async ({ world }) => {
      const pod = await world.victim(1);
      const operator = await world.operator();
      await world.policy();
      const fields = { 'k8s.pod.uid': '11111111-2222-3333-4444-555555555555', 'container.id': null };
      void operator.post(world.alert(pod, { fields }));
      await outcomeOf(world, operator, 'Unidentified');
      expect(await incidentsOf(world)).toBe(0);
    },
    60_000,
  );

  test('from another node than the pod’s is refused', async ({ world }) => {
    const pod = await world.victim(1);
    const operator = await world.operator();
    await world.policy();
    const answer = await operator.post(world.alert(pod, { hostname: 'elsewhere' }));
    expect(answer.body).toMatchObject({ outcome: 'Unidentified' });
    expect(await incidentsOf(world)).toBe(0);
  });

  test('with only a name is refused: names are used again', async ({ world }) => {
    const pod = await world.victim(1);
    const operator = await world.operator();
    await world.policy();
    const answer = await operator.post(world.alert(pod, { fields: { 'container.id': null } }));
    expect(answer.body).toMatchObject({ outcome: 'Unidentified' });
  });

  test('of Falcosidekick’s test button is ignored', async ({ world }) => {
    const operator = await world.operator();
    const answer = await operator.post(recordedBody('04-test-event'));
    expect(answer).toMatchObject({ status: 202, body: { outcome: 'Ignored' } });
  });

  test('that is older than the limit is recorded and nothing is done', async ({ world }) => {
    const pod = await world.victim(1);
    const operator = await world.operator();
    await world.policy();
    const answer = await operator.post(world.alert(pod, { time: '2026-01-01T00:00:00.5Z' }));
    expect(answer.body).toMatchObject({ outcome: 'Opened' });
    const incident = await world.incident('that was planned', (i) => i.status?.phase === 'Observed');
    expect(incident.status?.plan).toMatchObject({ mode: 'Audit' });
    expect(operator.writes.filter(({ path }) => path.includes('/pods'))).toEqual([]);
  });

  test('without a token changes nothing', async ({ world }) => {
    const pod = await world.victim(1);
    const operator = await world.operator();
    await world.policy();
    const answer = await operator.post(world.alert(pod), { authorization: 'Bearer wrong-token-0123456789' });
    expect(answer.status).toBe(401);
    expect(await incidentsOf(world)).toBe(0);
  });

  test('waits for a pod that appears in time', async ({ world }) => {
    const operator = await world.operator();
    await world.policy();
    const pod = await world.victim(1);
    expect((await operator.post(world.alert(pod))).status).toBe(202);
    await world.incident('of the new pod', (i) => i.spec.target.uid === pod.metadata.uid);
  });
});

describe('a policy that is not accepted', () => {
  test('says why and where, contributes nothing, and leaves the others at work', async ({ world }) => {
    const pod = await world.victim(3);
    const operator = await world.operator();
    const bad = await world.policy({ eviction: { waitForBudget: '9999h' } }, 'bad');
    const accepted = findCondition(bad.status?.conditions, 'Accepted');
    expect(accepted).toMatchObject({ status: 'False', reason: 'Invalid' });
    expect(accepted?.message).toContain('spec.eviction.waitForBudget');
    expect((await operator.post(world.alert(pod))).body).toMatchObject({ outcome: 'NoPolicy' });

    await world.policy({}, 'good');
    expect((await operator.post(world.alert(pod, { rule: 'Another rule' }))).body).toMatchObject({
      outcome: 'Opened',
    });
  });

  test('is accepted once it is corrected', async ({ world }) => {
    await world.operator();
    const bad = await world.policy({ eviction: { waitForBudget: '9999h' } });
    const { namespace = '', name } = bad.metadata;
    await world.client.jsonPatch(DRIFT_POLICIES, { namespace, name }, [
      { op: 'replace', path: '/spec/eviction/waitForBudget', value: '5m' },
    ]);
    await world.until('the policy is accepted', async () => {
      const policy = await world.client.get<DriftPolicy>(DRIFT_POLICIES, { namespace, name });
      return findCondition(policy.status?.conditions, 'Accepted')?.status === 'True' ? policy : undefined;
    });
  });
});

describe('in Audit', () => {
  test('everything is planned and recorded, and nothing is touched', async ({ world }) => {
    const pod = await world.victim(3);
    const operator = await world.operator();
    await world.policy({ mode: 'Audit' });
    const before = await world.list(PODS);
    await operator.post(world.alert(pod));
    const incident = await world.incident('that was planned', (i) => i.status?.plan !== undefined);
    expect(incident.status).toMatchObject({
      phase: 'Observed',
      plan: { mode: 'Audit', steps: ['Isolate', 'Capture', 'Evict', 'Verify'], form: 'Orphan' },
    });
    expect(incident.metadata.finalizers ?? []).toEqual([]);
    expect(operator.writes.every(({ path }) => path.includes('/drift'))).toBe(true);
    const names = (pods: typeof before) =>
      pods.map(({ metadata }) => `${metadata.name} ${JSON.stringify(metadata.labels)}`);
    expect(names(await world.list(PODS))).toEqual(names(before));
  });
});
