// Which changes in the cluster can matter to an incident or a policy.
import { isDeepStrictEqual } from 'node:util';
import { isFinal, type DriftIncident } from '../api/incident.ts';
import type { PodFacts } from '../api/pod.ts';
import type { AnyPolicy } from '../api/policy.ts';
import type { KeyedQueue } from '../controller/queue.ts';
import { stepOf } from '../decide/marks.ts';
import { responseOf } from '../decide/merge.ts';
import { topWorkload, type Owned } from '../decide/top-workload.ts';
import type { Caches, PolicyEntry } from '../incidents/caches.ts';
import { hasFinalizer } from '../incidents/facts.ts';
import type { ReconcileContext } from '../incidents/reconcile.ts';
import { cacheKey } from '../kube/cache.ts';

/** How long namespaces may go on changing before they are prepared together, in milliseconds. */
const SETTLE_MS = 5_000;

/**
 * What is there, and each change that can matter to an incident or policy, puts its key into the queue.
 * @returns ends it.
 */
export function onIncidentAndPolicyChanges(
  { caches, ...held }: Held & { caches: Caches },
  { incidents, policies }: Queues,
): () => void {
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
    caches.incidents.subscribe(({ type, value, previous }) => {
      // What it took out counts no more; and a new one may be about a pod that another one takes for its replacement.
      if (type === 'delete' || !previous || (isFinal(value) && !isFinal(previous)))
        for (const incident of waitingSiblings(caches.incidents, value.spec.target)) add(incident);
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

/** The queues of a responder. */
export interface Queues {
  incidents: KeyedQueue;
  policies: KeyedQueue;
}

type Held = Pick<ReconcileContext, 'reservations' | 'snapshots'>;

function waitsForIsolation(incident: DriftIncident): boolean {
  const { contributions } = responseOf(incident);
  const asked = contributions.some(({ mode, actions }) => mode === 'Enforce' && actions.includes('Isolate'));
  return asked && stepOf(incident, 'Isolate') === undefined;
}

/** The incidents of the pod itself, the one that made it, and of its siblings those that wait for a Ready copy. */
function concernedBy({ incidents }: Caches, pod: PodFacts): DriftIncident[] {
  return [
    ...incidents.byIndex('pod', pod.uid),
    ...incidents.byIndex('madeAnew', pod.uid),
    ...waitingSiblings(incidents, pod),
  ];
}

function waitingSiblings(incidents: Caches['incidents'], of: Owned): DriftIncident[] {
  return incidents.byIndex('topWorkload', topWorkload(of).key).filter(waitsForCopy);
}

function waitsForCopy({ status }: DriftIncident): boolean {
  return (
    status?.phase === 'Verifying' ||
    status?.phase === 'AwaitingApproval' ||
    status?.conditions?.some(({ reason }) => reason === 'ApprovalExpired' || reason === 'MaxUnavailable') ===
      true
  );
}

function keyOf({ metadata }: DriftIncident | AnyPolicy): string {
  return cacheKey(metadata.namespace, metadata.name);
}

/** Puts an incident into the queue. */
export function addIncidentOf(queue: Pick<KeyedQueue, 'add'>): (incident: DriftIncident) => void {
  return (incident) => queue.add(keyOf(incident));
}
