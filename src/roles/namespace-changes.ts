// Which changes in the cluster can matter to the deny policy of a namespace, and to its list of quarantined pods.
import { isDeepStrictEqual } from 'node:util';
import { isFinal, type DriftIncident } from '../api/incident.ts';
import { QUARANTINE_POLICY } from '../api/names.ts';
import { isQuarantined } from '../api/pod.ts';
import type { KeyedQueue } from '../controller/queue.ts';
import { stepOf } from '../decide/marks.ts';
import type { Caches, PolicyEntry } from '../incidents/caches.ts';
import type { Network } from '../incidents/network.ts';
import { cacheKey, type CacheChange } from '../kube/cache.ts';

/** How long policies and namespaces of the cluster may go on changing before all is looked at, in milliseconds. */
const SETTLE_MS = 5_000;

/** What is watched. */
export interface Watched {
  caches: Caches;
  network: Pick<Network, 'networkPolicies'>;
  /** Empty: all. */
  watchNamespaces: readonly string[];
}

/**
 * Puts a namespace into the queue at the start, and whenever something changed that these depend on.
 * @param policies the queue of policies: those of a namespace that wait for a foreign object to go.
 * @returns ends it.
 */
export function onNamespaceChanges(
  { caches, network, watchNamespaces }: Watched,
  queue: Pick<KeyedQueue, 'add'>,
  policies: Pick<KeyedQueue, 'add'>,
): () => void {
  const add = (namespace: string, afterMs = 0) => {
    if (watchNamespaces.length === 0 || watchNamespaces.includes(namespace)) queue.add(namespace, afterMs);
  };
  const addAll = (afterMs: number) => {
    for (const { name } of caches.namespaces.values()) add(name, afterMs);
  };
  addAll(0);
  const cancels = [
    caches.policies.subscribe((change) => {
      if (!isStatusOnly(change)) add(change.value.policy.metadata.namespace ?? '');
    }),
    caches.clusterPolicies.subscribe((change) => {
      if (!isStatusOnly(change)) addAll(SETTLE_MS);
    }),
    caches.namespaces.subscribe(({ value, previous }) => {
      if (!isDeepStrictEqual(value, previous)) add(value.name);
    }),
    network.networkPolicies.subscribe(({ type, value: { namespace, name, isOurs } }) => {
      if (name !== QUARANTINE_POLICY) return;
      add(namespace);
      // What was in the way of its policies is gone.
      if (type === 'delete' && !isOurs)
        for (const { policy } of caches.policies.byIndex('namespace', namespace))
          policies.add(cacheKey(namespace, policy.metadata.name));
    }),
    caches.incidents.subscribe(({ type, value, previous }) => {
      if (type === 'delete' || isFinal(value) || captured(value) !== captured(previous))
        add(value.spec.target.namespace);
    }),
    caches.pods.subscribe(({ type, value, previous }) => {
      const was = previous !== undefined && isQuarantined(previous);
      const is = type === 'set' && isQuarantined(value);
      if (was !== is || (type === 'delete' && isQuarantined(value))) add(value.namespace);
    }),
  ];
  return () => cancels.forEach((cancel) => cancel());
}

function captured(incident: DriftIncident | undefined): string | undefined {
  return incident && stepOf(incident, 'Capture')?.state;
}

function isStatusOnly({ type, value, previous }: CacheChange<PolicyEntry>): boolean {
  return type === 'set' && value.policy.metadata.generation === previous?.policy.metadata.generation;
}
