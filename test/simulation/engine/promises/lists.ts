// Promise 9: where admission policies protect quarantined pods, the lists that they go by say what is so.
import { isFinal, type DriftIncident } from '../../../../src/api/incident.ts';
import type { KubeObject } from '../../../../src/api/meta.ts';
import { QUARANTINE_LIST, QUARANTINED_PODS_LIST, SYSTEM_NAMESPACE } from '../../../../src/api/names.ts';
import { responseOf } from '../../../../src/decide/merge.ts';
import { CONFIG_MAPS } from '../../../../src/kube/resources.ts';
import type { Case, Judge } from '../promises.ts';
import { entriesOf, type Served } from '../server-log.ts';
import { NAMESPACE, type Stage } from '../stage.ts';
import { BLINDING, wantsEvidence } from './destructive.ts';
import { isLabelled, named, podWrites, type PodWrite } from './pods.ts';

/** The right that the admission policies ask for, and that only who is protected by them has. */
export const PROTECTED = 'manage quarantines.die-operator.dev';

const LISTS = [QUARANTINE_LIST, QUARANTINED_PODS_LIST];

/** An isolation waits no longer for its entries, in milliseconds. */
const PATIENCE_MS = 1_000;
/** Besides what makes watches late, so that a sweep takes out who is not there yet: what can be in the way of an entry. */
const HINDERING = new Set(['Write']);

/** See PROMISES. */
export const listed: Judge = (found) => {
  const { stage } = found;
  const changes = stage.log.writes.filter(({ of, name = '' }) => of === 'configmaps' && LISTS.includes(name));
  if (!stage.cluster.grants.has(PROTECTED))
    return changes.map(({ path }) => `${path} was written, though nothing protects quarantined pods`);
  return [
    ...podWrites(stage).flatMap((write) => labelledFirst(stage, write)),
    ...changes.flatMap((write) => [
      ...ofStrangers(stage, write),
      ...takenOut(stage, write),
      ...drainable(stage, write),
    ]),
    ...atRest(found),
  ];
};

function labelledFirst(stage: Stage, write: PodWrite): string[] {
  const { before, after, around, kind } = write;
  if (kind !== 'Mark' || isLabelled(before) || !isLabelled(after)) return [];
  const hindered = stage.history.faults.some(
    (fault) => HINDERING.has(fault.kind) || BLINDING.has(fault.kind),
  );
  if (hindered || waited(stage, write)) return [];
  const { name, uid } = before.metadata;
  const { ofNamespace, ofCluster } = around?.listed ?? { ofNamespace: {}, ofCluster: {} };
  return uidOf(ofNamespace[name]) === uid && uid in ofCluster
    ? []
    : [`${named(before)} got the quarantine label before it was listed`];
}

// Slow answers are reason enough.
function waited({ log }: Stage, write: PodWrite): boolean {
  const last = log.writes.findLast(
    ({ of, replica, receivedAt = Infinity }) =>
      of === 'driftincidents' && replica === write.replica && receivedAt <= write.sentAt,
  );
  return write.sentAt - (last?.receivedAt ?? -Infinity) >= PATIENCE_MS;
}

function ofStrangers({ alerts }: Stage, { name, before, after }: Served): string[] {
  const targets = new Set(alerts.map(({ pod }) => pod));
  return added(name, before, after)
    .filter((uid) => !targets.has(uid))
    .map((uid) => `pod ${uid} was put into list ${name}, and no alert is about it`);
}

function takenOut(stage: Stage, { name, before, after, around }: Served): string[] {
  // Who is quarantined is known by watches.
  if (stage.history.faults.some(({ kind }) => BLINDING.has(kind))) return [];
  const gone = new Set(added(name, after, before));
  return (around?.pods ?? [])
    .filter((pod) => gone.has(pod.metadata.uid) && isLabelled(pod))
    .map((pod) => `${named(pod)} was taken out of list ${name} while it was in quarantine`);
}

function drainable(stage: Stage, { name, before, after, around }: Served): string[] {
  if (name !== QUARANTINE_LIST) return [];
  const was = new Set(Object.values(entriesOf(before)));
  return Object.entries(entriesOf(after)).flatMap(([pod, entry]) => {
    if (!entry.startsWith('Drainable ') || was.has(entry)) return [];
    const of = around?.incidents.filter(({ spec }) => spec.target.uid === uidOf(entry)) ?? [];
    // Where caches lag, the entry of a pod that is gone is written once more.
    const incident = of.find((each) => !isFinal(each)) ?? of.at(-1);
    return incident && mayGo(stage, incident)
      ? []
      : [`drains of nodes were let take ${pod}, whose evidence is not kept, or though a policy says Deny`];
  });
}

function mayGo(stage: Stage, incident: DriftIncident): boolean {
  if (responseOf(incident).settings.isolation.onDrain === 'Deny') return false;
  const capture = incident.status?.steps?.find(({ name }) => name === 'Capture');
  return (
    incident.status?.evidence !== undefined || capture?.state === 'Failed' || !wantsEvidence(stage, incident)
  );
}

function atRest({ stage, settled }: Case): string[] {
  if (!settled) return [];
  const { api } = stage.cluster;
  const of = (namespace: string, name: string) => entriesOf(api.get(CONFIG_MAPS, { namespace, name }));
  const byName = of(NAMESPACE, QUARANTINE_LIST);
  const byUid = of(SYSTEM_NAMESPACE, QUARANTINED_PODS_LIST);
  const open = new Map(
    stage
      .incidents()
      .filter((incident) => !isFinal(incident))
      .map((incident) => [incident.spec.target.uid, incident]),
  );
  const pods = stage.pods();
  const missing = pods
    .filter((pod) => isLabelled(pod))
    .filter(({ metadata: { name, uid } }) => uidOf(byName[name]) !== uid || !(uid in byUid));
  const kept = pods.filter((pod) => isLabelled(pod) || open.has(pod.metadata.uid));
  const right = new Map(kept.map(({ metadata }) => [metadata.uid, metadata.name]));
  const wrong = [
    ...Object.entries(byName).filter(([name, entry]) => right.get(uidOf(entry)) !== name),
    ...Object.entries(byUid).filter(([uid, entry]) => `${NAMESPACE}/${right.get(uid)}` !== entry),
  ];
  const held = Object.values(byName).filter((entry) => {
    const incident = open.get(uidOf(entry));
    const deny = incident && responseOf(incident).settings.isolation.onDrain === 'Deny';
    return incident?.status?.evidence && !deny && entry.startsWith('Held ');
  });
  return [
    ...missing.map((pod) => `all is at rest, and ${named(pod)} is in quarantine and not in both lists`),
    ...wrong.map(([key, entry]) => `all is at rest, and a list still says ${key}: ${entry}`),
    ...held.map((entry) => `all is at rest, its evidence is kept, and no drain may take it: ${entry}`),
  ];
}

/** UIDs that the list has after and had not before. */
function added(name: string | undefined, before: KubeObject | undefined, after: KubeObject | undefined) {
  const uids = (list: KubeObject | undefined) => {
    const entries = entriesOf(list);
    return name === QUARANTINED_PODS_LIST ? Object.keys(entries) : Object.values(entries).map(uidOf);
  };
  const had = new Set(uids(before));
  return uids(after).filter((uid) => !had.has(uid));
}

function uidOf(entry = ''): string {
  return entry.split(' ')[1] ?? '';
}
