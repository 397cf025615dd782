// When a StatefulSet that does not start a pod anew is made to look again.
import type { DriftIncident } from '../api/incident.ts';
import type { Decision } from './decision.ts';
import { stepOf } from './marks.ts';
import { ownerKind } from './owners.ts';
import { due } from './tries.ts';

/**
 * A StatefulSet whose pod had lost its labels (by another hand, or an earlier version) has failed to start a new one all
 * the while, and its next try may be 1000 s away: any change of its metadata brings it back within milliseconds.
 */
export function touch(incident: DriftIncident, now: number): Decision | undefined {
  if (ownerKind(incident.spec.target.workload) !== 'StatefulSet') return undefined;
  const step = stepOf(incident, 'Touch');
  if (step && step.state !== 'Waiting') return undefined;
  return !step || due(step, now) ? { kind: 'Run', work: { step: 'Touch' } } : undefined;
}
