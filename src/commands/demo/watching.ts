// Keeps what the demo shows up to date, by the watches that the operator itself uses.
import type { DriftIncident } from '../../api/incident.ts';
import type { KubeObject } from '../../api/meta.ts';
import { podFacts } from '../../api/pod.ts';
import { ResourceCache } from '../../kube/cache.ts';
import type { Clock, Random } from '../../kube/clock.ts';
import type { KubeClient } from '../../kube/client.ts';
import {
  DRIFT_INCIDENTS,
  ENDPOINT_SLICES,
  NETWORK_POLICIES,
  PODS,
  type Resource,
} from '../../kube/resources.ts';
import { silentLogger } from '../../observe/log.ts';
import { NAMESPACE, type Seen } from './scene.ts';

interface Watching {
  client: KubeClient;
  clock: Clock;
  random: Random;
  signal: AbortSignal;
}

/** Starts to watch; ends with the signal. */
export function startWatching({ client, clock, random, signal }: Watching): Seen {
  const watch = <P>(resource: Resource, project: (object: KubeObject) => P) => {
    const namespaces = [NAMESPACE];
    const cache = new ResourceCache<P>({
      client,
      clock,
      random,
      log: silentLogger,
      resource,
      project,
      namespaces,
    });
    void cache.run(signal);
    return cache;
  };
  return {
    pods: watch(PODS, podFacts),
    incidents: watch(DRIFT_INCIDENTS, (object) => object as DriftIncident),
    policies: watch(NETWORK_POLICIES, (object) => object),
    slices: watch(ENDPOINT_SLICES, (object) => object),
  };
}
