// What the lists of quarantined pods should say. Admission policies (config/components/quarantine-protection) look pods up
// in them, so that the wording of an entry and the policies' expressions change together.
import { isFinal, type DriftIncident } from '../api/incident.ts';
import { QUARANTINE_LABEL } from '../api/names.ts';
import type { PodFacts } from '../api/pod.ts';
import { evidenceOwed, wantsCapture } from './evidence.ts';
import { actionsOf, responseOf } from './merge.ts';
import type { Standing } from './standing.ts';

/** Whether others may evict or delete the pod: not, or as a drain of its node does. */
export type Hold = 'Held' | 'Drainable';

/** A list as its ConfigMap holds it: of a namespace by the name of a pod, of the cluster by its UID. */
export type QuarantineList = Readonly<Record<string, string>>;

/** A pod by name and UID. */
export interface ListedPod {
  namespace: string;
  name: string;
  uid: string;
}

/** What makes the list of a namespace right. */
export interface ListChanges {
  list: (ListedPod & { hold: Hold })[];
  unlist: ListedPod[];
}

/** What is known of a namespace. */
export interface Quarantine {
  namespace: string;
  list: QuarantineList;
  /** Pods of the namespace. */
  pods: readonly PodFacts[];
  /** Incidents of the namespace. */
  incidents: readonly DriftIncident[];
  /** What the policies that asked for the response of an incident still want. */
  standingOf: (incident: DriftIncident) => Standing;
}

/** `Held <uid>` or `Drainable <uid>`: the UID tells an entry from that of a later pod of the name. */
export function listEntry(hold: Hold, uid: string): string {
  return `${hold} ${uid}`;
}

/** UID of the pod that an entry is about; empty in one that somebody wrote by hand and without. */
export function uidOfEntry(entry: string): string {
  return entry.split(' ')[1] ?? '';
}

/**
 * Whether a drain may take the pod: once its evidence is kept, was given up or is not asked for, and none is owed, unless a policy says
 * Deny. Those are the cases in which die-operator would evict it itself.
 */
export function holdOf(incident: DriftIncident, standing: Standing): Hold {
  const { settings } = responseOf(incident);
  if (settings.isolation.onDrain === 'Deny') return 'Held';
  const actions = actionsOf(incident, standing);
  return wantsCapture(incident, actions) || evidenceOwed(incident, actions) !== undefined
    ? 'Held'
    : 'Drainable';
}

/**
 * What a sweep has to change. Every pod with the label is listed, also one that no open incident speaks for, which is
 * held. An entry goes when its pod is gone or has no label and no open incident, which may be about to set the label.
 */
export function listChanges({ namespace, list, pods, incidents, standingOf }: Quarantine): ListChanges {
  const open = openByPod(incidents);
  const wanted = pods.filter(isLabelled).map(({ name, uid }) => {
    const incident = open.get(uid);
    return {
      namespace,
      name,
      uid,
      hold: incident ? holdOf(incident, standingOf(incident)) : 'Held',
    } as const;
  });
  const entries = new Map(Object.entries(list));
  const kept = new Map(keptPods(pods, open).map(({ name, uid }) => [name, uid]));
  const listed = [...entries].map(([name, entry]) => ({ namespace, name, uid: uidOfEntry(entry) }));
  return {
    list: wanted.filter(({ name, uid, hold }) => entries.get(name) !== listEntry(hold, uid)),
    unlist: listed.filter(({ name, uid }) => kept.get(name) !== uid),
  };
}

/** What makes the list of the cluster right. */
export interface UidChanges {
  list: ListedPod[];
  /** UIDs. */
  unlist: string[];
}

/**
 * What a sweep has to change in the list of the cluster, by the same rules.
 * @param pods of the whole cluster. @param incidents of the whole cluster.
 */
export function uidChanges(
  list: QuarantineList,
  pods: readonly PodFacts[],
  incidents: readonly DriftIncident[],
): UidChanges {
  const kept = new Set(keptPods(pods, openByPod(incidents)).map(({ uid }) => uid));
  const missing = pods.filter((pod) => isLabelled(pod) && !Object.hasOwn(list, pod.uid));
  return {
    list: missing.map(({ namespace, name, uid }) => ({ namespace, name, uid })),
    unlist: Object.keys(list).filter((uid) => !kept.has(uid)),
  };
}

function keptPods(pods: readonly PodFacts[], open: ReadonlyMap<string, DriftIncident>): PodFacts[] {
  return pods.filter((pod) => isLabelled(pod) || open.has(pod.uid));
}

// Whatever its value, as the admission policies have it.
function isLabelled({ labels }: PodFacts): boolean {
  return Object.hasOwn(labels, QUARANTINE_LABEL);
}

function openByPod(incidents: readonly DriftIncident[]): Map<string, DriftIncident> {
  const open = incidents.filter((incident) => !isFinal(incident));
  return new Map(open.map((incident) => [incident.spec.target.uid, incident]));
}
