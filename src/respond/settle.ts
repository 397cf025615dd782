// Settle: ends a release once the ReplicaSet of the pod has its number again. Touch: a StatefulSet looks again.
import type { DriftIncident, Target } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import { TOUCHED_ANNOTATION } from '../api/names.ts';
import { controllerOf, podFacts } from '../api/pod.ts';
import { WaitingError } from '../controller/outcome.ts';
import type { KubeClient } from '../kube/client.ts';
import { timestamp } from '../kube/clock.ts';
import { isForbidden, isNotFound } from '../kube/errors.ts';
import { add, pointer, test } from '../kube/json-patch.ts';
import { PODS, REPLICA_SETS, STATEFUL_SETS } from '../kube/resources.ts';
import type { RespondContext } from './context.ts';
import { settledPatch } from './release.ts';

const RETRY_MS = 500;

interface ReplicaSet extends KubeObject {
  spec: { replicas?: number };
  status?: { replicas?: number };
}

/**
 * Takes away what Release lent to the pod, once its ReplicaSet adopted it and has no pod too many.
 * @param pod the pod as read just now. @param atOnce also if the ReplicaSet has not settled.
 * @returns for people. @throws WaitingError `ReplicaSetUnsettled`; KubeError, a failed test is a conflict.
 */
export async function settle(
  context: Pick<RespondContext, 'client'>,
  incident: DriftIncident,
  pod: KubeObject,
  atOnce: boolean,
): Promise<string> {
  const { namespace, name } = incident.spec.target;
  const settled = await isSettled(context, incident, pod);
  if (!settled && !atOnce) {
    const message =
      'the pod has its labels back; its ReplicaSet has yet to take it back and remove another one';
    throw new WaitingError('ReplicaSetUnsettled', message, RETRY_MS);
  }
  try {
    await context.client.jsonPatch(PODS, { namespace, name }, settledPatch(incident, pod));
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  return settled
    ? 'nothing of die-operator is left on the pod'
    : 'nothing of die-operator is left on the pod, though its ReplicaSet did not take it back in time: look at its owner and its labels';
}

// Adoption and removal are one run of the controller: what goes is chosen by the pods as they were adopted.
async function isSettled(
  { client }: Pick<RespondContext, 'client'>,
  { spec: { target } }: DriftIncident,
  pod: KubeObject,
): Promise<boolean> {
  const { workload, namespace } = target;
  try {
    const set = await client.get<ReplicaSet>(REPLICA_SETS, { namespace, name: workload?.name ?? '' });
    return !adopts(set, workload?.uid) || (isOwnedBy(pod, set) && hasItsNumber(set));
  } catch (error) {
    // Who may not read it waits for as long as it may take.
    if (isForbidden(error)) return false;
    if (isNotFound(error)) return true;
    throw error;
  }
}

function adopts({ metadata: { uid, deletionTimestamp } }: ReplicaSet, owner: string | undefined): boolean {
  return uid === owner && deletionTimestamp === undefined;
}

function isOwnedBy(pod: KubeObject, { metadata }: ReplicaSet): boolean {
  return controllerOf(podFacts(pod))?.uid === metadata.uid;
}

function hasItsNumber({ spec: { replicas = 1 }, status }: ReplicaSet): boolean {
  return (status?.replicas ?? 0) <= replicas;
}

/**
 * Changes an annotation of the StatefulSet that owned the pod, so that it is looked at now. One of that name that is
 * another by now, or is gone, is left alone.
 * @returns for people. @throws KubeError; a failed test is a conflict.
 */
export async function touch({ client, clock }: RespondContext, { spec }: DriftIncident): Promise<string> {
  const { namespace, workload } = spec.target;
  const at = { namespace, name: workload?.name ?? '' };
  const what = `StatefulSet ${at.namespace}/${at.name}`;
  try {
    const set = await client.get<KubeObject>(STATEFUL_SETS, at);
    if (set.metadata.uid !== workload?.uid) return `${what} is another one by now`;
    if (await isThere(client, spec.target)) return `${what} has started the pod anew`;
    const { annotations } = set.metadata;
    const path = '/metadata/annotations';
    const value = timestamp(clock);
    await client.jsonPatch(STATEFUL_SETS, at, [
      test('/metadata/uid', workload.uid),
      ...(annotations
        ? [add(pointer('metadata', 'annotations', TOUCHED_ANNOTATION), value)]
        : [test(path, null), add(path, { [TOUCHED_ANNOTATION]: value })]),
    ]);
    return `${what} had not started the pod anew and was touched, so that it does not wait for its next try`;
  } catch (error) {
    if (isNotFound(error)) return `${what} is gone`;
    throw error;
  }
}

// A cache that lags shows it later.
async function isThere(client: KubeClient, { namespace, name }: Target): Promise<boolean> {
  try {
    await client.get<KubeObject>(PODS, { namespace, name });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
