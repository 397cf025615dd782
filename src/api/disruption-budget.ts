// What we keep of a PodDisruptionBudget: what it asks for. Its status is left out: it can be out of date.
import type { KubeObject, LabelSelector } from './meta.ts';

/** A budget as far as decisions need it. */
export interface BudgetFacts {
  namespace: string;
  name: string;
  /** Absent: it is about no pod. */
  selector?: LabelSelector;
  /** A number of pods, or a share such as `50%`. One of the two is given at most. */
  minAvailable?: number | string;
  maxUnavailable?: number | string;
  /** Pods that are not Ready may always go. */
  unreadyMayGo: boolean;
}

interface RawBudget extends KubeObject {
  spec?: {
    selector?: LabelSelector | null;
    minAvailable?: number | string;
    maxUnavailable?: number | string;
    unhealthyPodEvictionPolicy?: string;
  };
}

/** Projects a budget as the API server sends it. */
export function budgetFacts(object: KubeObject): BudgetFacts {
  const { metadata, spec = {} } = object as RawBudget;
  const { selector, minAvailable, maxUnavailable, unhealthyPodEvictionPolicy } = spec;
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    ...(selector && { selector }),
    ...(minAvailable !== undefined && { minAvailable }),
    ...(maxUnavailable !== undefined && { maxUnavailable }),
    unreadyMayGo: unhealthyPodEvictionPolicy === 'AlwaysAllow',
  };
}
