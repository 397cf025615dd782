// What a write did to a pod, told by the objects before and after it.
import type { KubeObject } from '../../../../src/api/meta.ts';
import {
  CAPTURE_NAMESPACE,
  INCIDENT_ANNOTATION,
  QUARANTINE_LABEL,
  SEVERITY_LABEL,
} from '../../../../src/api/names.ts';
import { responseOf } from '../../../../src/decide/merge.ts';
import { isWrite, type Served } from '../server-log.ts';
import type { Stage } from '../stage.ts';

/** Kinds of writes that reach a pod. */
export type PodWriteKind = 'Mark' | 'Restore' | 'Evict' | 'Delete';

/** One write that reached a pod. */
export interface PodWrite extends Served {
  before: KubeObject;
  kind: PodWriteKind;
}

const OURS = [QUARANTINE_LABEL, SEVERITY_LABEL];

/** Every write of the operator that was carried out on a pod that is not its own. */
export function podWrites({ log }: Stage): PodWrite[] {
  return log.writes.flatMap((entry) => {
    const { of, before, namespace } = entry;
    return of === 'pods' && namespace !== CAPTURE_NAMESPACE && before
      ? [{ ...entry, before, kind: kindOf(entry) }]
      : [];
  });
}

/** Every request to write to a pod, carried out or not. */
export function podRequests({ log }: Stage): Served[] {
  return log.served.filter((entry) => entry.of === 'pods' && isWrite(entry));
}

/** Whether a pod was deleted for itself, where its policies let it be past its budget, and not with its incident. */
export function isPastBudget({ verb, before, around }: Served): boolean {
  const incident = around?.incidents.findLast(({ spec }) => spec.target.uid === before?.metadata.uid);
  if (verb !== 'delete' || !incident || incident.metadata.deletionTimestamp !== undefined) return false;
  return responseOf(incident).settings.eviction.then === 'Delete';
}

// A deletion in the place of an eviction is held to what an eviction is.
function kindOf(entry: Served): PodWriteKind {
  const { verb, subresource, after } = entry;
  if (subresource === 'eviction' || isPastBudget(entry)) return 'Evict';
  if (verb === 'delete') return 'Delete';
  // What is released keeps the annotation until its ReplicaSet has settled.
  return after && OURS.some((key) => key in (after.metadata.labels ?? {})) ? 'Mark' : 'Restore';
}

/** Whether the pod carries a label or annotation of ours. */
export function hasMarks({ metadata: { labels = {}, annotations = {} } }: KubeObject): boolean {
  return OURS.some((key) => key in labels) || INCIDENT_ANNOTATION in annotations;
}

/** Whether it has the quarantine label, whatever its value. */
export function isLabelled(object: KubeObject | undefined): boolean {
  return QUARANTINE_LABEL in (object?.metadata.labels ?? {});
}

/** Whether all labels but ours were taken away. */
export function isOrphan({ metadata: { labels = {} } }: KubeObject): boolean {
  return QUARANTINE_LABEL in labels && Object.keys(labels).every((key) => OURS.includes(key));
}

/** The pod as it was before the operator touched it first; undefined if it never did. */
export function original(stage: Stage, uid: string): KubeObject | undefined {
  return podWrites(stage).find(({ before }) => before.metadata.uid === uid)?.before;
}

/** UID of the controller that the pod had then. */
export function controllerUid({ metadata }: KubeObject): string | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid;
}

/** For messages. */
export function named({ metadata: { name, uid } }: KubeObject): string {
  return `${name} (${uid.slice(0, 8)})`;
}
