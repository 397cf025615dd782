// What disruption budgets say, counted from pods and incidents: the status of a budget does not see what left its selector.
import type { BudgetFacts } from '../api/disruption-budget.ts';
import type { PodFacts } from '../api/pod.ts';
import { byCodeUnit } from './order.ts';
import { compileSelector } from './selector.ts';

type Labels = Readonly<Record<string, string>>;

/** What is counted. */
export interface BudgetInput {
  /** The pod that would go: its labels as recorded. */
  target: { uid: string; labels: Labels };
  /** Whether it is Ready now. */
  ready: boolean;
  /** Budgets of its namespace. */
  budgets: readonly BudgetFacts[];
  /** Pods of its namespace. */
  pods: readonly PodFacts[];
  /** UIDs of pods that we took out, or are about to: whatever they look like, they serve nobody. */
  out: ReadonlySet<string>;
  /** Labels as recorded of those of them that nothing replaced yet. */
  absent: readonly Labels[];
}

/** One budget that is about the pod. */
export interface BudgetCount {
  name: string;
  /** Pods that are Ready, the one itself included if it is. */
  healthy: number;
  /** Pods that must stay Ready. */
  desired: number;
  /** Pods that there should be. */
  expected: number;
  /** Pods that are not Ready may always go. */
  unreadyMayGo: boolean;
}

/** The budgets that are about the pod, by name. */
export function countBudgets(input: BudgetInput): BudgetCount[] {
  return input.budgets
    .flatMap((budget) => countOne(budget, input) ?? [])
    .toSorted((a, b) => byCodeUnit(a.name, b.name));
}

/** The first budget that would be broken if the pod went now, in words; undefined: none would be. */
export function brokenBudget(budgets: readonly BudgetCount[], ready: boolean): string | undefined {
  const broken = budgets.find((budget) => !mayGo(budget, ready));
  if (!broken) return undefined;
  const { name, healthy, desired, expected } = broken;
  return `disruption budget ${name} needs ${desired} healthy pods, and of ${expected} there are ${healthy}, those not counted that die-operator took out`;
}

// As the API server decides (KEP-3017): a pod that is not Ready goes if the budget says so, or if enough others are Ready.
function mayGo({ healthy, desired, unreadyMayGo }: BudgetCount, ready: boolean): boolean {
  if (ready) return healthy - 1 >= desired;
  return unreadyMayGo || healthy >= desired;
}

function countOne(budget: BudgetFacts, input: BudgetInput): BudgetCount | undefined {
  const { target, ready, pods, out, absent } = input;
  const { name, selector, unreadyMayGo } = budget;
  const selects = selector && compileSelector(selector);
  if (!selects?.(target.labels)) return undefined;
  const others = pods.filter(
    (pod) => pod.uid !== target.uid && !out.has(pod.uid) && hasPlace(pod) && selects(pod.labels),
  );
  const missing = absent.filter((labels) => selects(labels)).length;
  const expected = others.length + missing + 1;
  const healthy = others.filter((pod) => pod.ready && pod.deletionTimestamp === undefined).length;
  return {
    name,
    healthy: healthy + (ready ? 1 : 0),
    desired: desiredOf(budget, expected),
    expected,
    unreadyMayGo,
  };
}

// A pod that goes has its place taken at once, save in a StatefulSet, where its name must be free first.
function hasPlace({ deletionTimestamp, phase, ownerReferences }: PodFacts): boolean {
  if (phase === 'Succeeded' || phase === 'Failed') return false;
  return deletionTimestamp === undefined || ownerReferences.some(({ kind }) => kind === 'StatefulSet');
}

function desiredOf({ minAvailable, maxUnavailable }: BudgetFacts, expected: number): number {
  if (maxUnavailable !== undefined) return Math.max(0, expected - scaled(maxUnavailable, expected, 0));
  return scaled(minAvailable ?? 0, expected, expected);
}

// As Kubernetes: a share of the pods is rounded up, also where that lets more go. What is neither is read as the most careful.
function scaled(value: number | string, total: number, careful: number): number {
  if (typeof value === 'number') return value;
  const percent = /^([0-9]+)%$/.exec(value)?.[1];
  return percent === undefined ? careful : Math.ceil((Number(percent) * total) / 100);
}
