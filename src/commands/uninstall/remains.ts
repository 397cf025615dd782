// What of die-operator is in a cluster besides what config/ put there, and what can become of it: pure decisions.
import type { DriftIncident } from '../../api/incident.ts';
import { INCIDENT_ANNOTATION, QUARANTINE_LABEL, SEVERITY_LABEL, SYSTEM_NAMESPACE } from '../../api/names.ts';
import type { KubeObject } from '../../api/meta.ts';
import { podFacts, type PodFacts } from '../../api/pod.ts';
import { mayBeCut } from '../../decide/cut.ts';
import { carriesChange } from '../../decide/marks.ts';
import { protectionOf } from '../../decide/protect.ts';
import type { ListedPod } from '../../decide/quarantine-list.ts';
import { recordOf, strayOf, strayWords } from '../../decide/stray.ts';
import { hasFinalizer } from '../../incidents/facts.ts';
import { restoredLabels } from '../../respond/release.ts';

/** What was read. All of it is in the scope that was asked for. */
export interface Found {
  /** Pods that carry something of ours, and those of incidents that hold our finalizer; whole. */
  pods: readonly KubeObject[];
  /** Those that this version can read. */
  incidents: readonly DriftIncident[];
  /** Those that it cannot, with our finalizer. */
  faulty: readonly { incident: KubeObject; fault: string }[];
  denyPolicies: readonly KubeObject[];
  /** Lists of quarantined pods, one a namespace. */
  lists: readonly KubeObject[];
  /** Entries of the list of the cluster. */
  entries: readonly ListedPod[];
  helpers: readonly KubeObject[];
  /** Objects in our own namespace that go with it. */
  own: readonly { kind: 'ConfigMap' | 'Lease'; name: string }[];
}

/** Something that is left. */
export interface Remain {
  kind: 'Pod' | 'DriftIncident' | 'HelperPod' | 'NetworkPolicy' | 'ConfigMap' | 'ListEntry' | 'Lease';
  namespace: string;
  name: string;
  /** Empty where it matters to nobody. */
  uid: string;
  /** Who takes it away: `--clear`, a person, or the deletion of what config/ installed, for which it need not be gone. */
  by: 'Clear' | 'Person' | 'Config';
  /** For people: why it is there, and what --clear does. */
  message: string;
  /** What a person can do. */
  cure?: string;
}

type Verdict = Pick<Remain, 'by' | 'message' | 'cure'>;

/** Everything that is left, in the order in which it is cleared. */
export function remainsOf(found: Found, protectedNamespaces: ReadonlySet<string>): Remain[] {
  const pods = found.pods.map((object) => ({ object, facts: podFacts(object) }));
  const judged = pods
    .filter(({ facts }) => isMarked(facts))
    .map(({ facts }) => ({ facts, verdict: judgePod(facts, found.incidents, protectedNamespaces) }));
  const held = judged.filter(({ facts, verdict }) => isLabelled(facts) && verdict.by === 'Person');
  const inUse = new Map(held.map(({ facts }) => [facts.namespace, facts.name]));
  const labelled = new Set(judged.filter(({ facts }) => isLabelled(facts)).map(({ facts }) => facts.uid));
  const all = pods.map(({ facts }) => facts);
  return [
    ...judged.map(({ facts, verdict }) => ({ kind: 'Pod' as const, ...placeOfPod(facts), ...verdict })),
    ...found.incidents
      .filter(hasFinalizer)
      .map((one) => judgeIncident(one, all, found.incidents, protectedNamespaces)),
    ...found.faulty.map(faultyIncident),
    ...found.helpers.map((pod) => named('HelperPod', pod, clearly('a helper pod that was left behind'))),
    ...found.denyPolicies.map((policy) => named('NetworkPolicy', policy, judgeShared(policy, inUse))),
    ...found.lists.map((list) => named('ConfigMap', list, judgeShared(list, inUse))),
    ...found.entries.filter(({ uid }) => !labelled.has(uid)).map(staleEntry),
    ...found.own.map(({ kind, name }) => ({
      kind,
      namespace: SYSTEM_NAMESPACE,
      name,
      uid: '',
      by: 'Config' as const,
      message: 'goes with its namespace',
    })),
  ];
}

/** Whether the pod carries anything that die-operator puts on pods. */
export function isMarked({ labels, annotations }: PodFacts): boolean {
  return marksOn({ labels, annotations }).length > 0;
}

/** What becomes of a pod that is marked. */
export function judgePod(
  pod: PodFacts,
  incidents: readonly DriftIncident[],
  protectedNamespaces: ReadonlySet<string>,
): Verdict {
  // No exception counts here: what was isolated by one is released by a person.
  const protection = protectionOf(pod, { namespaces: protectedNamespaces, exemptions: [], now: 0 });
  if (protection) return { by: 'Person', message: `is left alone: ${protection.message}`, cure: byHand(pod) };
  if (pod.deletionTimestamp !== undefined)
    return { by: 'Person', message: 'is being deleted', cure: 'look again when it is gone' };
  const record = recordOf(pod, incidents);
  if (record) return clearly(restoration(record, pod));
  const stray = strayOf(pod, []);
  if (stray) {
    const { what, cure } = strayWords(stray, pod);
    return { by: 'Person', message: what, cure };
  }
  const message = `carries ${marksOn(pod).join(', ')}, and no DriftIncident tells what was there before`;
  return { by: 'Person', message, cure: byHand(pod) };
}

function isLabelled({ labels }: PodFacts): boolean {
  return Object.hasOwn(labels, QUARANTINE_LABEL);
}

function marksOn({ labels, annotations }: Pick<PodFacts, 'labels' | 'annotations'>): string[] {
  const labelled = [QUARANTINE_LABEL, SEVERITY_LABEL].filter((key) => Object.hasOwn(labels, key));
  return [...labelled, ...(Object.hasOwn(annotations, INCIDENT_ANNOTATION) ? [INCIDENT_ANNOTATION] : [])];
}

function byHand(pod: PodFacts): string {
  const at = `${pod.name} -n ${pod.namespace}`;
  const labels = marksOn(pod).filter((key) => key !== INCIDENT_ANNOTATION);
  const annotated = Object.hasOwn(pod.annotations, INCIDENT_ANNOTATION);
  return [
    ...(labels.length > 0 ? [`kubectl label pod ${at} ${labels.map((key) => `${key}-`).join(' ')}`] : []),
    ...(annotated ? [`kubectl annotate pod ${at} ${INCIDENT_ANNOTATION}-`] : []),
  ].join(' && ');
}

function restoration(incident: DriftIncident, pod: PodFacts): string {
  const { added, conflicts } = restoredLabels(incident, pod);
  const others = [
    ...(added.length > 0 ? [`labels that others added stay (${some(added)})`] : []),
    ...(conflicts.length > 0
      ? [`labels that others changed get back what was recorded (${some(conflicts)})`]
      : []),
    ...(mayBeCut(incident) ? ['the firewall in its network is taken away first'] : []),
    ...(incident.metadata.deletionTimestamp === undefined
      ? []
      : ['the incident is being deleted, which the operator would answer by deleting the pod']),
  ];
  const state = isLabelled(pod) ? 'is quarantined' : 'carries marks';
  const how = added.length + conflicts.length === 0 ? ', byte for byte' : '';
  return [`${state}; DriftIncident ${incident.metadata.name} puts it back as it was${how}`, ...others].join(
    '; ',
  );
}

const MAX_NAMED = 8;

function some(keys: readonly string[]): string {
  const more = keys.length > MAX_NAMED ? ` and ${keys.length - MAX_NAMED} more` : '';
  return keys.toSorted().slice(0, MAX_NAMED).join(', ') + more;
}

function judgeIncident(
  incident: DriftIncident,
  pods: readonly PodFacts[],
  all: readonly DriftIncident[],
  protectedNamespaces: ReadonlySet<string>,
): Remain {
  const pod = pods.find(({ uid }) => uid === incident.spec.target.uid);
  const base = { kind: 'DriftIncident', ...placeOf(incident) } as const;
  if (!pod) return { ...base, ...clearly('holds its finalizer, and its pod is gone') };
  if (!carriesChange(incident, pod)) {
    const left = mayBeCut(incident)
      ? 'a firewall may be in the network of its pod'
      : 'nothing of it is left on its pod';
    return { ...base, ...clearly(`holds its finalizer, and ${left}`) };
  }
  const goes = judgePod(pod, all, protectedNamespaces).by === 'Clear';
  const message = `holds its finalizer until pod ${pod.name} is ${goes ? 'restored' : 'dealt with'}`;
  return { ...base, by: goes ? 'Clear' : 'Person', message, ...(!goes && { cure: 'see the pod' }) };
}

function faultyIncident({ incident, fault }: Found['faulty'][number]): Remain {
  const { namespace, name, uid } = placeOf(incident);
  const cure = `look at its pod, then: kubectl patch driftincident ${name} -n ${namespace} --type json -p '[{"op":"remove","path":"/metadata/finalizers"}]'`;
  return {
    kind: 'DriftIncident',
    namespace,
    name,
    uid,
    by: 'Person',
    message: `holds its finalizer: ${fault}`,
    cure,
  };
}

// A deny policy, and the list that protects pods from people.
function judgeShared({ metadata }: KubeObject, inUse: ReadonlyMap<string, string>): Verdict {
  const pod = inUse.get(metadata.namespace ?? '');
  if (pod === undefined) return clearly('no pod will need it any more');
  return { by: 'Person', message: `is needed by pod ${pod}, which is quarantined`, cure: 'see the pod' };
}

function staleEntry(pod: ListedPod): Remain {
  const message = `the list of quarantined pods of the cluster still has it (UID ${pod.uid})`;
  return { kind: 'ListEntry', ...pod, ...clearly(message) };
}

function clearly(message: string): Verdict {
  return { by: 'Clear', message };
}

function named(kind: Remain['kind'], object: KubeObject, verdict: Verdict): Remain {
  return { kind, ...placeOf(object), ...verdict };
}

function placeOfPod({ namespace, name, uid }: PodFacts): ListedPod {
  return { namespace, name, uid };
}

function placeOf({ metadata }: KubeObject): ListedPod {
  return { namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid };
}
