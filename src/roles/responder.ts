// The responder: judges policies and carries incidents to their end. Of several one leads at a time.
import { isDeepStrictEqual } from 'node:util';
import { isFinal, type DriftIncident } from '../api/incident.ts';
import type { AnyPolicy } from '../api/policy.ts';
import { controllerOf, type PodFacts } from '../api/pod.ts';
import { classify } from '../controller/errors.ts';
import type { Outcome } from '../controller/outcome.ts';
import { LeaderElector } from '../controller/leader.ts';
import { KeyedQueue } from '../controller/queue.ts';
import { stepOf } from '../decide/marks.ts';
import { responseOf } from '../decide/merge.ts';
import type { EvidenceStore } from '../evidence/store.ts';
import { sourcesOf, type Caches, type PolicyEntry } from '../incidents/caches.ts';
import { hasFinalizer } from '../incidents/facts.ts';
import { reconcilePolicy } from '../incidents/policies.ts';
import { reconcile, type ReconcileContext } from '../incidents/reconcile.ts';
import { Reservations } from '../incidents/reservations.ts';
import { Snapshots } from '../incidents/snapshots.ts';
import { AccessReviews } from '../kube/access-reviews.ts';
import { cacheKey } from '../kube/cache.ts';
import { sleep } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import { EventRecorder } from '../kube/events.ts';
import type { Leadership } from '../kube/fence.ts';
import type { ReadinessCheck } from '../observe/health.ts';
import type { Logger } from '../observe/log.ts';
import { aborted, type SharedParts } from './parts.ts';

/** How long a stop waits for Events to be sent, in milliseconds. */
const EVENTS_GRACE_MS = 5_000;

/** How long namespaces may go on changing before they are prepared together, in milliseconds. */
const SETTLE_MS = 5_000;

/** What a responder is built from. */
export interface ResponderParts extends SharedParts {
  evidence: EvidenceStore;
  /** Absent: there is no other responder, which nobody checks. */
  election?: Election;
}

/** How one of several responders is found to act. */
export interface Election {
  lease: { namespace: string; name: string };
  /** A client that sends nothing once that leadership is over (see `fencedClient`). */
  fencedClient: (term: Leadership) => KubeClient;
}

/** A responder that is built and not started. */
export interface Responder {
  /** Why it is not ready, e.g. that nobody is known to lead. */
  readonly checks: readonly ReadinessCheck[];
  /** Runs until the signal fires and what is in hand is done. */
  run(signal: AbortSignal): Promise<void>;
}

/** See the file's first line. */
export function createResponder(parts: ResponderParts): Responder {
  const { election, metrics, caches } = parts;
  const all = sourcesOf(caches);
  const synced = (signal: AbortSignal) =>
    Promise.race([aborted(signal), Promise.all(all.map((cache) => cache.synced))]);
  const events = new EventRecorder({ ...parts, reportingInstance: parts.instance });
  // Events are for people and not worth holding up a stop, nor the next leader.
  const flush = () => Promise.race([events.flush(), sleep(parts.clock, EVENTS_GRACE_MS)]);
  if (!election) {
    metrics.showLeading(() => true);
    return {
      checks: [],
      run: async (signal) => {
        await synced(signal);
        await respond(parts, events, signal);
        await flush();
      },
    };
  }
  const elector = new LeaderElector({ ...parts, lease: election.lease, identity: parts.instance });
  metrics.showLeading(() => elector.isLeader);
  return {
    checks: [leaderCheck(elector, election)],
    run: async (signal) => {
      await synced(signal);
      await elector.run(signal, async (stop, term) => {
        // Limits are computed from the caches, and what the leader before did last may not be in them yet.
        await Promise.race([aborted(stop), Promise.all(all.map((cache) => cache.refresh()))]);
        await respond({ ...parts, client: election.fencedClient(term) }, events, stop);
      });
      await flush();
    },
  };
}

function leaderCheck(elector: LeaderElector, { lease: { namespace, name } }: Election): ReadinessCheck {
  return {
    name: 'leader',
    reason: () =>
      elector.isLeader || elector.holder !== undefined
        ? undefined
        : `no responder leads: Lease ${namespace}/${name} could not be taken (yet)`,
  };
}

/** Responds from now until the signal fires. Nothing is remembered from before: all state is in the API server. */
async function respond(parts: ResponderParts, events: EventRecorder, signal: AbortSignal): Promise<void> {
  const { caches, clock, random, log, metrics } = parts;
  const context = {
    ...parts,
    events,
    reviews: new AccessReviews(parts),
    reservations: new Reservations(),
    snapshots: new Snapshots(),
  };
  const onOutcome = (key: string, outcome: Outcome) => logFailure(log, key, outcome);
  const incidents = new KeyedQueue({
    clock,
    random,
    onOutcome,
    worker: (key, stopping) => reconcile({ ...context, stopping }, key),
  });
  const policies = new KeyedQueue({
    clock,
    random,
    onOutcome,
    workers: 4,
    worker: (key) => reconcilePolicy(context, key),
  });
  metrics.showQueue('incidents', () => incidents.depth);
  metrics.showQueue('policies', () => policies.depth);
  const unsubscribe = wake(caches, context, incidents, policies);
  await Promise.all([incidents.run(signal), policies.run(signal)]);
  unsubscribe();
}

/** What is there, and each change that can matter to an incident or policy, puts its key into the queue. */
function wake(caches: Caches, held: Held, incidents: KeyedQueue, policies: KeyedQueue): () => void {
  const add = (incident: DriftIncident) => {
    if (isFinal(incident) && !hasFinalizer(incident)) return;
    incidents.add(keyOf(incident), 0, waitsForIsolation(incident) ? 'containment' : 'normal');
  };
  for (const incident of caches.incidents.values()) add(incident);
  const addOf = (namespace: string) => {
    for (const incident of caches.incidents.byIndex('namespace', namespace)) add(incident);
  };
  const addPolicies = (entries: readonly PolicyEntry[]) => {
    for (const { policy } of entries) policies.add(keyOf(policy));
  };
  addPolicies([...caches.policies.values(), ...caches.clusterPolicies.values()]);
  const cancels = [
    caches.incidents.subscribe(({ type, value }) => {
      if (type === 'set') return add(value);
      held.reservations.forget(value.metadata.uid);
      held.snapshots.forget(value.metadata.uid);
    }),
    caches.pods.subscribe(({ type, value: pod }) => {
      if (type === 'delete') held.reservations.podGone(pod.uid);
      for (const incident of concernedBy(caches, pod)) add(incident);
    }),
    caches.policies.subscribe(({ type, key, value: { policy }, previous }) => {
      policies.add(key);
      if (type === 'set' && isSameSpec(policy, previous)) return;
      addOf(policy.metadata.namespace ?? '');
    }),
    caches.clusterPolicies.subscribe(({ type, key, value: { policy }, previous }) => {
      // Also no status that another installation wrote, which may lack other rights: the two would go on for ever.
      if (type === 'set' && isSameSpec(policy, previous)) return;
      policies.add(key);
      // What it grants is part of the verdict on others.
      addPolicies(caches.policies.values());
      for (const incident of caches.incidents.values()) add(incident);
    }),
    caches.namespaces.subscribe(({ type, value: { name, labels }, previous }) => {
      if (type === 'delete' || isDeepStrictEqual(labels, previous?.labels)) return;
      addPolicies(caches.policies.byIndex('namespace', name));
      // They prepare all their namespaces: not once for each of many that are made together.
      for (const { policy } of caches.clusterPolicies.values()) policies.add(keyOf(policy), SETTLE_MS);
      addOf(name);
    }),
  ];
  return () => cancels.forEach((cancel) => cancel());
}

// The status is written by us, and changes nothing for an incident.
function isSameSpec(policy: AnyPolicy, previous: PolicyEntry | undefined): boolean {
  return previous?.policy.metadata.generation === policy.metadata.generation;
}

type Held = Pick<ReconcileContext, 'reservations' | 'snapshots'>;

function waitsForIsolation(incident: DriftIncident): boolean {
  const { contributions } = responseOf(incident);
  const asked = contributions.some(({ mode, actions }) => mode === 'Enforce' && actions.includes('Isolate'));
  return asked && stepOf(incident, 'Isolate') === undefined;
}

/** The incidents of the pod itself, and of its siblings those that wait for a Ready copy. */
function concernedBy({ incidents }: Caches, pod: PodFacts): DriftIncident[] {
  const controller = controllerOf(pod);
  const siblings = controller ? incidents.byIndex('workload', controller.uid).filter(waitsForCopy) : [];
  return [...incidents.byIndex('pod', pod.uid), ...siblings];
}

function waitsForCopy({ status }: DriftIncident): boolean {
  return (
    status?.phase === 'Verifying' ||
    status?.conditions?.some(({ reason }) => reason === 'LastReadyCopy') === true
  );
}

function keyOf({ metadata }: DriftIncident | AnyPolicy): string {
  return cacheKey(metadata.namespace, metadata.name);
}

function logFailure(log: Logger, key: string, outcome: Outcome): void {
  if (outcome.kind !== 'failed') return;
  const { reason, message } = classify(outcome.error);
  log.warn({ key, reason, err: outcome.error }, `${key} did not get further and is tried again: ${message}`);
}
