// Release: puts the pod back as it was, and Contain: deletes a pod whose incident was deleted while it was quarantined.
import type { DriftIncident } from '../api/incident.ts';
import type { KubeObject, OwnerReference } from '../api/meta.ts';
import {
  DELETION_COST_ANNOTATION,
  INCIDENT_ANNOTATION,
  QUARANTINE_LABEL,
  SEVERITY_LABEL,
} from '../api/names.ts';
import { foreignLabels, isQuarantined, type PodFacts } from '../api/pod.ts';
import { KEPT_COST, looksOrphaned } from '../decide/marks.ts';
import { ownerKind } from '../decide/owners.ts';
import type { JsonPatchOp } from '../kube/client.ts';
import { isConflict, isNotFound, isTestFailure } from '../kube/errors.ts';
import { add, pointer, remove, replace, test } from '../kube/json-patch.ts';
import { PODS } from '../kube/resources.ts';
import type { RespondContext } from './context.ts';
import { ownersToRestore, withoutBlocking } from './owners.ts';
import { refusesOwners } from './refusal.ts';

/** TERM to KILL for a pod that is deleted because its incident was: as short as the API allows without hiding it. */
const CONTAIN_GRACE_SECONDS = 1;
/** Label keys that a message names. */
const MAX_NAMED = 8;

/**
 * Restores the labels, annotations and owners that the incident recorded. An orphan of a ReplicaSet keeps our annotation
 * and a deletion cost until {@link settle} takes both away, so that of the pods that are then too many another one goes.
 * @param pod the pod as read just now.
 * @returns for people: what was put back, and what others had changed meanwhile.
 * @throws KubeError; a failed test (the pod changed meanwhile) is a conflict that the caller retries.
 */
export async function release(
  { client }: Pick<RespondContext, 'client'>,
  incident: DriftIncident,
  pod: KubeObject,
): Promise<string> {
  const { namespace, name } = incident.spec.target;
  const { owners, note } = await ownersToRestore(client, incident, pod);
  const patch = (given: readonly OwnerReference[]) =>
    client.jsonPatch(PODS, { namespace, name }, releasePatch(incident, pod, given));
  const notes = [describeLabels(incident, pod), note];
  try {
    await patch(owners);
  } catch (error) {
    if (isNotFound(error)) return 'the pod is gone';
    if (owners.length === 0 || !refusesOwners(error)) throw error;
    // As the plugin may refuse no more than the blocking, which only matters to a foreground deletion of the owner.
    await patch(withoutBlocking(owners));
    notes.push('the owner was put back without blockOwnerDeletion, which admission refuses');
  }
  return notes.filter(Boolean).join('; ');
}

/** The patch that takes back what the incident changed and nothing else. @param owners those that nobody else puts back. */
export function releasePatch(
  incident: DriftIncident,
  pod: KubeObject,
  owners: readonly OwnerReference[] = [],
): JsonPatchOp[] {
  const { labels = {}, ownerReferences } = pod.metadata;
  return [
    test('/metadata/uid', incident.spec.target.uid),
    test('/metadata/labels', labels),
    add('/metadata/labels', restoredLabels(incident, pod.metadata).labels),
    ...(owners.length > 0
      ? [
          test('/metadata/ownerReferences', ownerReferences ?? null),
          add('/metadata/ownerReferences', [...(ownerReferences ?? []), ...owners]),
        ]
      : []),
    ...(lendsCost(incident, pod)
      ? [stillOurs(incident), test(COST, null), add(COST, KEPT_COST)]
      : annotationBack(incident, pod)),
  ];
}

/** The patch that ends a release: what was lent to the pod goes, unless somebody changed it, and then our annotation. */
export function settledPatch(incident: DriftIncident, pod: KubeObject): JsonPatchOp[] {
  const cost = pod.metadata.annotations?.[DELETION_COST_ANNOTATION];
  return [
    test('/metadata/uid', incident.spec.target.uid),
    ...(cost === KEPT_COST ? [test(COST, cost), remove(COST)] : []),
    ...annotationBack(incident, pod),
  ];
}

const MARK = pointer('metadata', 'annotations', INCIDENT_ANNOTATION);
const COST = pointer('metadata', 'annotations', DELETION_COST_ANNOTATION);

// Of a pod that has a cost already somebody has said what shall become of it.
function lendsCost(incident: DriftIncident, { metadata }: KubeObject): boolean {
  const { annotations } = metadata;
  return (
    ownerKind(incident.spec.target.workload) === 'ReplicaSet' &&
    isOrphan(incident, metadata) &&
    annotations?.[INCIDENT_ANNOTATION] === incident.metadata.name &&
    annotations[DELETION_COST_ANNOTATION] === undefined
  );
}

function annotationBack(incident: DriftIncident, { metadata: { annotations } }: KubeObject): JsonPatchOp[] {
  const current = annotations?.[INCIDENT_ANNOTATION];
  if (current === undefined) return [];
  const before = incident.spec.target.annotations?.[INCIDENT_ANNOTATION];
  return [test(MARK, current), before === undefined ? remove(MARK) : replace(MARK, before)];
}

// The next incident of the pod may have given it the same labels: what is its must not be taken back.
function stillOurs({ metadata }: DriftIncident): JsonPatchOp {
  return test(MARK, metadata.name);
}

/** What of a pod tells how it was isolated. */
type Relabelled = Partial<Pick<PodFacts, 'labels' | 'ownerReferences'>>;

/** Labels after a release, and by key what others had done meanwhile. */
export interface Restored {
  labels: Record<string, string>;
  /** Added by others: they stay. */
  added: string[];
  /** Recorded, and set to something else by others: the record is put back. */
  conflicts: string[];
}

/**
 * The labels as recorded, with what others did since. An orphan had lost all of them, so that what it has now was added. A
 * pod that kept its labels may have got or lost some since, by people and controllers: there only ours go.
 */
export function restoredLabels(incident: DriftIncident, pod: Relabelled): Restored {
  const recorded = incident.spec.target.labels;
  const kept = foreignLabels(pod.labels ?? {});
  if (isOrphan(incident, pod)) {
    const others = Object.keys(kept);
    return {
      labels: { ...kept, ...recorded },
      added: others.filter((key) => !Object.hasOwn(recorded, key)),
      conflicts: others.filter((key) => Object.hasOwn(recorded, key) && recorded[key] !== kept[key]),
    };
  }
  const ours = Object.entries(recorded).filter(([key]) => key === QUARANTINE_LABEL || key === SEVERITY_LABEL);
  return { labels: { ...kept, ...Object.fromEntries(ours) }, added: [], conflicts: [] };
}

function isOrphan(incident: DriftIncident, { labels = {}, ownerReferences = [] }: Relabelled): boolean {
  const { form } = incident.status?.isolation ?? {};
  if (form === 'Orphan' || Object.keys(foreignLabels(labels)).length === 0) return true;
  return (
    form !== 'Gentle' && isQuarantined({ labels }) && looksOrphaned(incident, { labels, ownerReferences })
  );
}

function describeLabels(incident: DriftIncident, pod: KubeObject): string {
  const { added, conflicts } = restoredLabels(incident, pod.metadata);
  return [
    `${lendsCost(incident, pod) ? 'labels' : 'labels and annotations'} are as they were before`,
    ...(added.length > 0 ? [`labels that others added meanwhile stay: ${some(added)}`] : []),
    ...(conflicts.length > 0
      ? [
          `conflicts: others had set these labels meanwhile, and the recorded values are back: ${some(conflicts)}`,
        ]
      : []),
  ].join('; ');
}

function some(keys: readonly string[]): string {
  const named = keys.toSorted().slice(0, MAX_NAMED);
  const more = keys.length - named.length;
  return named.join(', ') + (more > 0 ? ` and ${more} more` : '');
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
