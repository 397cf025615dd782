// Evict: the pod is compared by a read and by a dry run before the real call, because a real eviction that fails its
// precondition has already used up the disruption budget.
import { isDeepStrictEqual } from 'node:util';
import type { DriftIncident } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import { INCIDENT_ANNOTATION, QUARANTINE_LABEL, SEVERITY_LABEL } from '../api/names.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import { PODS } from '../kube/resources.ts';
import type { RespondContext } from './context.ts';

/**
 * Whether the API server took the eviction, or there was no such pod any more, or the pod is not as it was when the
 * eviction was decided, so that it has to be decided again.
 */
export type EvictionResult = 'Requested' | 'Gone' | 'Changed';

// The kubelet's reports change a pod every few seconds. What changes faster is meant to change.
const TRIES_BY_VERSION = 3;

/**
 * Asks the API server to evict the pod in exactly the version that was read just before: a request that is held up does
 * nothing to a pod that was released meanwhile. A pod that changes all the time goes by its UID alone after a few tries,
 * so that nobody can keep it by changing it. The grace is decided here once: it cannot be shortened later.
 * @param decided the pod as it was when the eviction was decided.
 * @throws KubeError; a denied budget and two budgets are told apart by `classify`.
 */
export async function evict(
  { client }: RespondContext,
  incident: DriftIncident,
  decided: KubeObject,
  gracePeriodSeconds: number,
): Promise<EvictionResult> {
  const { namespace, name, uid } = incident.spec.target;
  for (let tries = TRIES_BY_VERSION; tries >= 0; tries--) {
    const pod = await read(client, namespace, name);
    if (pod?.metadata.uid !== uid) return 'Gone';
    if (!isDeepStrictEqual(marksOf(pod), marksOf(decided))) return 'Changed';
    const { resourceVersion } = pod.metadata;
    const preconditions = tries > 0 ? { uid, resourceVersion } : { uid };
    const options = { gracePeriodSeconds, preconditions };
    const rehearsed = await post(client, pod, options, true);
    const answer = rehearsed === 'Accepted' ? await post(client, pod, options, false) : rehearsed;
    if (answer === 'Accepted') return 'Requested';
    if (answer === 'Gone') return 'Gone';
    // The budget is used up without an eviction: that must not happen for each try.
    if (rehearsed === 'Accepted') tries = Math.min(tries, 1);
  }
  return 'Changed';
}

/** What a release, another isolation or a deletion changes, and nothing else does. */
function marksOf({ metadata }: KubeObject): object {
  const { labels, annotations, deletionTimestamp } = metadata;
  return {
    quarantine: labels?.[QUARANTINE_LABEL],
    severity: labels?.[SEVERITY_LABEL],
    incident: annotations?.[INCIDENT_ANNOTATION],
    deletionTimestamp,
  };
}

async function read(client: KubeClient, namespace: string, name: string): Promise<KubeObject | undefined> {
  try {
    return await client.get<KubeObject>(PODS, { namespace, name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function post(
  client: KubeClient,
  { metadata: { namespace = '', name } }: KubeObject,
  deleteOptions: object,
  dryRun: boolean,
): Promise<'Accepted' | 'Gone' | 'Conflict'> {
  const metadata = { name, namespace };
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata, deleteOptions };
  try {
    await client.create<KubeObject>(PODS, { ...metadata, subresource: 'eviction' }, body, { dryRun });
    return 'Accepted';
  } catch (error) {
    if (isNotFound(error)) return 'Gone';
    // The pod changed, or another one has its name: the next read tells which.
    if (isConflict(error)) return 'Conflict';
    throw error;
  }
}
