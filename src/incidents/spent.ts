// What was spent of the limits, out of the ledger and the caches, for one incident or for the breaker. Reads memory only.
import { findCondition, INCIDENT_CONDITIONS } from '../api/conditions.ts';
import { isFinal, type DriftIncident } from '../api/incident.ts';
import { foreignLabels, isQuarantined, type PodFacts } from '../api/pod.ts';
import type { ActName } from '../api/ledger.ts';
import { breakerNow, type BreakerLimits, type BreakerView, type Mark } from '../decide/breaker.ts';
import { fullUntil, type SpentAct } from '../decide/ledger.ts';
import { isTakenOut } from '../decide/others.ts';
import { responseOf } from '../decide/merge.ts';
import { endsInEviction } from '../decide/restart.ts';
import { workloadOf, type Course, type InstallationLimits, type Spent } from '../decide/spending.ts';
import { STUCK_REASONS } from '../decide/terminating.ts';
import { recordedDuration } from '../decide/duration.ts';
import type { Clock } from '../kube/clock.ts';
import type { Caches } from './caches.ts';
import type { Ledger } from './ledger.ts';
import type { Reservations } from './reservations.ts';

/** What limits the installation sets. */
export interface SpendingLimits extends InstallationLimits {
  breaker: BreakerLimits;
}

/** Where it comes from. */
export interface SpentSources {
  clock: Clock;
  caches: Pick<Caches, 'pods' | 'incidents' | 'policies' | 'clusterPolicies'>;
  reservations: Pick<Reservations, 'holds'>;
  ledger: Pick<Ledger, 'book'>;
  limits: SpendingLimits;
}

const MINUTE_MS = 60_000;

/** What an incident is decided by. Acts on its own pod are left out: a second try counts once. */
export function spentFor(sources: SpentSources, incident: DriftIncident): Spent {
  const { caches, clock, limits, ledger } = sources;
  const { book } = ledger;
  const { uid, nodeName } = incident.spec.target;
  if (typeof book === 'string')
    return { limits, acts: book, courses: new Map(), takenOut: { node: 0, cluster: 0 } };
  const now = clock.now();
  const acts = book.acts.filter(({ pod }) => pod !== uid);
  const out = [...takenOut(sources, incident), ...lostOrphans(sources, incident, acts)];
  return {
    limits,
    acts,
    courses: new Map(acts.flatMap((act) => courseOf(caches, act) ?? [])),
    // Also for a pod that is in it already: its next act can be another one, which needs room of its own.
    fullUntil: fullUntil(book.acts, now),
    breaker: breakerNow(book.openings, breakerView(sources, book.acts)),
    takenOut: {
      cluster: out.length,
      node: nodeName === undefined ? 0 : out.filter((node) => node === nodeName).length,
    },
  };
}

/** What is entered for an act of that incident now. */
export function actOf(act: ActName, incident: DriftIncident, clock: Pick<Clock, 'now'>): SpentAct {
  const { namespace, nodeName, uid } = incident.spec.target;
  return {
    at: clock.now(),
    act,
    namespace,
    workload: workloadOf(incident),
    ...(nodeName !== undefined && { node: nodeName }),
    incident: incident.metadata.uid,
    pod: uid,
    severity: responseOf(incident).severity,
  };
}

/** What incidents tell of acts, for a ledger that has to be made anew. */
export function actsKnown({ incidents }: Pick<Caches, 'incidents'>): SpentAct[] {
  return incidents.values().flatMap((incident) => {
    const { isolation, eviction } = incident.status ?? {};
    const told = (act: ActName, at: string | undefined) =>
      at === undefined ? [] : [actOf(act, incident, { now: () => Date.parse(at) })];
    return [
      ...told('Orphan', isolation?.form === 'Orphan' ? isolation.at : undefined),
      ...told('Evict', eviction?.requestedAt),
    ];
  });
}

// Nodes of other pods that are out of their workloads.
function takenOut({ caches, reservations }: SpentSources, { spec }: DriftIncident): (string | undefined)[] {
  const podOf = ({ spec: { target } }: DriftIncident) => {
    const pod = caches.pods.get(target.namespace, target.name);
    return pod?.uid === target.uid ? pod : undefined;
  };
  const isReserved = ({ metadata }: DriftIncident) => reservations.holds(metadata.uid);
  return caches.incidents
    .byIndex('open', '')
    .filter((other) => other.spec.target.uid !== spec.target.uid)
    .filter((other) => isTakenOut({ podOf, isReserved }, other))
    .map((other) => other.spec.target.nodeName);
}

// Of an incident that was deleted nobody knows what became: its room comes back when a replacement would be there.
function lostOrphans(
  { caches, clock }: SpentSources,
  incident: DriftIncident,
  acts: readonly SpentAct[],
): (string | undefined)[] {
  const { readyWithin, quietFor } = responseOf(incident).settings.eviction.replacement;
  const since = clock.now() - recordedDuration(readyWithin) - recordedDuration(quietFor);
  return acts
    .filter(({ act, at }) => act === 'Orphan' && at > since)
    .filter((act) => incidentOf(caches, act) === undefined)
    .map(({ node }) => node);
}

function courseOf(caches: SpentSources['caches'], act: SpentAct): [string, Course][] | undefined {
  const incident = incidentOf(caches, act);
  if (!incident) return undefined;
  // Of what failed nothing is proven: it counts as long as a recovery may take.
  if (isFinal(incident)) return incident.status?.phase === 'Failed' ? undefined : [[act.incident, 'Over']];
  if (incident.status?.eviction?.requestedAt === undefined) return undefined;
  const reason = findCondition(incident.status.conditions, INCIDENT_CONDITIONS.Ready)?.reason ?? '';
  return [[act.incident, STUCK_REASONS.has(reason) ? 'Kept' : 'Leaving']];
}

function incidentOf({ incidents }: Pick<Caches, 'incidents'>, act: SpentAct): DriftIncident | undefined {
  return incidents.byIndex('pod', act.pod).find(({ metadata }) => metadata.uid === act.incident);
}

/**
 * What the breaker looks at: incidents in which something would be done, by when they were made, and acts whose incidents are
 * gone: to delete these makes nothing quiet.
 */
export function breakerView(sources: SpentSources, acts: readonly SpentAct[]): BreakerView {
  const { caches, clock, limits } = sources;
  const now = clock.now();
  const { windowMs, newPolicyMs, quietMs } = limits.breaker;
  const since = now - Math.max(windowMs, newPolicyMs, quietMs);
  const minutes: string[] = [];
  for (let at = since; at <= now + MINUTE_MS; at += MINUTE_MS)
    minutes.push(minuteOf(new Date(at).toISOString()));
  const incidents = minutes.flatMap((minute) => caches.incidents.byIndex('created', minute));
  const marks = [
    ...incidents.flatMap((incident) => markOf(caches, incident)),
    ...acts
      .filter((act) => incidentOf(caches, act) === undefined)
      .map(({ at, namespace, workload, pod }): Mark => ({ at, namespace, workload, pod, policies: [] })),
  ];
  return {
    now,
    marks: marks.filter(({ at }) => at > since),
    podsIn: (namespace) => caches.pods.byIndex('namespace', namespace).filter(isInPlace).length,
    limits: limits.breaker,
  };
}

/** Term of the index `created`: incidents are looked up by the minute in which they were made. */
export function minuteOf(time: string): string {
  return time.slice(0, 16);
}

function markOf(caches: SpentSources['caches'], incident: DriftIncident): Mark[] {
  const { spec, status, metadata } = incident;
  const asked = [
    ...spec.trigger.policies,
    ...Object.values(status?.reports ?? {}).flatMap(({ policies = [] }) => policies),
  ].filter(
    ({ mode, actions }) => mode === 'Enforce' && (actions.includes('Isolate') || endsInEviction(actions)),
  );
  if (asked.length === 0) return [];
  const { namespace, uid } = spec.target;
  return [
    {
      at: Date.parse(metadata.creationTimestamp),
      namespace,
      workload: workloadOf(incident),
      pod: uid,
      policies: asked.flatMap((one) => {
        const entry =
          one.kind === 'DriftPolicy'
            ? caches.policies.get(namespace, one.name)
            : caches.clusterPolicies.get(undefined, one.name);
        const is = entry?.policy.metadata;
        // Of a version that is not in force any more nothing is to be feared.
        if (is?.uid !== one.uid || is.generation !== one.generation) return [];
        const key = `${one.uid} ${one.generation}`;
        return [{ name: `${one.kind} ${one.name}`, key, changedAt: entry?.changedAt }];
      }),
    },
  ];
}

// What was taken out is replaced, and would be counted twice.
function isInPlace(pod: PodFacts): boolean {
  if (pod.phase === 'Succeeded' || pod.phase === 'Failed') return false;
  return !isQuarantined(pod) || Object.keys(foreignLabels(pod.labels)).length > 0;
}
