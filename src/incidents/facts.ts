// Gathers what is true now for one incident: a few live reads, the rest from the caches.
import { FINALIZER, SWITCH_CONFIGMAP, SYSTEM_NAMESPACE } from '../api/names.ts';
import { passesFirewall } from '../api/firewall.ts';
import type { Contribution, DriftIncident } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import { podFacts } from '../api/pod.ts';
import type { AnyPolicy } from '../api/policy.ts';
import type { Equivalent } from '../decide/approved-images.ts';
import { badReplacement } from '../decide/bad-replacement.ts';
import { mayBeCut } from '../decide/cut.ts';
import { responseOf } from '../decide/merge.ts';
import type { Facts, NodeState } from '../decide/decision.ts';
import { mayEvictOnExpiry } from '../decide/expiry.ts';
import { quarantinedByUs } from '../decide/marks.ts';
import { countOthers, type Counted, type Neighbours } from '../decide/others.ts';
import { PAUSE_SWITCH, pausedBy } from '../decide/pause.ts';
import { recurrenceNeed } from '../decide/spending.ts';
import { compilePolicy } from '../decide/policies.ts';
import { endsInEviction } from '../decide/restart.ts';
import type { Exemption } from '../decide/protect.ts';
import { standingOf, type Standing } from '../decide/standing.ts';
import { isOverdue } from '../decide/terminating.ts';
import { topWorkload } from '../decide/top-workload.ts';
import type { Clock } from '../kube/clock.ts';
import { orAbsent } from '../kube/absent.ts';
import type { KubeClient } from '../kube/client.ts';
import { CLUSTER_DRIFT_POLICIES, CONFIG_MAPS, DRIFT_POLICIES, NAMESPACES, PODS } from '../kube/resources.ts';
import { availabilityOf, readAround, type Around, type Before } from './availability.ts';
import type { ApprovedLists } from './approved-lists.ts';
import type { Caches } from './caches.ts';
import { nodeStateOf } from './node-state.ts';
import { readRecovery, type Recovery } from './read-recovery.ts';
import { protectionFacts, readExemptions } from './protection.ts';
import { replacementFacts } from './replacement.ts';
import type { Reservations } from './reservations.ts';
import type { Spending } from './spend.ts';
import type { Snapshots } from './snapshots.ts';

const MAX_BYSTANDERS = 32;

/** What was read live: the pod whole (evidence and patches need it), and the switches. */
export interface Live extends Recovery {
  pod: KubeObject | undefined;
  namespaceTerminating: boolean;
  paused: string | undefined;
  /** What the policies that asked for a destructive act still want; undefined if none did. */
  standing: Standing | undefined;
  /** What the node says of itself; only of a pod that should be gone. */
  node?: NodeState | undefined;
  /** Exceptions to the protection of the namespace; undefined: it has none, or is not protected. */
  exemptions?: readonly Exemption[] | undefined;
  /** What the namespace holds its pods to; absent: no decision needs it now. */
  around?: (Around & { before: Before }) | undefined;
}

/** Where facts come from. */
export interface FactSources {
  client: KubeClient;
  clock: Clock;
  caches: Caches;
  reservations: Reservations;
  snapshots: Snapshots;
  protectedNamespaces: ReadonlySet<string>;
  /** Absent: nothing is limited, as in tests of other things. */
  spending?: Spending;
  /** Absent: only equal digests are the same image. */
  equivalent?: Equivalent;
  /** What policies approve with their ConfigMaps; absent: what they name themselves. */
  approvedLists?: Pick<ApprovedLists, 'of' | 'refresh'>;
}

/** Reads what must not be stale. @throws KubeError when the API server does not answer. */
export async function readLive(sources: FactSources, incident: DriftIncident): Promise<Live> {
  const { client } = sources;
  const { namespace, name, uid } = incident.spec.target;
  const deleted = incident.metadata.deletionTimestamp !== undefined;
  const expires = mayEvictOnExpiry(incident);
  const evicting = responseOf(incident).contributions.filter(
    ({ actions }) => endsInEviction(actions) || (expires && actions.includes('Isolate')),
  );
  const [pod, space, paused, standing, around, exemptions] = await Promise.all([
    readPod(sources, { namespace, name, uid }),
    deleted ? orAbsent(client.get<KubeObject>(NAMESPACES, { name: namespace })) : undefined,
    deleted || evicting.length > 0 ? readPaused(client) : undefined,
    evicting.length > 0 ? readStanding(sources, incident, evicting) : undefined,
    readBefore(sources, incident),
    readExemptions(sources, namespace),
    mayTakeAway(incident) ? sources.spending?.ready() : undefined,
  ]);
  const isGone = pod.pod === undefined;
  return {
    ...pod,
    ...(isGone && (await readRecovery(sources, incident))),
    namespaceTerminating: deleted && (space === undefined || space.metadata.deletionTimestamp !== undefined),
    paused,
    standing,
    around,
    exemptions,
  };
}

// The watch may not have told yet that the pod is gone, and have shown that its containers ended.
function lastSeenOf(
  { pods, podEnds }: Pick<Caches, 'pods' | 'podEnds'>,
  { namespace, name, uid }: DriftIncident['spec']['target'],
): Facts['lastSeen'] {
  const known = podEnds?.of(uid);
  const pod = pods.get(namespace, name);
  const isOver = pod?.uid === uid && pod.going?.containersEnded === true;
  return known ?? (isOver ? 'Ended' : undefined);
}

// A response that only labels or captures spends nothing.
function mayTakeAway(incident: DriftIncident): boolean {
  const { contributions } = responseOf(incident);
  const takes = contributions.some(({ actions }) => actions.includes('Isolate') || endsInEviction(actions));
  return takes || incident.metadata.deletionTimestamp !== undefined;
}

// The node is asked only about a pod that should be gone: what it says is told to people, and decides nothing more.
async function readPod(
  { client, clock }: FactSources,
  { uid, ...at }: { namespace: string; name: string; uid: string },
): Promise<Pick<Live, 'pod' | 'node'>> {
  const pod = await orAbsent(client.get<KubeObject>(PODS, at));
  if (pod?.metadata.uid !== uid) return { pod: undefined };
  const { nodeName, ...facts } = podFacts(pod);
  if (nodeName === undefined || !isOverdue(facts, clock.now())) return { pod };
  return { pod, node: await nodeStateOf(client, nodeName) };
}

/** The facts for {@link plan}. Reads no more than memory, so that nothing happens between looking and deciding. */
export function factsOf(sources: FactSources, incident: DriftIncident, live: Live): Facts {
  const pod = live.pod && podFacts(live.pod);
  const counted = countOthers(neighboursOf(sources, incident));
  return {
    now: sources.clock.now(),
    pod,
    namespaceTerminating: live.namespaceTerminating,
    ...(pod ? protectionFacts(sources, incident, pod, live.exemptions) : { protection: undefined }),
    paused: live.paused,
    node: live.node,
    lastSeen: pod ? undefined : lastSeenOf(sources.caches, incident.spec.target),
    standing: new Map([...cachedStanding(sources.caches, incident), ...(live.standing ?? [])]),
    snapshotBegun: sources.snapshots.get(incident.metadata.uid) !== undefined,
    workload: counted.workload,
    namespace: counted.namespace,
    ...availabilityFacts(sources, incident, live, counted),
    bystanders: pod && !quarantinedByUs(incident, pod) ? youngSiblings(sources, incident) : [],
    ...(pod ? { replacement: undefined } : replacementFacts(sources, incident, live.fresh)),
    ...(live.needless && { needless: live.needless }),
    ...(pod && spendingFacts(sources, incident)),
    ...firewallFacts(incident, live),
  };
}

async function readBefore(sources: FactSources, incident: DriftIncident): Promise<Live['around']> {
  const { absent, out } = countOthers(neighboursOf(sources, incident));
  const around = await readAround(sources.client, incident);
  return around && { ...around, before: { absent, out } };
}

function availabilityFacts(
  { caches }: FactSources,
  { spec: { target } }: DriftIncident,
  { pod, around }: Live,
  counted: Counted,
): Pick<Facts, 'availability'> {
  if (!pod || !around) return {};
  const one = { facts: podFacts(pod), object: pod, labels: target.labels };
  const pods = () => caches.pods.byIndex('namespace', target.namespace);
  return { availability: availabilityOf(around, one, counted, { pods, before: around.before }) };
}

function spendingFacts(sources: FactSources, incident: DriftIncident): Pick<Facts, 'needs' | 'spent'> {
  const { spending, clock } = sources;
  const spent = spending?.spentFor(incident);
  const again = spent && recurrenceNeed(incident, spent, clock.now());
  const { needs = [] } = needsOf(sources, incident);
  const all = [...needs, ...(again ? [again] : [])];
  return { ...(all.length > 0 && { needs: all }), ...(spent && { spent }) };
}

// What became of the workload's last eviction.
function needsOf({ caches, clock }: FactSources, incident: DriftIncident): Pick<Facts, 'needs'> {
  const { target } = incident.spec;
  if (target.workload === undefined) return {};
  const others = caches.incidents.byIndex('topWorkload', topWorkload(target).key);
  const need = badReplacement(incident, others, clock.now());
  return need ? { needs: [need] } : {};
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

function neighboursOf({ caches, reservations }: FactSources, incident: DriftIncident): Neighbours {
  const { target } = incident.spec;
  return {
    target,
    incidents: caches.incidents.byIndex('namespace', target.namespace),
    podsOf: (key) => caches.pods.byIndex('topWorkload', key),
    podOf: ({ spec: { target: other } }) => {
      const pod = caches.pods.get(other.namespace, other.name);
      return pod?.uid === other.uid ? pod : undefined;
    },
    isReserved: ({ metadata }) => reservations.holds(metadata.uid),
    isEvicting: ({ metadata }) => reservations.evicts(metadata.uid),
  };
}

// Creation times are whole seconds, so age alone does not tell these from a replacement.
function youngSiblings({ caches }: FactSources, { spec, metadata }: DriftIncident): string[] {
  const { workload, uid } = spec.target;
  if (workload === undefined) return [];
  return caches.pods
    .byIndex('topWorkload', topWorkload(spec.target).key)
    .filter((pod) => pod.uid !== uid && pod.createdAt >= metadata.creationTimestamp)
    .map((pod) => pod.uid)
    .slice(0, MAX_BYSTANDERS);
}
