// Quarantined pods that nobody answers for: their operator died or was removed, or somebody set the label by hand.
import { isFinal, type DriftIncident } from '../api/incident.ts';
import { INCIDENT_ANNOTATION, QUARANTINE_LABEL } from '../api/names.ts';
import { foreignLabels, isQuarantined, type PodFacts } from '../api/pod.ts';
import { carriesChange } from './marks.ts';

/**
 * A quarantined pod without an open incident. Recorded: an incident that is over tells what it was before. Unrecorded: its
 * incident is gone, and with it what it was. Foreign: nothing says that it was die-operator.
 */
export type Stray =
  | { kind: 'Recorded'; incident: DriftIncident }
  | { kind: 'Unrecorded'; incident: string }
  | { kind: 'Foreign' };

/** Whether the pod is a stray, and of which kind. @param incidents at least all that are about its UID. */
export function strayOf(pod: PodFacts, incidents: readonly DriftIncident[]): Stray | undefined {
  // What is being deleted needs nobody.
  if (!isQuarantined(pod) || pod.deletionTimestamp !== undefined) return undefined;
  if (ownIncidents(pod, incidents).some((incident) => !isFinal(incident))) return undefined;
  const named = pod.annotations[INCIDENT_ANNOTATION];
  if (named === undefined) return { kind: 'Foreign' };
  const incident = recordOf(pod, incidents);
  return incident ? { kind: 'Recorded', incident } : { kind: 'Unrecorded', incident: named };
}

/**
 * The incident by whose record the pod can be put back as it was: the one that its annotation names, or an open one that
 * changed it. By UID: a later pod of that name is another one, whatever is written on it.
 */
export function recordOf(pod: PodFacts, incidents: readonly DriftIncident[]): DriftIncident | undefined {
  const own = ownIncidents(pod, incidents);
  const named = pod.annotations[INCIDENT_ANNOTATION];
  return (
    own.find(({ metadata }) => metadata.name === named) ??
    own.find((incident) => !isFinal(incident) && carriesChange(incident, pod))
  );
}

/**
 * What a stray is, and what a person can do about it. It is left alone by us: the pod was cut off because of drift, and
 * who can make its incident vanish must not get it back into its workload by that.
 */
export function strayWords(stray: Stray, pod: PodFacts): { what: string; cure: string } {
  const remove = `delete it: kubectl delete pod ${pod.name} -n ${pod.namespace}`;
  switch (stray.kind) {
    case 'Recorded': {
      const { name } = stray.incident.metadata;
      return {
        what: `quarantined, though its DriftIncident ${name} is over: nobody releases or evicts it`,
        cure: `${remove}; or put back the labels of spec.target.labels of that incident, by hand`,
      };
    }
    case 'Unrecorded': {
      const lost = Object.keys(foreignLabels(pod.labels)).length === 0;
      const labels = lost ? 'the labels that it had are lost' : 'nobody knows which labels it had';
      return {
        what: `quarantined by DriftIncident ${stray.incident}, which is gone or cannot be read: ${labels}`,
        cure: remove,
      };
    }
    case 'Foreign':
      return {
        what: `has the label ${QUARANTINE_LABEL}, and no DriftIncident has set it: somebody did by hand`,
        cure: `ask who did it; then ${remove}; or take the label off: kubectl label pod ${pod.name} -n ${pod.namespace} ${QUARANTINE_LABEL}-`,
      };
  }
}

function ownIncidents({ uid }: PodFacts, incidents: readonly DriftIncident[]): readonly DriftIncident[] {
  return incidents.filter(({ spec }) => spec.target.uid === uid);
}
