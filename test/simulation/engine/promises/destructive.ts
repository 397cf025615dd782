// Promise 3: evictions once, after their evidence, within the limits, and never of the last copy.
import { recordedDuration } from '../../../../src/decide/duration.ts';
import { responseOf } from '../../../../src/decide/merge.ts';
import { endsInEviction } from '../../../../src/decide/restart.ts';
import type { DriftIncident } from '../../../../src/api/incident.ts';
import type { KubeObject } from '../../../../src/api/meta.ts';
import type { DriftPolicy } from '../../../../src/api/policy.ts';
import { DRIFT_POLICIES } from '../../../../src/kube/resources.ts';
import { isReady } from '../../../support/world.ts';
import type { Judge } from '../promises.ts';
import type { Stage } from '../stage.ts';
import { controllerUid, isOrphan, named, original, podWrites, type PodWrite } from './pods.ts';

/** After so many tries evidence may be given up. */
const CAPTURE_TRIES = 5;

/** See PROMISES. */
export const onceOnly: Judge = ({ stage }) => {
  const destructive = podWrites(stage).filter(({ kind }) => kind === 'Evict' || kind === 'Delete');
  const byPod = Map.groupBy(destructive, ({ kind, before }) => `${kind} ${before.metadata.uid}`);
  return [...byPod.values()].flatMap((writes) => {
    const [first] = writes;
    return first && writes.length > 1
      ? [`${first.kind} of ${named(first.before)} was carried out ${writes.length} times`]
      : [];
  });
};

/** See PROMISES. */
export const evidenceFirst: Judge = ({ stage }) =>
  podWrites(stage)
    .filter(({ kind }) => kind === 'Evict')
    .flatMap((write) => {
      const incident = incidentOf(write);
      if (!incident) return [`${named(write.before)} was evicted without an incident`];
      const early = againstExpiry(stage, write, incident);
      return early.length > 0 ? early : withoutEvidence(stage, write, incident);
    });

function withoutEvidence(stage: Stage, write: PodWrite, incident: DriftIncident): string[] {
  if (!wantsEvidence(stage, incident)) return [];
  const step = incident.status?.steps?.find(({ name }) => name === 'Capture');
  if (step?.state === 'Failed' && step.attempts >= CAPTURE_TRIES) return [];
  const sealed = stage.store.sealed.get(incident.metadata.uid);
  if (sealed === undefined || sealed > write.sentAt)
    return [`${named(write.before)} was evicted before its evidence was complete`];
  return incident.status?.evidence
    ? []
    : [`${named(write.before)} was evicted before its evidence was recorded`];
}

// An eviction that no rung asks for ends a quarantine that expired.
function againstExpiry(
  stage: Stage,
  { before, servedAt: at, around }: PodWrite,
  incident: DriftIncident,
): string[] {
  const { contributions, settings } = responseOf(incident);
  if (contributions.some(({ actions }) => endsInEviction(actions))) return [];
  const what = `${named(before)} was evicted at the end of its quarantine`;
  const complete = around?.incidents
    .find(({ metadata }) => metadata.uid === incident.metadata.uid)
    ?.status?.conditions?.some(({ type, status }) => type === 'EvidenceComplete' && status === 'True');
  const isolated = podWrites(stage).find(
    ({ kind, before: pod }) => kind === 'Mark' && pod.metadata.uid === before.metadata.uid,
  );
  const jumped = stage.history.faults.some(({ kind }) => kind === 'ClockJump');
  // Times of creation are whole seconds.
  const over = jumped || at - (isolated?.servedAt ?? at) >= recordedDuration(settings.isolation.ttl) - 1_000;
  return [
    ...(complete ? [] : [`${what}, and its evidence is not complete`]),
    ...(over ? [] : [`${what}, which was not over`]),
  ];
}

/** See PROMISES. */
export const withinLimits: Judge = ({ stage }) =>
  podWrites(stage)
    .filter(({ kind, before, after }) => kind === 'Mark' && after && isOrphan(after) && !isOrphan(before))
    .flatMap((write) => {
      const incident = incidentOf(write);
      if (!incident) return [];
      const { limits } = responseOf(incident).settings;
      const out = (write.around?.pods ?? []).filter(
        (pod) =>
          pod.metadata.uid !== write.before.metadata.uid &&
          pod.metadata.deletionTimestamp === undefined &&
          isOrphan(pod),
      );
      const workload = controllerUid(write.before);
      const ofWorkload = out.filter(
        (pod) => controllerUid(original(stage, pod.metadata.uid) ?? pod) === workload,
      );
      return [
        ...(ofWorkload.length >= limits.perWorkload.quarantined
          ? [`${named(write.before)} was taken out beside ${ofWorkload.length} others of its workload`]
          : []),
        ...(out.length >= limits.perNamespace.quarantined
          ? [`${named(write.before)} was taken out beside ${out.length} others of its namespace`]
          : []),
      ];
    });

/** See PROMISES. Who is Ready is known by watches: where these were disturbed, nobody can know better. */
export const lastCopy: Judge = ({ stage }) => {
  if (stage.history.faults.some(({ kind }) => BLINDING.has(kind))) return [];
  return podWrites(stage)
    .filter(({ kind, before }) => kind === 'Evict' && isReady(before) && !isOrphan(before))
    .filter((write) => readyOthers(stage, write).length === 0 && controllerUid(write.before) !== undefined)
    .filter((write) => incidentOf(write)?.spec.decision?.action !== 'Approve')
    .map(({ before }) => `${named(before)} was evicted, and no other copy was Ready`);
};

/** Faults by which watches tell too late what there is. */
export const BLINDING: ReadonlySet<string> = new Set(['Watch', 'Lag', 'Partition', 'Stop', 'Outage', 'Read']);

function readyOthers(stage: Stage, { before, around }: PodWrite): KubeObject[] {
  const workload = controllerUid(original(stage, before.metadata.uid) ?? before);
  return (around?.pods ?? []).filter(
    (pod) =>
      pod.metadata.uid !== before.metadata.uid &&
      controllerUid(pod) === workload &&
      isReady(pod) &&
      !isOrphan(pod),
  );
}

/** The incident of the pod at the moment of the write. */
export function incidentOf({ around, before }: PodWrite): DriftIncident | undefined {
  return around?.incidents
    .filter(({ spec }) => spec.target.uid === before.metadata.uid)
    .toSorted((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion))
    .at(-1);
}

/** Whether every policy that contributed still enforces, and one asks for evidence. */
export function wantsEvidence({ cluster }: Stage, incident: DriftIncident): boolean {
  const { contributions } = responseOf(incident);
  const policies = cluster.api.list(DRIFT_POLICIES) as DriftPolicy[];
  const stays = contributions.every(({ uid }) =>
    policies.some(({ metadata, spec }) => metadata.uid === uid && spec.mode === 'Enforce'),
  );
  return (
    stays && contributions.some(({ mode, actions }) => mode === 'Enforce' && actions.includes('Capture'))
  );
}
