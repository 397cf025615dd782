// What an incident that says Resolved must have had: a replacement that was Ready, clean and quiet, as the API server saw it.
import { recordedDuration } from '../../../../src/decide/duration.ts';
import { imageDigest, pinnedDigest } from '../../../../src/decide/images.ts';
import { responseOf } from '../../../../src/decide/merge.ts';
import { findCondition } from '../../../../src/api/conditions.ts';
import type { DriftIncident } from '../../../../src/api/incident.ts';
import type { KubeObject } from '../../../../src/api/meta.ts';
import { podFacts, type PodFacts } from '../../../../src/api/pod.ts';
import { DEPLOYMENTS } from '../../../../src/kube/resources.ts';
import type { Stage } from '../stage.ts';
import { BLINDING } from './destructive.ts';

/** Times of the record are whole milliseconds, and a replica sees a change a little later than the API server. */
const SLACK_MS = 1_500;

/** What is untrue of how a resolved incident says that it was replaced. */
export function unproven(stage: Stage, incident: DriftIncident): string[] {
  const { metadata, status } = incident;
  const verified = findCondition(status?.conditions, 'ReplacementVerified');
  if (verified?.reason === 'NoReplacementNeeded') return needless(stage, incident);
  const at = resolvedAt(stage, incident);
  const uid = status?.replacement?.uid;
  if (uid === undefined || at === undefined)
    return [`${metadata.name} is Resolved, and names no replacement`];
  const { before, during } = livesOf(stage, uid, at - quietMs(stage, incident), at);
  const last = during.at(-1) ?? before;
  const what = `${metadata.name} is Resolved by ${status?.replacement?.name}`;
  const bad = badImages(incident, last);
  return [
    ...unwell(before, during).map((how) => `${what}, ${how}`),
    ...(driftedBefore(stage, incident, at) ? [`${what}, which had drifted by then`] : []),
    ...bad.map((name) => `${what}, whose container ${name} is another image`),
  ];
}

function unwell(before: PodFacts | undefined, during: readonly PodFacts[]): string[] {
  const last = during.at(-1) ?? before;
  return [
    ...(last?.ready === true ? [] : ['which is not Ready']),
    ...(isQuiet(before, during) ? [] : ['which was not quiet']),
  ];
}

function resolvedAt({ log }: Stage, { metadata }: DriftIncident): number | undefined {
  return log.writes.find(
    ({ of, name, after }) =>
      of === 'driftincidents' &&
      name === metadata.name &&
      (after as DriftIncident | undefined)?.status?.phase === 'Resolved',
  )?.sentAt;
}

// Where a clock jumped nobody can tell how long something lasted.
function quietMs({ history }: Stage, incident: DriftIncident): number {
  if (history.faults.some(({ kind }) => kind === 'ClockJump')) return 0;
  const ms = recordedDuration(responseOf(incident).settings.eviction.replacement.quietFor);
  return Math.max(0, ms - SLACK_MS);
}

/** The pod as it was at `from`, and each of its states from then to `to`; what came just before the end was not seen yet. */
function livesOf(
  { log }: Stage,
  uid: string,
  from: number,
  to: number,
): { before: PodFacts | undefined; during: PodFacts[] } {
  const all = log.changes
    .filter(({ of, object }) => of === 'pods' && object?.metadata.uid === uid)
    .map(({ at, object }) => ({ at, pod: podFacts(object as KubeObject) }));
  return {
    before: all.findLast(({ at }) => at <= from)?.pod,
    during: all.filter(({ at }) => at > from && at <= to - SLACK_MS).map(({ pod }) => pod),
  };
}

function isQuiet(before: PodFacts | undefined, during: readonly PodFacts[]): boolean {
  const all = before ? [before, ...during] : during;
  const [first] = all;
  return all.every((pod) => pod.ready && (pod.restarts ?? 0) === (first?.restarts ?? 0));
}

// Also one that it named before, and gave up for another.
function driftedBefore(stage: Stage, { metadata }: DriftIncident, at: number): boolean {
  // That is told by watches.
  if (stage.history.faults.some(({ kind }) => BLINDING.has(kind))) return false;
  const named = new Set(
    stage.log.writes.flatMap(({ of, name, after }) =>
      of === 'driftincidents' && name === metadata.name
        ? ((after as DriftIncident | undefined)?.status?.replacement?.uid ?? [])
        : [],
    ),
  );
  return stage.log.writes.some(
    ({ of, verb, after, servedAt }) =>
      of === 'driftincidents' &&
      verb === 'create' &&
      servedAt < at - SLACK_MS &&
      named.has((after as DriftIncident | undefined)?.spec.target.uid ?? ''),
  );
}

// What is pinned runs that; what has a tag runs what the pod before it did.
function badImages({ spec: { target } }: DriftIncident, pod: PodFacts | undefined): string[] {
  if (!pod) return [];
  const before = [...target.containers, ...(target.initContainers ?? [])];
  return [...pod.containers, ...(pod.initContainers ?? [])]
    .filter(({ name, image, imageID = '' }) => {
      const ran = before.find((one) => one.name === name && one.image === image)?.imageID;
      const expected = pinnedDigest(image) ?? (ran && imageDigest(ran));
      return expected !== undefined && imageDigest(imageID) !== expected;
    })
    .map(({ name }) => name);
}

function needless(stage: Stage, { metadata }: DriftIncident): string[] {
  const changed = stage.log.changes.some(
    ({ of, operation, by }) =>
      of === DEPLOYMENTS.plural && operation !== 'CREATE' && !by.includes('controller'),
  );
  return changed
    ? []
    : [`${metadata.name} says that nothing has to take its place, and nobody changed the workload`];
}
