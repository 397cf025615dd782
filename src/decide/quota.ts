// Whether a ResourceQuota would keep the replacement of a pod from being started.
import type { QuotaFacts, QuotaScope } from '../api/resource-quota.ts';
import type { PodUsage } from './pod-usage.ts';
import { nanosOf } from './resource-quantity.ts';

/** A quota without room for a replacement. */
export interface QuotaShortage {
  quota: string;
  resource: string;
  hard: string;
  /** Absent: it was not counted yet, and then nothing is let in. */
  used?: string;
}

/** What quotas have no room for; absent: they have. */
export interface QuotaRoom {
  /** For a replacement beside the pod, which goes on using what it uses. */
  beside?: QuotaShortage;
  /** For a replacement after the pod is gone. */
  after?: QuotaShortage;
}

/**
 * Asks every quota of the namespace, by the use of the pod: its replacement is taken to be alike.
 * @param owed how many other replacements are still to come; they are taken to be alike, too.
 */
export function roomFor(usage: PodUsage, quotas: readonly QuotaFacts[], owed: number): QuotaRoom {
  const about = quotas.filter(({ scopes }) => scopes.every((scope) => holds(scope, usage)));
  const beside = shortage(about, usage, BigInt(owed) + 1n);
  const after = shortage(about, usage, BigInt(owed));
  return { ...(beside && { beside }), ...(after && { after }) };
}

/** For people. */
export function describeShortage({ quota, resource, hard, used }: QuotaShortage): string {
  return used === undefined
    ? `quota ${quota} limits ${resource} to ${hard}, and what is used of it is not known yet`
    : `quota ${quota} allows ${hard} of ${resource}, and ${used} are used`;
}

function shortage(quotas: readonly QuotaFacts[], usage: PodUsage, times: bigint): QuotaShortage | undefined {
  for (const { name, hard, used } of quotas) {
    for (const [resource, most] of Object.entries(hard)) {
      const own = usage.amounts.get(resource);
      if (own === undefined || own === 0n) continue;
      const text = used[resource];
      const limit = nanosOf(most);
      const taken = text === undefined ? undefined : nanosOf(text);
      if (limit !== undefined && taken !== undefined && taken + own * times <= limit) continue;
      return { quota: name, resource, hard: most, ...(text !== undefined && { used: text }) };
    }
  }
  return undefined;
}

type Holds = (usage: PodUsage, scope: QuotaScope) => boolean;

const SCOPES: Readonly<Record<string, Holds>> = {
  Terminating: ({ terminating }) => terminating,
  NotTerminating: ({ terminating }) => !terminating,
  BestEffort: ({ bestEffort }) => bestEffort,
  NotBestEffort: ({ bestEffort }) => !bestEffort,
  PriorityClass: ({ priorityClass = '' }, { operator, values }) => {
    switch (operator) {
      case 'In':
        return values.includes(priorityClass);
      case 'NotIn':
        return !values.includes(priorityClass);
      case 'DoesNotExist':
        return priorityClass === '';
      default:
        return priorityClass !== '';
    }
  },
};

// A scope that is not known here counts as one that the pod is in, which is more careful.
function holds(scope: QuotaScope, usage: PodUsage): boolean {
  return Object.hasOwn(SCOPES, scope.scopeName) ? (SCOPES[scope.scopeName]?.(usage, scope) ?? true) : true;
}
