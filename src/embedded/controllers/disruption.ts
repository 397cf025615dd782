// Disruption budgets: how many pods may go now (pkg/controller/disruption). As the real controller it looks at a budget when
// a pod changes that it selects now: of one whose labels left it, it hears nothing, and its status stays as it was.
import type { KubeObject } from '../../api/meta.ts';
import {
  DEPLOYMENTS,
  POD_DISRUPTION_BUDGETS,
  PODS,
  REPLICA_SETS,
  STATEFUL_SETS,
} from '../../kube/resources.ts';
import { serverTime, type Backend } from '../backend.ts';
import { conditionSet, withDisruptionCondition, type Budget, type BudgetStatus } from '../conditions.ts';
import type { DirectApi } from '../direct.ts';
import { selects } from '../selectors.ts';
import type { Reconciliation } from './reconciler.ts';
import { controllerRef, isReady, keyOf, parseKey, type Pod, type Workload } from './shapes.ts';

/** A granted eviction that has not happened by then is given back. */
const DISRUPTION_TIMEOUT_MS = 120_000;

/** See the file's first line. */
export function disruptionController(backend: Backend, api: DirectApi, delayMs: number): Reconciliation {
  return {
    delayMs,
    initial: () => api.list(POD_DISRUPTION_BUDGETS).map(keyOf),
    affected: ({ resource, object }) => {
      if (resource === POD_DISRUPTION_BUDGETS) return [keyOf(object)];
      if (resource !== PODS) return [];
      const { namespace, labels } = object.metadata;
      const budgets = api.list(POD_DISRUPTION_BUDGETS, namespace) as Budget[];
      return budgets.filter(({ spec }) => selects(spec?.selector, labels)).map(keyOf);
    },
    reconcile: (key) => {
      const budget = api.get(POD_DISRUPTION_BUDGETS, parseKey(key));
      return budget && bringInOrder(api, budget, backend.clock.now());
    },
  };
}

function bringInOrder(api: DirectApi, budget: Budget, now: number): number | undefined {
  const pods = (api.list(PODS, budget.metadata.namespace) as Pod[]).filter(({ metadata }) =>
    selects(budget.spec?.selector, metadata.labels),
  );
  const granted = stillGranted(budget, pods, now);
  const counts = countsOf(api, budget, pods);
  const at = serverTime(now);
  const status =
    typeof counts === 'string'
      ? failedStatus(budget.status ?? {}, counts, at)
      : statusOf(budget, { ...counts, healthy: healthyOf(pods, granted), granted }, at);
  api.update(POD_DISRUPTION_BUDGETS, budget.metadata, 'status', (stored) => ({ ...stored, status }));
  const oldest = Math.min(...Object.values(granted).map((time) => Date.parse(time)));
  return Number.isFinite(oldest) ? oldest + DISRUPTION_TIMEOUT_MS - now : undefined;
}

/** Evictions that were granted and whose pods are still there, by pod name. */
function stillGranted({ status }: Budget, pods: readonly Pod[], now: number): Record<string, string> {
  const waiting = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const names = new Set(waiting.map(({ metadata }) => metadata.name));
  return Object.fromEntries(
    Object.entries(status?.disruptedPods ?? {}).filter(
      ([name, time]) => names.has(name) && Date.parse(time) + DISRUPTION_TIMEOUT_MS > now,
    ),
  );
}

function healthyOf(pods: readonly Pod[], granted: Readonly<Record<string, string>>): number {
  return pods.filter(
    (pod) =>
      pod.metadata.deletionTimestamp === undefined &&
      granted[pod.metadata.name] === undefined &&
      isReady(pod),
  ).length;
}

interface Counts {
  expected: number;
  desired: number;
}

/** How many pods there should be and how many must stay, or why that cannot be told. */
function countsOf(api: DirectApi, { spec }: Budget, pods: readonly Pod[]): Counts | string {
  const { maxUnavailable, minAvailable = 0 } = spec ?? {};
  if (maxUnavailable === undefined && typeof minAvailable === 'number') {
    return { expected: pods.length, desired: minAvailable };
  }
  const expected = expectedScale(api, pods);
  if (typeof expected === 'string') return expected;
  const desired =
    maxUnavailable === undefined
      ? scaled(minAvailable, expected)
      : Math.max(0, expected - scaled(maxUnavailable, expected));
  return { expected, desired };
}

/** A number as it is, a percentage of `total` rounded up. */
function scaled(value: number | string, total: number): number {
  return typeof value === 'number' ? value : Math.ceil((Number.parseInt(value, 10) * total) / 100);
}

/** Replicas of all workloads that manage the pods; pods without a manager count for nothing. */
function expectedScale(api: DirectApi, pods: readonly Pod[]): number | string {
  const scales = new Map<string, number>();
  for (const pod of pods) {
    const workload = workloadOf(api, pod);
    if (workload === undefined) continue;
    if (workload === 'unknown') return `found no controllers for pod ${JSON.stringify(pod.metadata.name)}`;
    scales.set(workload.metadata.uid, workload.spec.replicas);
  }
  return [...scales.values()].reduce((sum, replicas) => sum + replicas, 0);
}

const SCALABLE = { ReplicaSet: REPLICA_SETS, Deployment: DEPLOYMENTS, StatefulSet: STATEFUL_SETS } as const;

/** The workload that sets the number of copies; `unknown` for an owner of another kind, undefined for none. */
function workloadOf(api: DirectApi, object: KubeObject): Workload | 'unknown' | undefined {
  const owner = controllerRef(object);
  if (!owner) return undefined;
  const resource = SCALABLE[owner.kind as keyof typeof SCALABLE] as
    (typeof SCALABLE)['ReplicaSet'] | undefined;
  const { namespace } = object.metadata;
  const found = resource && api.get(resource, { namespace, name: owner.name });
  const workload = found as Workload | undefined;
  if (workload?.metadata.uid !== owner.uid) return 'unknown';
  const above = controllerRef(workload);
  return above ? workloadOf(api, workload) : workload;
}

function statusOf(
  budget: Budget,
  counts: Counts & { healthy: number; granted: Record<string, string> },
  now: string,
): BudgetStatus {
  const { healthy, desired, expected, granted } = counts;
  const { generation = 1 } = budget.metadata;
  return withDisruptionCondition(
    {
      ...(Object.keys(granted).length > 0 && { disruptedPods: granted }),
      conditions: budget.status?.conditions ?? [],
      currentHealthy: healthy,
      desiredHealthy: desired,
      expectedPods: expected,
      disruptionsAllowed: expected <= 0 ? 0 : Math.max(0, healthy - desired),
      observedGeneration: generation,
    },
    now,
  );
}

/** As the real one fails: nothing may go; what was observed stays. */
function failedStatus(status: BudgetStatus, message: string, now: string): BudgetStatus {
  const condition = { type: 'DisruptionAllowed', status: 'False', reason: 'SyncFailed', message };
  return {
    ...status,
    disruptionsAllowed: 0,
    conditions: conditionSet(status.conditions ?? [], condition, now),
  };
}
