// Promise 7: every incident comes to an end or to a wait with a name, and what it says of its end is true.
import { findCondition } from '../../../../src/api/conditions.ts';
import { isFinal, type DriftIncident } from '../../../../src/api/incident.ts';
import type { Judge } from '../promises.ts';
import type { Stage } from '../stage.ts';
import { unproven } from './recovery.ts';

/** See PROMISES. */
export const ends: Judge = ({ stage, scenario, settled }) => {
  const incidents = stage.incidents();
  const restless = settled
    ? []
    : [
        `all is not at rest half an hour after the last disturbance: ${incidents.map(endOf).join(', ') || 'writes go on'}`,
      ];
  const elsewhere = incidents
    .filter((incident) => !scenario.ends.includes(endOf(incident)) && !isExcused(stage, incident))
    .filter((incident) => !cameAfterTheEviction(incidents, incident))
    .map((incident) => `${incident.metadata.name} ended as ${endOf(incident)}: ${summary(incident)}`);
  const running = incidents
    .filter((incident) => !isFinal(incident))
    .flatMap(({ metadata, status }) =>
      (status?.steps ?? [])
        .filter(({ state }) => state === 'Running')
        .map(({ name }) => `${metadata.name} rests, and its step ${name} is said to run`),
    );
  return [...restless, ...(settled ? [...elsewhere, ...running] : [])];
};

/** The final phase, or the reason of the wait. */
function endOf(incident: DriftIncident): string {
  if (isFinal(incident)) return incident.status?.phase ?? '';
  const reason = findCondition(incident.status?.conditions, 'Ready')?.reason ?? 'nothing';
  return reason;
}

// Limits of time are kept by wall clocks: with one that jumped an alert can be too old, and patience end too early.
function isExcused({ history }: Stage, incident: DriftIncident): boolean {
  const jumped = history.faults.some(({ kind }) => kind === 'ClockJump');
  return (
    jumped && ['Failed', 'EvictionTimeout', 'Audit', 'Quarantined', 'PolicyChanged'].includes(endOf(incident))
  );
}

// A receiver whose cache lags opens another one for a pod that an earlier incident evicted: it has nothing left to do.
function cameAfterTheEviction(all: readonly DriftIncident[], incident: DriftIncident): boolean {
  return (
    endOf(incident) === 'TargetGone' &&
    all.some(
      ({ metadata, spec, status }) =>
        metadata.name === incident.spec.previous &&
        spec.target.uid === incident.spec.target.uid &&
        status?.phase === 'Resolved',
    )
  );
}

function summary({ status }: DriftIncident): string {
  return findCondition(status?.conditions, 'Ready')?.message ?? 'no condition says why';
}

/** See PROMISES. */
export const trueRecord: Judge = ({ stage }) => {
  const resolved = stage.incidents().filter(({ status }) => status?.phase === 'Resolved');
  const named = resolved.filter(({ status }) => status?.replacement !== undefined);
  const claimed = Map.groupBy(named, ({ status }) => status?.replacement?.uid ?? '');
  const shared = [...claimed.entries()]
    .filter(([, incidents]) => incidents.length > 1)
    .map(
      ([uid, incidents]) =>
        `${incidents.map(({ metadata }) => metadata.name).join(' and ')} both claim pod ${uid}`,
    );
  return [...shared, ...resolved.flatMap((incident) => untrue(stage, incident)), ...stillThere(stage)];
};

function untrue(stage: Stage, incident: DriftIncident): string[] {
  const { metadata, spec, status } = incident;
  const found = unproven(stage, incident);
  if (status?.replacement === undefined || found.length > 0) return found;
  const pod = stage.log.changes.find(({ of, operation, object }) => {
    return of === 'pods' && operation === 'CREATE' && object?.metadata.uid === status?.replacement?.uid;
  });
  const opened = stage.log.writes.find(({ of, verb, name }) => {
    return of === 'driftincidents' && verb === 'create' && name === metadata.name;
  });
  if (!pod || !opened) return [`${metadata.name} is Resolved, and its replacement was never created`];
  // Times of creation are whole seconds. Within one, what was there first is known by the cache, if nothing disturbs it.
  const exact = stage.history.faults.length === 0;
  const [born, since] = exact ? [pod.at, opened.servedAt] : [pod.at + 1_000, opened.servedAt];
  return born < since
    ? [
        `${metadata.name} names ${pod.object?.metadata.name} as replacement of ${spec.target.name}, which is older than itself`,
      ]
    : [];
}

function stillThere(stage: Stage): string[] {
  const pods = new Set(stage.pods().map(({ metadata }) => metadata.uid));
  return stage
    .incidents()
    .filter(({ status, spec }) => {
      return ['Resolved', 'TargetGone'].includes(status?.phase ?? '') && pods.has(spec.target.uid);
    })
    .map(({ metadata, status }) => `${metadata.name} is ${status?.phase}, and its pod is still there`);
}
