// Which changes of network policies can matter to the isolation of a pod.
import { isDeepStrictEqual } from 'node:util';
import { isFinal, type DriftIncident } from '../api/incident.ts';
import type { Caches } from '../incidents/caches.ts';
import type { Network } from '../incidents/network.ts';

/** What is watched. */
export interface WatchedNetwork {
  caches: Pick<Caches, 'incidents'>;
  network: Pick<Network, 'networkPolicies' | 'backends'>;
}

/**
 * Calls `wake` for each incident whose pod is in quarantine, whenever a policy that can concern it changed.
 * @returns ends it.
 */
export function onNetworkChanges(
  { caches: { incidents }, network }: WatchedNetwork,
  wake: (incident: DriftIncident) => void,
): () => void {
  const wakeAll = (some: readonly DriftIncident[]) => some.filter(isQuarantine).forEach(wake);
  const cancels = [
    network.networkPolicies.subscribe(({ type, value, previous }) => {
      if (type === 'set' && isDeepStrictEqual(value.spec, previous?.spec)) return;
      wakeAll(incidents.byIndex('namespace', value.namespace));
    }),
    network.backends.subscribe((concerned) =>
      wakeAll(concerned === 'All' ? incidents.values() : incidents.byIndex('namespace', concerned.namespace)),
    ),
  ];
  return () => cancels.forEach((cancel) => cancel());
}

function isQuarantine(incident: DriftIncident): boolean {
  const { isolation } = incident.status ?? {};
  return !isFinal(incident) && isolation !== undefined && isolation.form !== 'LabelOnly';
}
