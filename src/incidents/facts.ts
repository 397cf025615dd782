// Gathers what is true now for one incident: a few live reads, the rest from the caches.
import { FINALIZER, SWITCH_CONFIGMAP, SYSTEM_NAMESPACE } from '../api/names.ts';
import { passesFirewall } from '../api/firewall.ts';
import { isFinal, type Contribution, type DriftIncident } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import { isQuarantined, podFacts, type PodFacts } from '../api/pod.ts';
import type { AnyPolicy } from '../api/policy.ts';
import { proveImages } from '../decide/images.ts';
import { mayBeCut } from '../decide/cut.ts';
import { responseOf } from '../decide/merge.ts';
import type { Facts } from '../decide/decision.ts';
import { mayEvictOnExpiry } from '../decide/expiry.ts';
import { quarantinedByUs, stepOf } from '../decide/marks.ts';
import { countOthers } from '../decide/others.ts';
import { PAUSE_SWITCH, pausedBy } from '../decide/pause.ts';
import { compilePolicy } from '../decide/policies.ts';
import { protectionOf } from '../decide/protect.ts';
import { standingOf, type Standing } from '../decide/standing.ts';
import type { Clock } from '../kube/clock.ts';
import { orAbsent } from '../kube/absent.ts';
import type { KubeClient } from '../kube/client.ts';
import { CLUSTER_DRIFT_POLICIES, CONFIG_MAPS, DRIFT_POLICIES, NAMESPACES, PODS } from '../kube/resources.ts';
import type { Caches } from './caches.ts';
import type { Reservations } from './reservations.ts';
import type { Snapshots } from './snapshots.ts';

const MAX_BYSTANDERS = 32;

/** What was read live: the pod whole (evidence and patches need it), and the switches. */
export interface Live {
  pod: KubeObject | undefined;
  namespaceTerminating: boolean;
  paused: string | undefined;
  /** What the policies that asked for a destructive act still want; undefined if none did. */
  standing: Standing | undefined;
}

/** Where facts come from. */
export interface FactSources {
  client: KubeClient;
  clock: Clock;
  caches: Caches;
  reservations: Reservations;
  snapshots: Snapshots;
  protectedNamespaces: ReadonlySet<string>;
}

/** Reads what must not be stale. @throws KubeError when the API server does not answer. */
export async function readLive(sources: FactSources, incident: DriftIncident): Promise<Live> {
  const { client } = sources;
  const { namespace, name, uid } = incident.spec.target;
  const deleted = incident.metadata.deletionTimestamp !== undefined;
  const expires = mayEvictOnExpiry(incident);
  const evicting = responseOf(incident).contributions.filter(
    ({ actions }) => actions.includes('Evict') || (expires && actions.includes('Isolate')),
  );
  const [pod, space, paused, standing] = await Promise.all([
    orAbsent(client.get<KubeObject>(PODS, { namespace, name })),
    deleted ? orAbsent(client.get<KubeObject>(NAMESPACES, { name: namespace })) : undefined,
    deleted || evicting.length > 0 ? readPaused(client) : undefined,
    evicting.length > 0 ? readStanding(sources, incident, evicting) : undefined,
  ]);
  return {
    pod: pod?.metadata.uid === uid ? pod : undefined,
    namespaceTerminating: deleted && (space === undefined || space.metadata.deletionTimestamp !== undefined),
    paused,
    standing,
  };
}

/** The facts for {@link plan}. Reads no more than memory, so that nothing happens between looking and deciding. */
export function factsOf(sources: FactSources, incident: DriftIncident, live: Live): Facts {
  const pod = live.pod && podFacts(live.pod);
  return {
    now: sources.clock.now(),
    pod,
    namespaceTerminating: live.namespaceTerminating,
    protection: pod && protectionOf(pod, sources.protectedNamespaces)?.message,
    paused: live.paused,
    standing: new Map([...cachedStanding(sources.caches, incident), ...(live.standing ?? [])]),
    snapshotBegun: sources.snapshots.get(incident.metadata.uid) !== undefined,
    ...othersOf(sources, incident),
    bystanders: pod && !quarantinedByUs(incident, pod) ? youngSiblings(sources, incident) : [],
    replacement: pod ? undefined : findReplacement(sources, incident),
    ...firewallFacts(incident, live),
  };
}

// Of the pod as it is now: a container for debugging may have come after the firewall.
function firewallFacts(incident: DriftIncident, { pod }: Live): Pick<Facts, 'passesFirewall'> {
  const passes = pod && mayBeCut(incident) ? passesFirewall(pod) : undefined;
  return passes === undefined ? {} : { passesFirewall: passes };
}

/** Whether the incident still holds our finalizer. */
export function hasFinalizer(incident: DriftIncident): boolean {
  return incident.metadata.finalizers?.includes(FINALIZER) ?? false;
}

// Unreadable means paused: a switch that fails open is none.
async function readPaused(client: KubeClient): Promise<string | undefined> {
  try {
    const map = await orAbsent(
      client.get<KubeObject & { data?: Record<string, string> }>(CONFIG_MAPS, {
        namespace: SYSTEM_NAMESPACE,
        name: SWITCH_CONFIGMAP,
      }),
    );
    return pausedBy(map?.data);
  } catch (error) {
    return `paused, because ${PAUSE_SWITCH} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

// A policy that was turned to Audit must stop an eviction also while its watch lags: those that ask for it are read now.
async function readStanding(
  { client, caches }: FactSources,
  incident: DriftIncident,
  contributions: readonly Contribution[],
): Promise<Standing> {
  const { namespace } = incident.spec.target;
  const rulebook = caches.rulebooks.of(namespace);
  const named = new Map(contributions.map((one) => [`${one.kind} ${one.name}`, one]));
  const found = await Promise.all(
    [...named.values()].map(async ({ kind, name }) => {
      const policy = await orAbsent(
        kind === 'DriftPolicy'
          ? client.get<AnyPolicy>(DRIFT_POLICIES, { namespace, name })
          : client.get<AnyPolicy>(CLUSTER_DRIFT_POLICIES, { name }),
      );
      const compilation = policy && compilePolicy(policy, kind);
      return compilation?.accepted ? [compilation.policy] : [];
    }),
  );
  // What is granted, and the labels of the namespace, are not its own: there the caches have the say.
  const inForce = new Map(
    found
      .flat()
      .filter((policy) => rulebook.permits(policy))
      .map((policy) => [policy.uid, policy]),
  );
  return standingOf(incident, contributions, { inForce });
}

/** What the policies still want, by what the watches told of them. */
export function cachedStanding({ rulebooks }: Pick<Caches, 'rulebooks'>, incident: DriftIncident): Standing {
  const rulebook = rulebooks.of(incident.spec.target.namespace);
  return standingOf(incident, responseOf(incident).contributions, rulebook);
}

function othersOf(
  { caches, reservations }: FactSources,
  incident: DriftIncident,
): ReturnType<typeof countOthers> {
  const { target } = incident.spec;
  const workload = target.workload?.uid;
  return countOthers({
    uid: target.uid,
    workload,
    incidents: caches.incidents.byIndex('namespace', target.namespace),
    siblings: workload === undefined ? [] : caches.pods.byIndex('controller', workload),
    podOf: ({ spec: { target: other } }) => {
      const pod = caches.pods.get(other.namespace, other.name);
      return pod?.uid === other.uid ? pod : undefined;
    },
    isReserved: ({ metadata }) => reservations.holds(metadata.uid),
  });
}

// Creation times are whole seconds, so age alone does not tell these from a replacement.
function youngSiblings({ caches }: FactSources, { spec, metadata }: DriftIncident): string[] {
  const { workload, uid } = spec.target;
  if (workload === undefined) return [];
  return caches.pods
    .byIndex('controller', workload.uid)
    .filter((pod) => pod.uid !== uid && pod.createdAt >= metadata.creationTimestamp)
    .map((pod) => pod.uid)
    .slice(0, MAX_BYSTANDERS);
}

// A pod of the same controller that came after the incident (both times are the API server's) and that no other
// incident counts as its own.
function findReplacement(sources: FactSources, incident: DriftIncident): Facts['replacement'] {
  const { caches, reservations } = sources;
  const { target } = incident.spec;
  if (target.workload === undefined || stepOf(incident, 'Evict') === undefined) return undefined;
  const siblings = caches.pods
    .byIndex('controller', target.workload.uid)
    .filter((pod) => pod.uid !== target.uid);
  const claimed = new Set(
    caches.incidents
      .byIndex('workload', target.workload.uid)
      .filter((other) => other.metadata.uid !== incident.metadata.uid)
      .flatMap((other) => other.status?.replacement?.uid ?? []),
  );
  const free = siblings.filter(
    (pod) =>
      mayTake(incident, pod) &&
      pod.deletionTimestamp === undefined &&
      !isQuarantined(pod) &&
      !claimed.has(pod.uid) &&
      reservations.mayClaim(pod.uid, incident.metadata.uid),
  );
  // Of several each incident takes what is of the least use to the others, so that none is left without: two that are as
  // old as each other may be free to one and not to another.
  const rivals = rivalsOf(sources, incident);
  const wanted = new Map(free.map((pod) => [pod, rivals.filter((rival) => mayTake(rival, pod)).length]));
  const [pod] = free.toSorted(
    (a, b) =>
      (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0) ||
      Number(b.ready) - Number(a.ready) ||
      a.createdAt.localeCompare(b.createdAt) ||
      a.name.localeCompare(b.name),
  );
  if (!pod) return undefined;
  const baseline = siblings.filter((other) => other.createdAt < incident.metadata.creationTimestamp);
  return { pod, proof: proveImages({ replacement: pod, target, siblings: baseline }) };
}

/** Other incidents of the workload that will look for a replacement, or do already. */
function rivalsOf({ caches }: FactSources, { metadata, spec }: DriftIncident): DriftIncident[] {
  return caches.incidents
    .byIndex('workload', spec.target.workload?.uid ?? '')
    .filter((other) => other.metadata.uid !== metadata.uid && !isFinal(other));
}

/** Whether the pod came after the incident was looked at first. */
function mayTake({ metadata, spec: { target }, status }: DriftIncident, pod: PodFacts): boolean {
  // The ordinals of a StatefulSet are no copies of each other.
  if (target.workload?.kind === 'StatefulSet' && pod.name !== target.name) return false;
  // Nor are the pods of a DaemonSet on other nodes.
  if (target.workload?.kind === 'DaemonSet' && pod.nodeName !== (target.nodeName ?? pod.nodeName))
    return false;
  return pod.createdAt >= metadata.creationTimestamp && !status?.plan?.bystanders?.includes(pod.uid);
}
