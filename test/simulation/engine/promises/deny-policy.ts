// Promise 4: the deny policy of a namespace is there before a pod is quarantined, stays while one is, and goes after.
import type { DriftIncident } from '../../../../src/api/incident.ts';
import { isFinal } from '../../../../src/api/incident.ts';
import type { KubeObject } from '../../../../src/api/meta.ts';
import { QUARANTINE_POLICY } from '../../../../src/api/names.ts';
import type { AnyPolicy } from '../../../../src/api/policy.ts';
import { responseOf } from '../../../../src/decide/merge.ts';
import {
  CLUSTER_DRIFT_POLICIES,
  DRIFT_POLICIES,
  NAMESPACES,
  NETWORK_POLICIES,
} from '../../../../src/kube/resources.ts';
import { stands } from '../exposure.ts';
import type { Case, Judge } from '../promises.ts';
import type { Served } from '../server-log.ts';
import { NAMESPACE, type Stage } from '../stage.ts';
import { known } from './known.ts';
import { isLabelled, named, podWrites } from './pods.ts';

/** What was taken away by others is back after this time and that of the faults. */
const REPAIR_MS = 60_000;

/** See PROMISES. */
export const denyPolicy: Judge = (found) => [
  ...unseen(found.stage),
  ...exposed(found.stage),
  ...removedInUse(found.stage),
  ...atTheEnd(found),
];

/** Quarantines by a process that was not told that the policy stands. */
function unseen(stage: Stage): string[] {
  return podWrites(stage).flatMap((write) => {
    if (write.kind !== 'Mark' || !isLabelled(write.after)) return [];
    const looks = known(stage, write, ({ of, namespace, name, status }) => {
      const isIt = of === 'networkpolicies' && namespace === write.namespace && name === QUARANTINE_POLICY;
      return isIt && status < 300;
    });
    return looks.some(({ after }) => stands(after))
      ? []
      : [`${named(write.before)} was quarantined without having read that the deny policy stands`];
  });
}

function exposed({ history, exposure }: Stage): string[] {
  const faults = history.faults.map((fault) => {
    return 'forMs' in fault ? fault.forMs : 'awayMs' in fault ? fault.awayMs : 0;
  });
  const limit = faults.reduce((sum, ms) => sum + ms, REPAIR_MS);
  const ms = exposure.longestMs;
  return ms > limit ? [`a pod was in quarantine for ${ms} ms without a deny policy`] : [];
}

function removedInUse(stage: Stage): string[] {
  return stage.log.writes
    .filter(({ of, verb }) => of === 'networkpolicies' && verb === 'delete')
    .flatMap((write) => {
      const what = 'the deny policy was removed';
      const looks = (plural: string) =>
        known(stage, write, ({ of, verb, namespace, status }) => {
          return of === plural && verb === 'list' && namespace === write.namespace && status === 200;
        }).at(-1);
      const [pods, incidents] = [looks('pods'), looks('driftincidents')];
      if (!pods || !incidents) return [`${what} without having looked whether a pod or incident needs it`];
      // A second API server that stands still tells what was.
      if (stage.history.faults.some(({ kind }) => kind === 'Lag')) return [];
      return neededSince(stage, write, Math.min(pods.servedAt, incidents.servedAt)).map(
        (need) => `${what}, and ${need} needed it`,
      );
    });
}

/** What needs the policy at the time of the write, and did before `since`. */
function neededSince({ log }: Stage, { around }: Served, since: number): string[] {
  const before = (of: string, is: (after: KubeObject) => boolean) =>
    log.writes.some((entry) => {
      return entry.of === of && entry.servedAt < since && entry.after !== undefined && is(entry.after);
    });
  const pods = (around?.pods ?? []).filter(
    (pod) =>
      isLabelled(pod) &&
      before('pods', (after) => after.metadata.uid === pod.metadata.uid && isLabelled(after)),
  );
  const incidents = (around?.incidents ?? []).filter(
    (incident) =>
      mayIsolate(incident) &&
      before('driftincidents', (after) => after.metadata.uid === incident.metadata.uid),
  );
  return [...pods, ...incidents].map(({ metadata }) => metadata.name);
}

function atTheEnd({ stage, settled }: Case): string[] {
  const { api } = stage.cluster;
  const space = api.get(NAMESPACES, { name: NAMESPACE });
  if (!settled || !space || space.metadata.deletionTimestamp !== undefined) return [];
  const policy = api.get(NETWORK_POLICIES, { namespace: NAMESPACE, name: QUARANTINE_POLICY });
  const closed = isClosed(stage);
  const asking = [...api.list(DRIFT_POLICIES, NAMESPACE), ...api.list(CLUSTER_DRIFT_POLICIES)].filter(
    (object) => !closed && asksForIsolation(object as AnyPolicy),
  );
  const quarantined = stage.pods().some(isLabelled);
  const inUse = quarantined || stage.incidents().some(mayIsolate);
  const needed = quarantined || asking.some((object) => isAccepted(object as AnyPolicy));
  if (needed && !stands(policy)) return ['all is at rest, and the deny policy that is needed does not stand'];
  const stays = policy !== undefined && !inUse && asking.length === 0;
  return stays ? ['all is at rest, and the deny policy is there though nothing needs it'] : [];
}

// In a protected namespace policies isolate nobody, unless an exception in force lets them; those of scenarios are for all of
// the namespace, and whoever may be touched has an alert that is not harmless.
function isClosed({ protectedNamespaces, alerts }: Stage): boolean {
  return protectedNamespaces.includes(NAMESPACE) && alerts.every(({ harmless }) => harmless);
}

function asksForIsolation({ spec }: AnyPolicy): boolean {
  return spec.mode === 'Enforce' && (spec.responses ?? []).some(({ actions }) => actions.includes('Isolate'));
}

function isAccepted({ status }: AnyPolicy): boolean {
  return status?.conditions?.some((each) => each.type === 'Accepted' && each.status === 'True') ?? false;
}

function mayIsolate(incident: DriftIncident): boolean {
  const { contributions } = responseOf(incident);
  return !isFinal(incident) && contributions.some(({ actions }) => actions.includes('Isolate'));
}
