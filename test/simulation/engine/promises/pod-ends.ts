// Promise 3: pods are deleted past a budget only where that is asked for, nobody's grace is changed, and what is said of the
// end of a pod is so.
import { findCondition } from '../../../../src/api/conditions.ts';
import type { DriftIncident } from '../../../../src/api/incident.ts';
import type { KubeObject } from '../../../../src/api/meta.ts';
import { recordedDuration } from '../../../../src/decide/duration.ts';
import { responseOf } from '../../../../src/decide/merge.ts';
import type { Judge } from '../promises.ts';
import type { Stage } from '../stage.ts';
import { incidentOf } from './destructive.ts';
import { isPastBudget, named, podRequests, podWrites, type PodWrite } from './pods.ts';

/** Between the request that a budget refused and the deletion the responder only enters what it is about to do. */
const AT_ONCE_MS = 5_000;

/** See PROMISES. */
export const pastBudget: Judge = ({ stage }) =>
  podWrites(stage)
    .filter(isPastBudget)
    .flatMap((write) => {
      const incident = incidentOf(write);
      if (!incident) return [];
      const what = `${named(write.before)} was deleted past its budget`;
      const { waitForBudget } = responseOf(incident).settings.eviction;
      const opened = stage.log.writes.find(
        ({ of, verb, name }) =>
          of === 'driftincidents' && verb === 'create' && name === incident.metadata.name,
      );
      const waited = write.servedAt - (opened?.servedAt ?? 0);
      const jumped = stage.history.faults.some(({ kind }) => kind === 'ClockJump');
      return [
        ...(wasRefused(stage, write) ? [] : [`${what}, which was not asked just before`]),
        ...(jumped || waited >= recordedDuration(waitForBudget)
          ? []
          : [`${what} ${waited} ms after its incident was opened, and the policy waits ${waitForBudget}`]),
      ];
    });

// By its status: what die-operator counts itself is no answer to a request.
function wasRefused(stage: Stage, { before, replica, sentAt }: PodWrite): boolean {
  return podRequests(stage).some(
    ({ subresource, name, status, receivedAt = Infinity, replica: by }) =>
      subresource === 'eviction' &&
      name === before.metadata.name &&
      by === replica &&
      (status === 429 || status === 500) &&
      receivedAt <= sentAt &&
      sentAt - receivedAt <= AT_ONCE_MS,
  );
}

/** See PROMISES. */
export const graceOnce: Judge = ({ stage }) =>
  podWrites(stage)
    .filter(({ kind, before }) => {
      return (kind === 'Evict' || kind === 'Delete') && before.metadata.deletionTimestamp !== undefined;
    })
    .map(({ kind, before }) => `${kind} of ${named(before)}, which was being deleted already`);

/** See PROMISES. */
export const contained: Judge = ({ stage }) =>
  stage.incidents().flatMap(({ metadata, spec, status }) => {
    const said = findCondition(status?.conditions, 'Contained');
    if (said?.status !== 'True') return [];
    const saidAt = stage.log.writes.find(
      ({ of, after }) =>
        of === 'driftincidents' && after?.metadata.uid === metadata.uid && saysContained(after),
    )?.servedAt;
    const ended = stage.log.changes.find(
      ({ of, object }) => of === 'pods' && object?.metadata.uid === spec.target.uid && hasEnded(object),
    );
    return ended && ended.at <= (saidAt ?? Infinity)
      ? []
      : [`${metadata.name} says Contained=True/${said.reason}, and the containers of its pod had not ended`];
  });

function saysContained(incident: KubeObject): boolean {
  const { conditions } = (incident as DriftIncident).status ?? {};
  return findCondition(conditions, 'Contained')?.status === 'True';
}

// As the kubelet of the embedded cluster says it.
function hasEnded(pod: KubeObject): boolean {
  const { containerStatuses = [] } = (pod['status'] ?? {}) as {
    containerStatuses?: { state: { terminated?: object } }[];
  };
  return containerStatuses.length > 0 && containerStatuses.every(({ state }) => state.terminated);
}
