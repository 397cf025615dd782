// What a workload can spare: budgets and quotas are read live, as they are small and decide; pods come from the cache.
import { budgetFacts, type BudgetFacts } from '../api/disruption-budget.ts';
import type { DriftIncident } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import type { PodFacts } from '../api/pod.ts';
import { quotaFacts, type QuotaFacts } from '../api/resource-quota.ts';
import type { Availability } from '../decide/availability.ts';
import { countBudgets } from '../decide/disruption-budget.ts';
import { wasAccepted } from '../decide/marks.ts';
import { responseOf } from '../decide/merge.ts';
import type { Counted } from '../decide/others.ts';
import { usageOf } from '../decide/pod-usage.ts';
import { roomFor } from '../decide/quota.ts';
import type { KubeClient } from '../kube/client.ts';
import { isForbidden } from '../kube/errors.ts';
import { listAll } from '../kube/list-all.ts';
import { POD_DISRUPTION_BUDGETS, RESOURCE_QUOTAS, type Resource } from '../kube/resources.ts';

/** What the namespace holds its pods to; undefined: it may not be read. */
export interface Around {
  budgets: readonly BudgetFacts[] | undefined;
  quotas: readonly QuotaFacts[] | undefined;
}

/** What was out of its workload, or owed a replacement, when the quotas were read; absent: what is so now. */
export type Before = Pick<Counted, 'absent' | 'out'>;

/**
 * Reads it as far as the next decision needs it; undefined: it needs nothing. A right that is missing is tolerated: the plan
 * says so.
 * @throws KubeError when the API server does not answer.
 */
export async function readAround(
  client: Pick<KubeClient, 'list'>,
  incident: DriftIncident,
): Promise<Around | undefined> {
  if (!isAtStake(incident)) return undefined;
  const { namespace } = incident.spec.target;
  return readLimits(client, namespace, isBeforeIsolation(incident));
}

/** Reads budgets and, if asked, quotas of a namespace. @throws KubeError as {@link readAround}. */
export async function readLimits(
  client: Pick<KubeClient, 'list'>,
  namespace: string,
  withQuotas: boolean,
): Promise<Around> {
  const [budgets, quotas] = await Promise.all([
    read(client, POD_DISRUPTION_BUDGETS, namespace),
    withQuotas ? read(client, RESOURCE_QUOTAS, namespace) : [],
  ]);
  return { budgets: budgets?.map(budgetFacts), quotas: quotas?.map(quotaFacts) };
}

/** Counts it for one pod. Reads no more than memory. */
export function availabilityOf(
  around: Around,
  pod: { facts: PodFacts; object: KubeObject; labels: Readonly<Record<string, string>> },
  { share, absent, out }: Counted,
  { pods, before = { absent, out } }: { pods: () => readonly PodFacts[]; before?: Before | undefined },
): Availability {
  const { budgets, quotas } = around;
  const { uid, ready } = pod.facts;
  return {
    share,
    budgets:
      budgets === undefined || budgets.length === 0
        ? []
        : countBudgets({
            target: { uid, labels: pod.labels },
            ready,
            budgets,
            pods: pods(),
            out,
            absent: absent.map(({ spec }) => spec.target.labels),
          }),
    quota:
      quotas === undefined || quotas.length === 0
        ? {}
        : roomFor(usageOf(pod.object), quotas, owed({ absent, out }, before)),
    unread: [
      ...(budgets === undefined ? ['disruption budgets'] : []),
      ...(quotas === undefined ? ['quotas'] : []),
    ],
  };
}

// What was used was read a moment ago: a replacement that came since, or is still to come, is not in it.
function owed(now: Before, before: Before): number {
  const uids = ({ absent }: Before) => absent.map(({ spec }) => spec.target.uid);
  const since = [...now.out].filter((uid) => !before.out.has(uid));
  return new Set([...uids(before), ...uids(now), ...since]).size;
}

async function read(
  client: Pick<KubeClient, 'list'>,
  resource: Resource,
  namespace: string,
): Promise<KubeObject[] | undefined> {
  try {
    return await Array.fromAsync(listAll<KubeObject>(client, resource, { namespace }));
  } catch (error) {
    if (isForbidden(error)) return undefined;
    throw error;
  }
}

// What is only recorded is counted once, for its plan.
function isAtStake(incident: DriftIncident): boolean {
  const { status, metadata } = incident;
  if (metadata.deletionTimestamp !== undefined || incident.spec.decision?.action === 'Release') return false;
  if (status?.isolation?.form === 'Orphan' || wasAccepted(incident)) return false;
  return responseOf(incident).contributions.some(
    ({ mode, actions }) =>
      (mode === 'Enforce' || status?.plan === undefined) &&
      actions.some((action) => action !== 'Label' && action !== 'Capture'),
  );
}

function isBeforeIsolation({ status }: DriftIncident): boolean {
  return (status?.isolation?.form ?? 'LabelOnly') === 'LabelOnly';
}
