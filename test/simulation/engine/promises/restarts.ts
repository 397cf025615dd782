// Promise 11: what is made anew, from what, when, and how often.
import { createHash } from 'node:crypto';
import type { DriftIncident } from '../../../../src/api/incident.ts';
import type { KubeObject } from '../../../../src/api/meta.ts';
import { CAPTURE_NAMESPACE, RESTARTED_FOR_ANNOTATION } from '../../../../src/api/names.ts';
import { imageDigest, pinnedDigest } from '../../../../src/decide/images.ts';
import { canonicalJson } from '../../../../src/evidence/manifest.ts';
import type { Judge } from '../promises.ts';
import type { Served } from '../server-log.ts';
import type { Stage } from '../stage.ts';
import { named, podWrites } from './pods.ts';

interface Sent {
  metadata: { name?: string; annotations?: Record<string, string> };
  spec: { containers: { name: string; image: string }[] };
}

/** See PROMISES. */
export const restarted: Judge = ({ stage }) => {
  const made = stage.log.writes.filter(
    ({ of, verb, subresource, namespace }) =>
      of === 'pods' && verb === 'create' && subresource === undefined && namespace !== CAPTURE_NAMESPACE,
  );
  const byIncident = Map.groupBy(made, markOf);
  const twice = [...byIncident.values()]
    .filter(({ length }) => length > 1)
    .map((all) => `${all[0]?.after?.metadata.name} was made anew ${all.length} times`);
  return [...twice, ...made.flatMap(untrue), ...unkept(stage), ...foreign(stage, made)];
};

function markOf({ body }: Served): string {
  return (body as Sent).metadata.annotations?.[RESTARTED_FOR_ANNOTATION] ?? '';
}

function untrue(write: Served): string[] {
  const { body, around } = write;
  const sent = body as Sent;
  const what = `pod ${sent.metadata.name}`;
  const incident = around?.incidents.findLast(({ metadata }) => metadata.uid === markOf(write));
  if (!incident) return [`${what} was made for no incident`];
  const { target } = incident.spec;
  const isThere = around?.pods.some(({ metadata }) => metadata.uid === target.uid) ?? false;
  return [
    ...(isThere ? [`${what} was made while the pod that it replaces was there`] : []),
    ...(sent.metadata.name === target.name ? [] : [`${what} has another name than ${target.name}`]),
    ...(hashOf(sent) === incident.status?.restart?.manifest?.sha256
      ? []
      : [`${what} was not made from the manifest that was kept`]),
    ...sent.spec.containers
      .filter(({ name, image }) => image !== pinOf(incident, name))
      .map(({ name }) => `${what} was made with container ${name} not pinned to what the pod ran`),
  ];
}

function hashOf({ metadata, ...pod }: Sent): string {
  const { [RESTARTED_FOR_ANNOTATION]: _mark, ...annotations } = metadata.annotations ?? {};
  return createHash('sha256')
    .update(canonicalJson({ ...pod, metadata: { ...metadata, annotations } }))
    .digest('hex');
}

function pinOf({ spec: { target } }: DriftIncident, container: string): string | undefined {
  const { image = '', imageID = '' } = target.containers.find(({ name }) => name === container) ?? {};
  return pinnedDigest(image) === undefined ? `${image}@${imageDigest(imageID)}` : image;
}

// Nobody else would make it anew: what it is made from has to be there before.
function unkept(stage: Stage): string[] {
  return podWrites(stage)
    .filter(({ kind, before }) => kind === 'Evict' && isBare(before))
    .filter(({ around, before }) => {
      const incident = around?.incidents.findLast(({ spec }) => spec.target.uid === before.metadata.uid);
      return incident?.status?.plan?.steps.includes('Restart') && !incident.status.restart?.manifest;
    })
    .map(({ before }) => `${named(before)} was evicted before its manifest was kept`);
}

function isBare({ metadata: { ownerReferences = [] } }: KubeObject): boolean {
  return !ownerReferences.some(({ controller }) => controller === true);
}

// Also one that has the name, or the annotation, of what we would have made.
function foreign(stage: Stage, made: readonly Served[]): string[] {
  const ours = new Set(made.map(({ after }) => after?.metadata.uid));
  return stage
    .incidents()
    .filter(({ status }) => status?.restart?.pod && !ours.has(status.restart.pod.uid))
    .map(
      ({ metadata, status }) =>
        `${metadata.name} says that it made ${status?.restart?.pod?.uid}, and did not`,
    );
}
