// What disruption budgets say of an eviction now: a dry run by the person's own rights, bound to the UID of the pod.
import type { DriftIncident } from '../../api/incident.ts';
import type { KubeObject } from '../../api/meta.ts';
import { responseOf } from '../../decide/merge.ts';
import type { KubeClient } from '../../kube/client.ts';
import {
  isBudgetBroken,
  isBudgetDenied,
  isBudgetStale,
  isConflict,
  isForbidden,
  isMultipleBudgets,
  isNotFound,
  KubeError,
} from '../../kube/errors.ts';
import { PODS } from '../../kube/resources.ts';

/** What the dry run showed. NotAsked: it could not be asked, which says nothing about the budget. */
export interface BudgetVerdict {
  verdict: 'Allowed' | 'Denied' | 'Gone' | 'NotAsked';
  /** For people. */
  message: string;
}

/** See the file's first line. Never rejects for what the API server answers, or does not. */
export async function askBudget(
  client: Pick<KubeClient, 'create'>,
  incident: DriftIncident,
): Promise<BudgetVerdict> {
  const { namespace, name, uid } = incident.spec.target;
  const { gracePeriodSeconds } = responseOf(incident).settings.eviction;
  const metadata = { name, namespace };
  const deleteOptions = { gracePeriodSeconds, preconditions: { uid } };
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata, deleteOptions };
  try {
    await client.create<KubeObject>(PODS, { ...metadata, subresource: 'eviction' }, body, { dryRun: true });
    return { verdict: 'Allowed', message: 'no disruption budget is against the eviction now' };
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    return verdictOf(error, namespace);
  }
}

function verdictOf(error: KubeError, namespace: string): BudgetVerdict {
  if (isNotFound(error) || isConflict(error))
    return { verdict: 'Gone', message: 'there is no pod with this UID any more: nothing would be evicted' };
  if (isMultipleBudgets(error))
    return {
      verdict: 'Denied',
      message: 'two disruption budgets select the pod, so that the API server never evicts it',
    };
  if (isBudgetStale(error))
    return {
      verdict: 'Denied',
      message: `a disruption budget is not up to date, and says so: ${error.message}`,
    };
  if (isBudgetDenied(error) || isBudgetBroken(error))
    return {
      verdict: 'Denied',
      message: `a disruption budget is against the eviction now: ${error.message}`,
    };
  return { verdict: 'NotAsked', message: notAsked(error, namespace) };
}

function notAsked(error: KubeError, namespace: string): string {
  const why = isForbidden(error)
    ? `you may not create pods/eviction in namespace ${namespace}, or admission is against it (${error.message})`
    : error.message;
  return `the disruption budgets could not be asked: ${why}. die-operator asks them itself before it evicts`;
}
