// Evictions that have to wait, and replacements that are not clean.
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import { POD_DISRUPTION_BUDGETS } from '../../src/kube/resources.ts';
import { budget } from '../support/budgets.ts';
import { flowTest as test } from '../support/flow-test.ts';
import { IMAGE } from '../support/world.ts';

// A gently isolated pod still counts for its budget; an orphan does not.
const GENTLE = { limits: { perWorkload: { quarantined: 0 } } };

describe('a disruption budget', () => {
  test('holds the eviction with its own words, and lets it go once it allows', async ({ world }) => {
    const victim = await world.victim(2);
    const operator = await world.operator();
    await world.policy(GENTLE);
    const made = await budget(world, 'strict', { minAvailable: 2 });
    await operator.post(world.alert(victim));
    const waiting = await world.incident(
      'that waits',
      (i) => findCondition(i.status?.conditions, 'Ready')?.reason === 'DisruptionBudget',
    );
    const ready = findCondition(waiting.status?.conditions, 'Ready');
    expect(ready).toMatchObject({ status: 'False' });
    expect(ready?.message).toContain('strict');
    expect(waiting.status?.steps).toContainEqual(
      expect.objectContaining({ name: 'Evict', state: 'Waiting', reason: 'DisruptionBudget' }),
    );
    const { namespace = '', name, uid } = made.metadata;
    await world.client.delete(POD_DISRUPTION_BUDGETS, { namespace, name }, uid);
    await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
  });

  test('that can spare the pod is not asked for an orphan, which it no longer selects', async ({ world }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy();
    await budget(world, 'strict', { minAvailable: 2 });
    await operator.post(world.alert(victim));
    await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
  });

  test('beside another one needs a person', async ({ world }) => {
    const victim = await world.victim(2);
    const operator = await world.operator();
    await world.policy(GENTLE);
    await budget(world, 'one', { minAvailable: 1 });
    await budget(world, 'two', { minAvailable: 1 });
    await operator.post(world.alert(victim));
    const stalled = await world.incident(
      'that is stalled',
      (i) => findCondition(i.status?.conditions, 'Stalled') !== undefined,
    );
    expect(findCondition(stalled.status?.conditions, 'Stalled')?.reason).toBe('MultipleDisruptionBudgets');
  });
});

describe('a replacement', () => {
  test('that runs another image than the set did before fails the incident', async ({ world }) => {
    const victim = await world.victim(3, IMAGE);
    const operator = await world.operator();
    await world.policy();
    world.parts.images.set(IMAGE, `sha256:${'e'.repeat(64)}`);
    await operator.post(world.alert(victim));
    const incident = await world.incident('that is over', (i) => i.status?.phase === 'Failed');
    expect(findCondition(incident.status?.conditions, 'ReplacementVerified')).toMatchObject({
      status: 'False',
      reason: 'UnapprovedImage',
    });
  });

  test('named by tag is proven by what the set ran before', async ({ world }) => {
    const victim = await world.victim(3, IMAGE);
    const operator = await world.operator();
    await world.policy();
    await operator.post(world.alert(victim));
    const incident = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    expect(findCondition(incident.status?.conditions, 'ReplacementVerified')).toMatchObject({
      status: 'True',
      reason: 'Baseline',
    });
  });

  test('named by tag does not satisfy a policy that demands digests', async ({ world }) => {
    const victim = await world.victim(3, IMAGE);
    const operator = await world.operator();
    await world.policy({ eviction: { replacement: { require: 'Pinned' } } });
    await operator.post(world.alert(victim));
    const incident = await world.incident('that is over', (i) => i.status?.phase === 'Failed');
    expect(findCondition(incident.status?.conditions, 'Ready')?.reason).toBe('Unpinned');
  });

  test('belongs to one incident only', async ({ world }) => {
    const [one, two] = await world.deployment(4);
    const operator = await world.operator();
    await world.policy();
    for (const pod of [one, two]) if (pod) await operator.post(world.alert(pod));
    const claimed = await world.until('both are over', async () => {
      const uids = await world.replacements();
      return uids.length === 2 ? uids : undefined;
    });
    expect(new Set(claimed).size).toBe(2);
  });
});
