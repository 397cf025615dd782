// Restart: when the manifest of a pod is kept, what waits for that, and when the pod is made anew.
import type { DriftIncident } from '../api/incident.ts';
import { hasEnded } from '../api/pod-end.ts';
import type { Action } from '../api/policy.ts';
import { done, wait, type Decision } from './decision.ts';
import type { Situation } from './form.ts';
import { stepOf, wasAttempted } from './marks.ts';
import { due, waitFor } from './tries.ts';

/** Whether the actions end in an eviction. */
export function endsInEviction(actions: readonly Action[]): boolean {
  return actions.includes('Evict') || actions.includes('Restart');
}

/** Whether the pod would be made anew by us: nobody else would. */
export function makesAnew({ spec: { target } }: DriftIncident, actions: readonly Action[]): boolean {
  return actions.includes('Restart') && target.workload === undefined;
}

/** The manifest of a bare pod is kept, or the pin of a workload worked out, before anything waits for an approval. */
export function keepNext({ incident, facts, pod, actions }: Situation): Decision | undefined {
  if (!actions.enforce.includes('Restart') || pod.deletionTimestamp !== undefined || hasEnded(pod))
    return undefined;
  const step = stepOf(incident, 'Keep');
  const isNext =
    step === undefined || step.state === 'Running' || (step.state !== 'Succeeded' && due(step, facts.now));
  return isNext ? { kind: 'Run', work: { step: 'Keep' } } : undefined;
}

/** A gate of the eviction: a pod that is to be made anew stays until its manifest is kept. */
export function manifestGate({ incident, actions }: Situation): Decision | undefined {
  if (!makesAnew(incident, actions.enforce)) return undefined;
  const step = stepOf(incident, 'Keep');
  if (step?.state === 'Succeeded' && incident.status?.restart?.manifest) return undefined;
  return step
    ? waitFor('Quarantined', step)
    : wait('Quarantined', 'ManifestMissing', 'the manifest of the pod is not kept yet');
}

/** Quotas and admission were asked so long ago at most when the pod is evicted, in milliseconds. */
const FRESH_MS = 10_000;

/** Whether it has to be asked again whether the clean copy would be taken: right before the eviction, not when it began to wait. */
export function mustAskAgain({ incident, facts }: Situation): boolean {
  const age = facts.now - Date.parse(stepOf(incident, 'Keep')?.finishedAt ?? '');
  return !(age >= 0 && age <= FRESH_MS);
}

/** Whether our eviction, after which the pod is made anew, may have been carried out. */
export function isRestarting(incident: DriftIncident): boolean {
  const { begunAt, manifest } = incident.status?.restart ?? {};
  return begunAt !== undefined && manifest !== undefined && wasAttempted(incident);
}

/**
 * What is next for a pod that is gone and is to be made anew; undefined once it was made. Nothing but its incident's release
 * stops it: what was destroyed for the copy is destroyed already.
 */
export function restartNext(incident: DriftIncident, now: number): Decision | undefined {
  if (!isRestarting(incident) || incident.status?.restart?.pod) return undefined;
  const step = stepOf(incident, 'Restart');
  if (step?.state === 'Failed') return done('Failed', step.reason, step.message);
  if (step?.state === 'Waiting' && !due(step, now)) return waitFor('Responding', step);
  return { kind: 'Run', work: { step: 'Restart' } };
}
