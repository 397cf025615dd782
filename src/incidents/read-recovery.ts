// Reads live what the proof of recovery rests on: the pod that took the place, or whether the workload wants one at all.
import type { DriftIncident } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import { podFacts } from '../api/pod.ts';
import { wasAttempted } from '../decide/marks.ts';
import type { Needless } from '../decide/owner-need.ts';
import { isRestarting } from '../decide/restart.ts';
import { isOverdue, isSlow } from '../decide/verify.ts';
import { orAbsent } from '../kube/absent.ts';
import type { Clock } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import { PODS } from '../kube/resources.ts';
import { readNeedless } from './owner-need.ts';
import {
  copiesOf,
  findReplacement,
  refreshLists,
  type FreshPod,
  type ReplacementSources,
} from './replacement.ts';

/** What was read of a recovery. */
export interface Recovery {
  /** Why nobody has to take the place of a pod that is gone; undefined: somebody has to, or it was not asked. */
  needless?: Needless | undefined;
  /** What is to take the place, where the caches call it Ready, or it should have been so by now. */
  fresh?: FreshPod | undefined;
}

/** Where it is read. */
export interface RecoverySources extends ReplacementSources {
  client: KubeClient;
  clock: Clock;
}

/**
 * Reads what must not be stale of a recovery. The owner is asked only where nobody came for longer than a controller needs: then
 * it may be that it wants nobody. @throws KubeError when the API server does not answer.
 */
export async function readRecovery(sources: RecoverySources, incident: DriftIncident): Promise<Recovery> {
  const { client, clock } = sources;
  if (incident.metadata.deletionTimestamp !== undefined || !wasAttempted(incident)) return {};
  const found = findReplacement(sources, incident);
  if (found) {
    if (!found.ready && !isOverdue(incident, clock.now())) return {};
    const { namespace, name, uid } = found;
    const [object] = await Promise.all([
      orAbsent(client.get<KubeObject>(PODS, { namespace, name })),
      refreshLists(sources, namespace),
    ]);
    const isSame = object?.metadata.uid === uid;
    return { fresh: { uid, pod: object && isSame ? podFacts(object) : undefined } };
  }
  // What we make anew is wanted, and where it is gone again, that is told.
  if (isRestarting(incident) || !isSlow(incident, clock.now())) return {};
  return { needless: await readNeedless(client, incident.spec.target, copiesOf(sources, incident)) };
}
