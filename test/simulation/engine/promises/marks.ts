// Promise 6: what is ours on a pod is backed by an incident with a finalizer, and goes without a trace.
import { isDeepStrictEqual } from 'node:util';
import { isFinal, type DriftIncident } from '../../../../src/api/incident.ts';
import type { KubeObject } from '../../../../src/api/meta.ts';
import { DELETION_COST_ANNOTATION, FINALIZER, INCIDENT_ANNOTATION } from '../../../../src/api/names.ts';
import { isReady } from '../../../support/world.ts';
import type { Judge } from '../promises.ts';
import type { Stage } from '../stage.ts';
import { hasMarks, named, original, podWrites } from './pods.ts';

/** See PROMISES. */
export const finalizer: Judge = ({ stage }) => {
  const unguarded = podWrites(stage)
    .filter(({ kind, before }) => kind === 'Mark' && !hasMarks(before))
    .flatMap(({ before, after, around }) => {
      const name = after?.metadata.annotations?.[INCIDENT_ANNOTATION];
      const incident = around?.incidents.find(({ metadata }) => metadata.name === name);
      return incident?.metadata.finalizers?.includes(FINALIZER)
        ? []
        : [`${named(before)} was changed, and incident ${name} had no finalizer`];
    });
  const dropped = stage.log.writes
    .filter(({ of, before, after }) => of === 'driftincidents' && holds(before) && !holds(after))
    .flatMap(({ before, around }) => {
      const { spec, metadata } = before as DriftIncident;
      const pod = around?.pods.find((other) => other.metadata.uid === spec.target.uid);
      const marked = pod?.metadata.annotations?.[INCIDENT_ANNOTATION] === metadata.name;
      return pod && marked && pod.metadata.deletionTimestamp === undefined
        ? [`${metadata.name} let go of its finalizer while ${named(pod)} carried its marks`]
        : [];
    });
  return [...unguarded, ...dropped];
};

function holds(object: KubeObject | undefined): boolean {
  return object?.metadata.finalizers?.includes(FINALIZER) ?? false;
}

/** See PROMISES. */
export const released: Judge = ({ stage }) => {
  const incidents = stage.incidents();
  const kept = incidents
    .filter((incident) => isFinal(incident) && holds(incident))
    .map(({ metadata, status }) => `${metadata.name} is ${status?.phase} and still has the finalizer`);
  const pods = stage.pods().flatMap((pod) => {
    const first = original(stage, pod.metadata.uid);
    if (!first) return [];
    const holder = incidents.find(({ spec, status }) => {
      return (
        spec.target.uid === pod.metadata.uid &&
        status?.phase !== undefined &&
        !isFinal({ status } as DriftIncident)
      );
    });
    if (holder) return [];
    return isDeepStrictEqual(marksOf(pod), marksOf(first))
      ? []
      : [
          `${named(pod)} has no open incident and is not as before: ${JSON.stringify(marksOf(pod))} instead of ${JSON.stringify(marksOf(first))}`,
        ];
  });
  return [...kept, ...pods, ...wentInstead(stage)];
};

// What a person found clean stays: of two that are Ready its replacement goes.
function wentInstead(stage: Stage): string[] {
  return podWrites(stage).flatMap(({ kind, before, after, servedAt: at }) => {
    const lent = after?.metadata.annotations?.[DELETION_COST_ANNOTATION];
    if (kind !== 'Restore' || lent === undefined) return [];
    const gone = stage.log.changes.some(
      ({ of, operation, before: pod, at: when }) =>
        of === 'pods' && operation === 'DELETE' && pod?.metadata.uid === before.metadata.uid && when >= at,
    );
    return gone && isReady(before)
      ? [`${named(before)} was released, and went instead of its replacement`]
      : [];
  });
}

function marksOf({ metadata: { labels = {}, annotations = {}, ownerReferences = [] } }: KubeObject): object {
  return {
    labels,
    incident: annotations[INCIDENT_ANNOTATION],
    cost: annotations[DELETION_COST_ANNOTATION],
    owners: ownerReferences.map(({ uid }) => uid),
  };
}
