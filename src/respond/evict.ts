// Evict: the pod is compared by a read and by a dry run before the real call, because a real eviction that fails its
// precondition has already used up the disruption budget. Deleted is only what a budget was just asked for once more.
import { isDeepStrictEqual } from 'node:util';
import type { DriftIncident, EvictedBy } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import { INCIDENT_ANNOTATION, QUARANTINE_LABEL, SEVERITY_LABEL } from '../api/names.ts';
import type { KubeClient } from '../kube/client.ts';
import { isBudgetDenied, isBudgetStale, isConflict, isMultipleBudgets, isNotFound } from '../kube/errors.ts';
import { PODS } from '../kube/resources.ts';
import type { RespondContext } from './context.ts';

/** How a pod is to be evicted. */
export interface EvictionCall {
  /** Decided here once: it cannot be shortened later. */
  gracePeriodSeconds: number;
  /** The pod is deleted where a disruption budget, or that there are two, is against its eviction. */
  orDelete?: boolean | undefined;
  /** Asked just before the call that is no dry run; false: it is not made. Absent: nobody has a say. */
  begins?: ((by: 'Evict' | 'Delete') => Promise<boolean>) | undefined;
}

/** What the API server took. */
export interface EvictionTaken {
  by: EvictedBy;
  /** It was the very version that was read, which nobody was deleting: the grace is ours. */
  byVersion: boolean;
}

/**
 * What the API server took, or that there was no such pod any more, or that the pod is not as it was when the eviction was
 * decided, so that it has to be decided again.
 */
export type EvictionResult = EvictionTaken | 'Gone' | 'Changed';

// The kubelet's reports change a pod every few seconds. What changes faster is meant to change.
const TRIES_BY_VERSION = 3;

/**
 * Asks the API server to evict the pod in exactly the version that was read just before: a request that is held up does
 * nothing to a pod that was released meanwhile. A pod that changes all the time goes by its UID alone after a few tries,
 * so that nobody can keep it by changing it. A pod that is being deleted is left alone: a second call would change the
 * record of its grace, and not when its containers end.
 * @param decided the pod as it was when the eviction was decided.
 * @throws KubeError; a denied budget and two budgets are told apart by `classify`.
 */
export async function evict(
  { client }: RespondContext,
  incident: DriftIncident,
  decided: KubeObject,
  { gracePeriodSeconds, orDelete = false, begins = async () => true }: EvictionCall,
): Promise<EvictionResult> {
  const { namespace, name, uid } = incident.spec.target;
  for (let tries = TRIES_BY_VERSION; tries >= 0; tries--) {
    const pod = await read(client, namespace, name);
    if (pod?.metadata.uid !== uid) return 'Gone';
    if (!isDeepStrictEqual(marksOf(pod), marksOf(decided))) return 'Changed';
    const { resourceVersion } = pod.metadata;
    const preconditions = tries > 0 ? { uid, resourceVersion } : { uid };
    const { answer, isSpent } = await ask(
      client,
      pod,
      { gracePeriodSeconds, preconditions },
      { orDelete, begins },
    );
    if (answer === 'Held') return 'Changed';
    if (answer === 'Gone') return 'Gone';
    if (answer !== 'Conflict') return { by: answer, byVersion: tries > 0 };
    // The budget is used up without an eviction: that must not happen for each try.
    if (isSpent) tries = Math.min(tries, 1);
  }
  return 'Changed';
}

interface DeleteOptions {
  gracePeriodSeconds: number;
  preconditions: { uid: string; resourceVersion?: string };
}

/** `isSpent`: the real call was made, and with it the budget may be used up. */
interface Answer {
  answer: EvictedBy | 'Gone' | 'Conflict' | 'Held';
  isSpent: boolean;
}

async function ask(
  client: KubeClient,
  pod: KubeObject,
  options: DeleteOptions,
  { orDelete, begins }: Pick<EvictionCall, 'orDelete'> & { begins: NonNullable<EvictionCall['begins']> },
): Promise<Answer> {
  let isSpent = false;
  try {
    const rehearsed = await post(client, pod, options, true);
    if (rehearsed !== 'Accepted') return { answer: rehearsed, isSpent };
    if (!(await begins('Evict'))) return { answer: 'Held', isSpent };
    isSpent = true;
    const answer = await post(client, pod, options, false);
    return { answer: answer === 'Accepted' ? 'Eviction' : answer, isSpent };
  } catch (error) {
    if (!orDelete || !isAgainst(error)) throw error;
    if (!(await begins('Delete'))) return { answer: 'Held', isSpent };
    return { answer: await remove(client, pod, options), isSpent };
  }
}

// A budget whose status is out of date has not said anything about the pod.
function isAgainst(error: unknown): boolean {
  return isMultipleBudgets(error) || (isBudgetDenied(error) && !isBudgetStale(error));
}

async function remove(
  client: KubeClient,
  { metadata: { namespace = '', name } }: KubeObject,
  { gracePeriodSeconds, preconditions: { uid, resourceVersion } }: DeleteOptions,
): Promise<'Delete' | 'Gone' | 'Conflict'> {
  const options = { gracePeriodSeconds, ...(resourceVersion !== undefined && { resourceVersion }) };
  return unlessMissed('Delete', () => client.delete(PODS, { namespace, name }, uid, options));
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
  deleteOptions: DeleteOptions,
  dryRun: boolean,
): Promise<'Accepted' | 'Gone' | 'Conflict'> {
  const metadata = { name, namespace };
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata, deleteOptions };
  return unlessMissed('Accepted', () =>
    client.create<KubeObject>(PODS, { ...metadata, subresource: 'eviction' }, body, { dryRun }),
  );
}

async function unlessMissed<T>(done: T, call: () => Promise<unknown>): Promise<T | 'Gone' | 'Conflict'> {
  try {
    await call();
    return done;
  } catch (error) {
    if (isNotFound(error)) return 'Gone';
    // The pod changed, or another one has its name: the next read tells which.
    if (isConflict(error)) return 'Conflict';
    throw error;
  }
}
