// A pod that is being deleted: by whom, until when, and what it means if it stays.
import type { DriftIncident } from '../api/incident.ts';
import type { PodFacts } from '../api/pod.ts';
import { wait, type Decision, type NodeState } from './decision.ts';
import { wasAccepted, wasAttempted } from './marks.ts';
import { responseOf } from './merge.ts';

/** How long after the end of its grace a pod that is still there is taken to be stuck. */
const STUCK_AFTER_MS = 60_000;
/** The same where its node does not say that it is well, which is looked up after so long. */
export const SILENT_AFTER_MS = 10_000;
/** How long finalizers of controllers, such as that of a Job, may take once the containers have ended. */
const FINALIZERS_MS = 10_000;

/** Reasons of waits that only others can end: nothing of ours runs any more, and somebody has to look. */
export const STUCK_REASONS: ReadonlySet<string> = new Set([
  'HeldByFinalizer',
  'NodeSilent',
  'PodStuckTerminating',
]);

/** A pod that is being deleted. */
export type GoingPod = PodFacts & { deletionTimestamp: string };

/** What is known besides the pod. */
export interface Watched {
  now: number;
  /** Absent: not looked at. */
  node?: NodeState | undefined;
}

/** Whether the pod is being deleted. */
export function isGoing(pod: PodFacts): pod is GoingPod {
  return pod.deletionTimestamp !== undefined;
}

/** Whether the pod should be gone, and nobody says that its containers ended: then its node is looked at. */
export function isOverdue(
  { deletionTimestamp, going }: Pick<PodFacts, 'deletionTimestamp' | 'going'>,
  now: number,
): boolean {
  return (
    deletionTimestamp !== undefined &&
    going?.containersEnded !== true &&
    now >= Date.parse(deletionTimestamp) + SILENT_AFTER_MS
  );
}

/**
 * The wait for a pod that is being deleted. Nothing is done to it any more: the grace that it was given cannot be shortened,
 * and a deletion by force would only hide what still runs.
 */
export function terminating(incident: DriftIncident, pod: GoingPod, { now, node }: Watched): Decision {
  if (pod.going?.containersEnded === true) return ended(incident, pod, now);
  // `deletionTimestamp` is when the grace ends; a kubelet needs a little longer.
  const graceEnds = Date.parse(pod.deletionTimestamp);
  if (now < graceEnds + SILENT_AFTER_MS) return onItsWay(incident, pod, graceEnds + SILENT_AFTER_MS);
  const isWell = node?.ready ?? true;
  if (isWell && now < graceEnds + STUCK_AFTER_MS) return onItsWay(incident, pod, graceEnds + STUCK_AFTER_MS);
  return silent(pod, node);
}

function onItsWay(incident: DriftIncident, pod: GoingPod, until: number): Decision {
  if (isOurs(incident, pod)) {
    const message = 'the pod is being deleted; waiting until it is gone';
    return wait('Responding', 'PodTerminating', message, until);
  }
  const grace = pod.going ? ` with a grace of ${pod.going.graceSeconds} s` : '';
  const message = `somebody else deleted the pod${grace}: its containers may run until ${pod.deletionTimestamp}, and nobody can shorten that; waiting until it is gone`;
  return wait('Responding', 'TerminatingByOthers', message, until);
}

// Where the answer to our call was lost, the grace tells.
function isOurs(incident: DriftIncident, { going: facts }: GoingPod): boolean {
  if (wasAccepted(incident) || facts === undefined) return true;
  const { gracePeriodSeconds } = responseOf(incident).settings.eviction;
  return wasAttempted(incident) && facts.graceSeconds === gracePeriodSeconds;
}

function ended(incident: DriftIncident, pod: GoingPod, now: number): Decision {
  const since = Date.parse(incident.status?.eviction?.containedAt ?? '');
  // A time that is yet to come was written by a clock that was wrong.
  const from = since <= now ? since : now;
  const { finalizers = [] } = pod.going ?? {};
  const patience = finalizers.length > 0 ? FINALIZERS_MS : STUCK_AFTER_MS;
  if (now < from + patience) {
    const message = 'every container of the pod has ended; waiting until the pod is gone';
    return wait('Responding', 'PodTerminating', message, from + patience);
  }
  if (finalizers.length === 0) {
    const message =
      'every container of the pod has ended, and the pod does not go: look at its node, which has to tear down its volumes and network';
    return wait('Responding', 'PodStuckTerminating', message);
  }
  const message = `every container of the pod has ended, and the pod is kept by finalizers that are not ours: ${finalizers.join(', ')}. Whoever put them on has to take them off; if that program is gone, take them off yourself`;
  return wait('Responding', 'HeldByFinalizer', message);
}

function silent(
  { nodeName = 'unknown', deletionTimestamp, going: facts }: GoingPod,
  node?: NodeState,
): Decision {
  const held = facts?.finalizers ? `; it is also kept by finalizers: ${facts.finalizers.join(', ')}` : '';
  const message = `the grace of the pod was over at ${deletionTimestamp}, and its node does not report that its containers ended: THEY MAY STILL RUN. Node ${nodeName}: ${node?.message ?? 'not looked at'}${held}. The pod is not deleted by force, which would only hide them: look at the node, or switch it off`;
  return wait('Responding', 'NodeSilent', message);
}
