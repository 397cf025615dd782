// Disruption budgets, counted from pods: as Kubernetes counts, save what its status does not know.
import { describe, expect, test } from 'vitest';
import { budgetFacts, type BudgetFacts } from '../../../src/api/disruption-budget.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import type { PodFacts } from '../../../src/api/pod.ts';
import { brokenBudget, countBudgets, type BudgetInput } from '../../../src/decide/disruption-budget.ts';
import { aPod, T0 } from '../../support/builders.ts';

const LABELS = { app: 'web' };
const pod = (n: number, change: Partial<PodFacts> = {}) =>
  aPod({ name: `web-${n}`, uid: `uid-${n}`, labels: LABELS, ...change });

function budget(spec: object, name = 'strict'): BudgetFacts {
  const selector = { matchLabels: LABELS };
  return budgetFacts({
    metadata: { name, namespace: 'shop' },
    spec: { selector, ...spec },
  } as unknown as KubeObject);
}

function input(replicas: number, spec: object, change: Partial<BudgetInput> = {}): BudgetInput {
  return {
    target: { uid: 'uid-0', labels: LABELS },
    ready: true,
    budgets: [budget(spec)],
    pods: Array.from({ length: replicas }, (_, n) => pod(n)),
    out: new Set(),
    absent: [],
    ...change,
  };
}
const isBroken = (given: BudgetInput) => brokenBudget(countBudgets(given), given.ready) !== undefined;

describe('what must stay', () => {
  // As `GetScaledValueFromIntOrPercent(value, expected, roundUp: true)` of Kubernetes gives it.
  test.for<[object, number, number]>([
    [{ minAvailable: 2 }, 3, 2],
    [{ minAvailable: 5 }, 3, 5],
    [{ minAvailable: '50%' }, 3, 2],
    [{ minAvailable: '50%' }, 4, 2],
    [{ minAvailable: '1%' }, 3, 1],
    [{ minAvailable: '100%' }, 3, 3],
    [{ maxUnavailable: 1 }, 3, 2],
    [{ maxUnavailable: 5 }, 3, 0],
    [{ maxUnavailable: 0 }, 3, 3],
    [{ maxUnavailable: '30%' }, 3, 2],
    [{ maxUnavailable: '50%' }, 3, 1],
    [{ maxUnavailable: '0%' }, 3, 3],
    [{ maxUnavailable: '100%' }, 3, 0],
    [{}, 3, 0],
    [{ minAvailable: 'many' }, 3, 3],
    [{ maxUnavailable: 'many' }, 3, 3],
  ])('by %j of %i pods is %i', ([spec, replicas, desired]) => {
    const [counted] = countBudgets(input(replicas, spec));
    expect(counted).toMatchObject({ healthy: replicas, desired, expected: replicas });
  });
});

describe('a budget', () => {
  test('lets a pod go that it can spare, and no other', () => {
    expect(isBroken(input(3, { minAvailable: 2 }))).toBe(false);
    expect(isBroken(input(2, { minAvailable: 2 }))).toBe(true);
    expect(isBroken(input(3, { maxUnavailable: 0 }))).toBe(true);
  });

  test('does not count a pod that we took out, whatever it looks like', () => {
    expect(isBroken(input(3, { minAvailable: 2 }, { out: new Set(['uid-1']) }))).toBe(true);
  });

  test('misses what was taken out and not replaced: a share of the pods is of those, too', () => {
    const taken = { pods: [pod(0), pod(1)], out: new Set(['uid-2']), absent: [LABELS] };
    expect(countBudgets(input(0, { maxUnavailable: 1 }, taken))).toMatchObject([
      { healthy: 2, expected: 3, desired: 2 },
    ]);
    expect(isBroken(input(0, { maxUnavailable: 1 }, taken))).toBe(true);
    expect(isBroken(input(0, { maxUnavailable: 1 }, { ...taken, absent: [{ app: 'other' }] }))).toBe(false);
  });

  test.for<[string, Partial<PodFacts>]>([
    ['not Ready', { ready: false }],
    ['being deleted', { deletionTimestamp: T0 }],
    ['of other labels', { labels: { app: 'other' } }],
    ['at its end', { phase: 'Succeeded', ready: false }],
  ])('does not count a pod as healthy that is %s', ([, change]) => {
    expect(isBroken(input(0, { minAvailable: 2 }, { pods: [pod(0), pod(1), pod(2, change)] }))).toBe(true);
  });

  test('counts the place of a pod of a StatefulSet that is being deleted: its name is not free', () => {
    const ownerReferences = [
      { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 's', controller: true },
    ];
    const going = pod(2, { deletionTimestamp: T0, ownerReferences });
    const counted = (last: PodFacts) =>
      countBudgets(input(0, { maxUnavailable: 1 }, { pods: [pod(0), pod(1), last] }))[0]?.expected;
    expect(counted(going)).toBe(3);
    expect(counted({ ...going, ownerReferences: [] })).toBe(2);
  });

  test.for<[object, number, boolean]>([
    [{ minAvailable: 2 }, 3, false],
    [{ minAvailable: 3 }, 3, true],
    [{ minAvailable: 3, unhealthyPodEvictionPolicy: 'AlwaysAllow' }, 3, false],
    [{ minAvailable: 3, unhealthyPodEvictionPolicy: 'IfHealthyBudget' }, 3, true],
  ])('%j of %i pods keeps one that is not Ready: %s', ([spec, replicas, broken]) => {
    const pods = [pod(0, { ready: false }), ...Array.from({ length: replicas - 1 }, (_, n) => pod(n + 1))];
    expect(isBroken(input(0, spec, { ready: false, pods }))).toBe(broken);
  });

  test('is about pods by their labels as recorded', () => {
    const relabelled = { pods: [pod(0, { labels: {} }), pod(1)] };
    expect(isBroken(input(0, { minAvailable: 2 }, relabelled))).toBe(true);
  });

  test.for<[string, object]>([
    ['with other labels', { selector: { matchLabels: { app: 'other' } } }],
    ['with no selector', { selector: null }],
  ])('%s is not about the pod', ([, selector]) => {
    expect(countBudgets(input(1, { minAvailable: 9, ...selector }))).toEqual([]);
  });

  test('with an empty selector is about every pod', () => {
    expect(countBudgets(input(1, { minAvailable: 1, selector: {} }))).toHaveLength(1);
  });

  test('that is broken is named, the first of several', () => {
    const budgets = [budget({ minAvailable: 2 }, 'b'), budget({ minAvailable: 2 }, 'a'), budget({}, 'c')];
    expect(brokenBudget(countBudgets(input(2, {}, { budgets })), true)).toBe(
      'disruption budget a needs 2 healthy pods, and of 2 there are 2, those not counted that die-operator took out',
    );
  });
});
