// What a receiver and a responder keep of the cluster, as projections with the indexes that they look up.
import { isFinal, type DriftIncident } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import { namespaceFacts, type NamespaceFacts } from '../api/namespace.ts';
import { controllerOf, isQuarantined, podFacts, type PodFacts } from '../api/pod.ts';
import type { AnyPolicy, PolicyKind } from '../api/policy.ts';
import { compilePolicy, type Compilation } from '../decide/policies.ts';
import { topWorkload } from '../decide/top-workload.ts';
import { ResourceCache } from '../kube/cache.ts';
import type { Clock, Random } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import {
  CLUSTER_DRIFT_POLICIES,
  DRIFT_INCIDENTS,
  DRIFT_POLICIES,
  NAMESPACES,
  PODS,
  type Resource,
} from '../kube/resources.ts';
import type { Logger } from '../observe/log.ts';
import { faultOf } from './fault.ts';
import { PodEnds } from './pod-ends.ts';
import { Rulebooks } from './rulebooks.ts';
import { minuteOf } from './spent.ts';

/** A policy and what became of it. */
export interface PolicyEntry {
  kind: PolicyKind;
  policy: AnyPolicy;
  compilation: Compilation;
  /** When this version of it was written, in milliseconds since the epoch; undefined: nobody knows. */
  changedAt?: number | undefined;
}

/** The caches; both roles share one set when they run in one process. */
export interface Caches {
  pods: ResourceCache<PodFacts>;
  policies: ResourceCache<PolicyEntry>;
  clusterPolicies: ResourceCache<PolicyEntry>;
  namespaces: ResourceCache<NamespaceFacts>;
  /** Made from the three before. */
  rulebooks: Rulebooks;
  incidents: ResourceCache<DriftIncident>;
  /** How the pods of incidents ended; absent where nothing is watched. */
  podEnds?: Pick<PodEnds, 'of'>;
}

/** What the caches are made of. */
export interface CacheOptions {
  client: KubeClient;
  clock: Clock;
  random: Random;
  log: Logger;
  /** Absent: all namespaces. */
  namespaces?: readonly string[];
}

// A container ID is told with 12 or more digits; candidates are found by the first 12 and compared whole afterwards.
const ID_PREFIX = 12;

/** Key of the `containerId` index for an ID with or without the runtime's scheme. */
export function containerKey(id: string): string {
  return id.slice(id.lastIndexOf('/') + 1).slice(0, ID_PREFIX);
}

/** Makes the caches; nothing is read before `run`. */
export function createCaches(options: CacheOptions): Caches {
  const make = <P>(
    resource: Resource,
    rest: Pick<ConstructorParameters<typeof ResourceCache<P>>[0], 'project' | 'indexes'>,
  ) => new ResourceCache<P>({ ...options, resource, ...rest });
  // Of the cluster there is one set, whichever namespaces are watched.
  const makeClusterWide = <P>(resource: Resource, project: (object: KubeObject) => P) =>
    new ResourceCache<P>({ ...options, namespaces: undefined, resource, project });
  const policies = make<PolicyEntry>(DRIFT_POLICIES, {
    project: policyEntry('DriftPolicy'),
    indexes: { namespace: ({ policy }) => [policy.metadata.namespace ?? ''] },
  });
  const clusterPolicies = makeClusterWide(CLUSTER_DRIFT_POLICIES, policyEntry('ClusterDriftPolicy'));
  const namespaces = makeClusterWide(NAMESPACES, namespaceFacts);
  return withEnds({
    policies,
    clusterPolicies,
    namespaces,
    rulebooks: new Rulebooks({ policies, clusterPolicies, namespaces }),
    pods: make<PodFacts>(PODS, {
      project: podFacts,
      indexes: {
        uid: (pod) => [pod.uid],
        containerId: (pod) =>
          pod.containers.flatMap((c) =>
            [c.containerID, c.previousContainerID].filter((id) => id !== undefined).map(containerKey),
          ),
        controller: (pod) => [controllerOf(pod)?.uid ?? ''],
        namespace: (pod) => [pod.namespace],
        topWorkload: (pod) => (controllerOf(pod) ? [topWorkload(pod).key] : []),
        quarantined: (pod) => (isQuarantined(pod) ? [pod.namespace] : []),
      },
    }),
    incidents: make<DriftIncident>(DRIFT_INCIDENTS, {
      project: (object) => obeyed(withoutManagedFields(object) as DriftIncident),
      indexes: {
        pod: (incident) => [incident.spec.target.uid],
        madeAnew: ({ status }) => [status?.restart?.pod?.uid ?? ''],
        detection: ({ spec, status }) => [
          spec.trigger.detection.id,
          ...Object.values(status?.reports ?? {}).flatMap(({ detections }) => detections.map(({ id }) => id)),
        ],
        namespace: (incident) => [incident.spec.target.namespace],
        open: (incident) => (isFinal(incident) ? [] : ['']),
        created: ({ metadata }) => [minuteOf(metadata.creationTimestamp)],
        workload: (incident) => [incident.spec.target.workload?.uid ?? ''],
        topWorkload: ({ spec }) => (spec.target.workload ? [topWorkload(spec.target).key] : []),
      },
    }),
  });
}

// Before anyone else hears of it: who is told that a pod is gone asks how it ended.
function withEnds(caches: Omit<Caches, 'podEnds'>): Caches {
  const podEnds = new PodEnds((uid) => caches.incidents.byIndex('pod', uid).length > 0);
  caches.pods.subscribe(podEnds.note);
  return { ...caches, podEnds };
}

/** The caches that are read from the API server. */
export function sourcesOf(
  caches: Caches,
): readonly Pick<ResourceCache<unknown>, 'run' | 'refresh' | 'synced' | 'isSynced'>[] {
  return [caches.pods, caches.policies, caches.clusterPolicies, caches.namespaces, caches.incidents];
}

function policyEntry(kind: PolicyKind): (object: KubeObject) => PolicyEntry {
  return (object) => {
    const policy = withoutManagedFields(object) as AnyPolicy;
    return { kind, policy, compilation: compilePolicy(policy, kind), changedAt: changedAt(object) };
  };
}

// The API server notes when a writer last changed what it set. A status is no part of the version.
function changedAt({ metadata }: KubeObject): number | undefined {
  const { managedFields, generation, creationTimestamp } = metadata as KubeObject['metadata'] & {
    managedFields?: { time?: string; subresource?: string }[];
  };
  const times = (managedFields ?? []).flatMap(({ time, subresource }) =>
    time === undefined || (subresource ?? '') !== '' ? [] : [Date.parse(time)],
  );
  if (times.length > 0) return Math.max(...times);
  return generation === 1 ? Date.parse(creationTimestamp) : undefined;
}

// The cache passes over what cannot be projected, and logs why: so nothing counts it, and nothing works on it.
function obeyed(incident: DriftIncident): DriftIncident {
  const fault = faultOf(incident);
  if (fault !== undefined) throw new Error(`the incident is left alone: ${fault}`);
  return incident;
}

function withoutManagedFields<T extends { metadata: object }>(object: T): T {
  return { ...object, metadata: { ...object.metadata, managedFields: undefined } };
}
