// Whether a namespace needs its deny policy: a policy may isolate a pod there, or something still counts on one.
import { isFinal, type DriftIncident } from '../api/incident.ts';
import { isQuarantined, type PodFacts } from '../api/pod.ts';
import { responseOf } from './merge.ts';
import type { Rulebook } from './rulebook.ts';

/** What is looked at, all of one namespace. */
export interface DenyPolicyInput {
  rulebook: Pick<Rulebook, 'inForce'>;
  incidents: readonly DriftIncident[];
  pods: readonly Pick<PodFacts, 'labels'>[];
}

/** See the file's first line. A policy that is not accepted or permitted isolates nobody. */
export function needsDenyPolicy({ rulebook, incidents, pods }: DenyPolicyInput): boolean {
  const isolates = rulebook.inForce
    .values()
    .some(
      ({ mode, rungs }) => mode === 'Enforce' && rungs.some(({ actions }) => actions.includes('Isolate')),
    );
  return isolates || incidents.some(mayIsolate) || pods.some(isQuarantined);
}

// Also one whose policy was changed since: its pod may be quarantined, or be so any moment.
function mayIsolate(incident: DriftIncident): boolean {
  return (
    !isFinal(incident) &&
    responseOf(incident).contributions.some(({ actions }) => actions.includes('Isolate'))
  );
}
