// Pods and disruption budgets as the controllers read them, and their conditions.
import type { KubeObject, LabelSelector } from '../api/meta.ts';
import { listAt, objectAt, type JsonObject } from './json.ts';

/** A condition of any kind. */
export interface AnyCondition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
  observedGeneration?: number;
}

/** `status` of a disruption budget. */
export interface BudgetStatus {
  observedGeneration?: number;
  disruptionsAllowed?: number;
  currentHealthy?: number;
  desiredHealthy?: number;
  expectedPods?: number;
  /** Names of pods whose eviction was granted and when (RFC 3339). */
  disruptedPods?: Record<string, string>;
  conditions?: AnyCondition[];
}

/** A PodDisruptionBudget. */
export interface Budget extends KubeObject {
  spec?: {
    minAvailable?: number | string;
    maxUnavailable?: number | string;
    selector?: LabelSelector;
    unhealthyPodEvictionPolicy?: string;
  };
  status?: BudgetStatus;
}

/** The list with the condition set; `lastTransitionTime` moves with the status only. */
export function conditionSet(
  conditions: readonly AnyCondition[],
  condition: AnyCondition,
  now: string,
): AnyCondition[] {
  const before = conditions.find(({ type }) => type === condition.type);
  const since = before?.status === condition.status ? before.lastTransitionTime : undefined;
  const next = { ...condition, lastTransitionTime: since ?? now };
  return before
    ? conditions.map((other) => (other.type === condition.type ? next : other))
    : [...conditions, next];
}

/** The pod with that condition. */
export function withPodCondition(pod: KubeObject, condition: AnyCondition, now: string): JsonObject {
  const status = objectAt(pod['status']);
  const conditions = listAt(status['conditions']) as readonly AnyCondition[];
  return { ...pod, status: { ...status, conditions: conditionSet(conditions, condition, now) } };
}

/** The status with `DisruptionAllowed` as its numbers say. */
export function withDisruptionCondition(status: BudgetStatus, now: string): BudgetStatus {
  const allowed = (status.disruptionsAllowed ?? 0) > 0;
  const condition: AnyCondition = {
    type: 'DisruptionAllowed',
    status: allowed ? 'True' : 'False',
    reason: allowed ? 'SufficientPods' : 'InsufficientPods',
    message: '',
    ...(status.observedGeneration !== undefined && { observedGeneration: status.observedGeneration }),
  };
  return { ...status, conditions: conditionSet(status.conditions ?? [], condition, now) };
}
