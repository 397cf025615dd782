// Release: puts the pod back as it was, and Contain: deletes a pod whose incident was deleted while it was quarantined.
import type { DriftIncident } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import { INCIDENT_ANNOTATION, QUARANTINE_LABEL, SEVERITY_LABEL } from '../api/names.ts';
import { foreignLabels } from '../api/pod.ts';
import type { JsonPatchOp } from '../kube/client.ts';
import { isConflict, isNotFound, isTestFailure } from '../kube/errors.ts';
import { escapePointer } from '../kube/json-patch.ts';
import { PODS } from '../kube/resources.ts';
import type { RespondContext } from './context.ts';

/** TERM to KILL for a pod that is deleted because its incident was: as short as the API allows without hiding it. */
const CONTAIN_GRACE_SECONDS = 1;

/**
 * Restores the labels and annotations that the incident recorded.
 * @param pod the pod as read just now.
 * @throws KubeError; a failed test (the pod changed meanwhile) is a conflict that the caller retries.
 */
export async function release(
  { client }: RespondContext,
  incident: DriftIncident,
  pod: KubeObject,
): Promise<void> {
  const { namespace, name } = incident.spec.target;
  try {
    await client.jsonPatch(PODS, { namespace, name }, releasePatch(incident, pod));
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** The patch that takes back what the incident changed and nothing else. */
export function releasePatch(incident: DriftIncident, pod: KubeObject): JsonPatchOp[] {
  const { labels = {}, annotations } = pod.metadata;
  const patch: JsonPatchOp[] = [
    { op: 'test', path: '/metadata/uid', value: incident.spec.target.uid },
    { op: 'test', path: '/metadata/labels', value: labels },
    { op: 'add', path: '/metadata/labels', value: restoredLabels(incident, labels) },
  ];
  if (annotations?.[INCIDENT_ANNOTATION] === undefined) return patch;
  const path = `/metadata/annotations/${escapePointer(INCIDENT_ANNOTATION)}`;
  const before = incident.spec.target.annotations?.[INCIDENT_ANNOTATION];
  return [
    ...patch,
    // The next incident of the pod may have given it the same labels: what is its must not be taken back.
    { op: 'test', path, value: annotations[INCIDENT_ANNOTATION] },
    before === undefined ? { op: 'remove', path } : { op: 'replace', path, value: before },
  ];
}

// An orphan has lost all its labels, so the record is the truth. A pod that kept its labels may have got or lost others
// since, by people and controllers: there only ours go.
function restoredLabels(incident: DriftIncident, labels: Record<string, string>): Record<string, string> {
  const recorded = incident.spec.target.labels;
  const kept = foreignLabels(labels);
  if (incident.status?.isolation?.form === 'Orphan' || Object.keys(kept).length === 0) return recorded;
  const ours = Object.entries(recorded).filter(([key]) => key === QUARANTINE_LABEL || key === SEVERITY_LABEL);
  return { ...kept, ...Object.fromEntries(ours) };
}

/** Deletes the quarantined pod by UID. Resolves also when it is gone or another one by now. */
export async function contain({ client }: RespondContext, incident: DriftIncident): Promise<void> {
  const { namespace, name, uid } = incident.spec.target;
  try {
    await client.delete(PODS, { namespace, name }, uid, { gracePeriodSeconds: CONTAIN_GRACE_SECONDS });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}

/** Whether a release lost a race with another writer of the pod and only has to be done again. */
export function isRace(error: unknown): boolean {
  return isTestFailure(error) || isConflict(error);
}
