// Evict: the UID is compared by a read and by a dry run before the real call, because a real eviction that fails its
// precondition has already used up the disruption budget.
import type { DriftIncident } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import { PODS } from '../kube/resources.ts';
import type { RespondContext } from './context.ts';

/** Whether the API server took the eviction, or there was no such pod any more. */
export type EvictionResult = 'Requested' | 'Gone';

/**
 * Asks the API server to evict the pod. The grace is decided here once: it cannot be shortened later.
 * @throws KubeError; a denied budget and two budgets are told apart by `classify`.
 */
export async function evict(
  { client }: RespondContext,
  incident: DriftIncident,
  gracePeriodSeconds: number,
): Promise<EvictionResult> {
  const { namespace, name, uid } = incident.spec.target;
  const request = async (dryRun: boolean) => {
    const body = {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name, namespace },
      deleteOptions: { gracePeriodSeconds, preconditions: { uid } },
    };
    await client.create<KubeObject>(PODS, { namespace, name, subresource: 'eviction' }, body, { dryRun });
  };
  try {
    const pod = await client.get<KubeObject>(PODS, { namespace, name });
    if (pod.metadata.uid !== uid) return 'Gone';
    await request(true);
    await request(false);
    return 'Requested';
  } catch (error) {
    // 409: the pod of that name is another one by now.
    if (isNotFound(error) || isConflict(error)) return 'Gone';
    throw error;
  }
}
