// How a pod can be taken out of the workload that owns it, and what its owner would do.
import { MAX_RECORDED_LABELS, type IsolationForm, type Target } from '../api/incident.ts';
import type { PodFacts } from '../api/pod.ts';
import { hasEnded } from '../api/pod-end.ts';

/** Orphan: all labels away, so that its controller replaces it. Gentle: ours added, nothing taken away. */
export type PodForm = Exclude<IsolationForm, 'LabelOnly'>;

/** Why a pod gets its form. */
export type FormReason =
  | 'ReplicaSet'
  | 'StatefulSet'
  | 'DaemonSet'
  | 'Job'
  | 'BarePod'
  | 'UnknownOwner'
  | 'HostNetwork'
  | 'HostPorts'
  | 'VolumeClaims'
  | 'Finished'
  | 'LabelsTruncated';

/** The form of isolation, why, and its side effects in sentences for people. */
export interface OwnerForm {
  form: PodForm;
  reason: FormReason;
  message: string;
}

/** Whether there is anything to evict. */
export type Evictable = { ok: true } | { ok: false; reason: 'Finished'; message: string };

/** Who makes a released orphan belong to its owner again; `Job`: the Job, as long as it is active. */
export type Adopter = 'Controller' | 'Job' | 'Nobody';

/** What of a pod decides besides its owner. */
export type PodTraits = Pick<
  PodFacts,
  'hostNetwork' | 'phase' | 'hostNamespaces' | 'hostPorts' | 'volumeClaims'
>;

const STAYS_IN_SERVICES =
  'until it is gone it stays in its Services, where its share of the traffic fails, and disruption budgets count it as healthy';

// Measured on a cluster, release by release of each controller; the numbers are from there.
const MESSAGES: Readonly<Record<FormReason, string>> = {
  ReplicaSet:
    'All labels are taken away: Services and disruption budgets let go of the pod at once, and its ReplicaSet starts a clean replacement.',
  DaemonSet:
    'All labels are taken away: Services let go of the pod at once, and its DaemonSet starts a clean one beside it on the node, where both see the same paths of the node.',
  Job: 'All labels and the owner are taken away: the Job counts the pod neither as active nor as failed, and starts its work anew in a clean pod, while this one works on without network.',
  UnknownOwner:
    'All labels and the owner are taken away: Services and disruption budgets let go of the pod at once, and its controller, which die-operator does not know, is expected to start a clean one.',
  StatefulSet: `Only a label is added, as a StatefulSet cannot start a replacement while the name is taken and then backs off for up to 17 minutes: ${STAYS_IN_SERVICES}.`,
  HostPorts: `Only a label is added, as the pod has ports of its node, where its DaemonSet could not start a second one: ${STAYS_IN_SERVICES}.`,
  VolumeClaims: `Only a label is added, as a second pod would write to its volume claims beside this one: ${STAYS_IN_SERVICES}.`,
  BarePod: `Only a label is added, as no controller would start a replacement: ${STAYS_IN_SERVICES}.`,
  HostNetwork:
    'Only a label is added and the traffic of the pod is not cut, as it uses the network of its node, which no NetworkPolicy reaches: evict it, or cut off the node.',
  Finished: 'Only a label is added, as the pod has ended: nothing runs in it any more.',
  LabelsTruncated: `Only a label is added, as the pod has more than ${MAX_RECORDED_LABELS} labels and not all of them could be put back: ${STAYS_IN_SERVICES}.`,
};

type OwnerKind = Extract<
  FormReason,
  'ReplicaSet' | 'StatefulSet' | 'DaemonSet' | 'Job' | 'BarePod' | 'UnknownOwner'
>;

const CONTROLLERS: readonly { group: string; kind: string; reason: OwnerKind }[] = [
  { group: 'apps', kind: 'ReplicaSet', reason: 'ReplicaSet' },
  { group: 'apps', kind: 'StatefulSet', reason: 'StatefulSet' },
  { group: 'apps', kind: 'DaemonSet', reason: 'DaemonSet' },
  { group: 'batch', kind: 'Job', reason: 'Job' },
];

const ORPHANED: ReadonlySet<FormReason> = new Set(['ReplicaSet', 'DaemonSet', 'Job', 'UnknownOwner']);

const ADOPTERS: Readonly<Record<OwnerKind, Adopter>> = {
  ReplicaSet: 'Controller',
  StatefulSet: 'Controller',
  DaemonSet: 'Controller',
  Job: 'Job',
  UnknownOwner: 'Nobody',
  BarePod: 'Nobody',
};

/**
 * The form in which a pod is isolated. An orphan lets its controller start a clean pod within a second; the gentle form is
 * for pods that nobody would replace, or whose second copy could not run or would do harm.
 */
export function formFor(target: Target, pod: PodTraits): OwnerForm {
  const reason = reasonFor(target, pod);
  const form = ORPHANED.has(reason) ? 'Orphan' : 'Gentle';
  return { form, reason, message: [MESSAGES[reason], ...caveats(pod, reason)].join(' ') };
}

/** What owns the pod. */
export function ownerKind(workload: Target['workload']): OwnerKind {
  if (!workload) return 'BarePod';
  const [group = '', version] = workload.apiVersion.split('/');
  const known = CONTROLLERS.find(
    (controller) => version !== undefined && controller.group === group && controller.kind === workload.kind,
  );
  return known?.reason ?? 'UnknownOwner';
}

/**
 * Whether an orphan has its owner references taken away in the same patch. A Job lets go of a pod up to a second later and
 * of one that has ended never; an unknown controller perhaps never, and then the pod would be deleted with it.
 */
export function losesOwners({ workload }: Target): boolean {
  return ORPHANED.has(ownerKind(workload)) && ADOPTERS[ownerKind(workload)] !== 'Controller';
}

/** See {@link Adopter}. */
export function adopterOf({ workload }: Target): Adopter {
  return ADOPTERS[ownerKind(workload)];
}

/** Whether there is anything to evict: of a pod that has ended only its logs would go. */
export function evictable(target: Target, pod: Pick<PodFacts, 'phase'>): Evictable {
  if (!hasEnded(pod)) return { ok: true };
  const name = `${target.namespace}/${target.name}`;
  const message = `${name} has ended and runs nothing any more: its eviction would only take its logs away; release the incident, or delete the pod`;
  return { ok: false, reason: 'Finished', message };
}

// The first that holds: what makes isolation void or needless outranks what the owner would do.
function reasonFor(target: Target, pod: PodTraits): FormReason {
  if (hasEnded(pod)) return 'Finished';
  if (pod.hostNetwork) return 'HostNetwork';
  const owner = ownerKind(target.workload);
  if (!ORPHANED.has(owner)) return owner;
  if (target.labelsTruncated === true) return 'LabelsTruncated';
  if (owner === 'DaemonSet' && pod.hostPorts) return 'HostPorts';
  // Pods of a ReplicaSet share a claim at any time, and those of a DaemonSet do.
  return pod.volumeClaims && losesOwners(target) ? 'VolumeClaims' : owner;
}

function caveats(pod: PodTraits, reason: FormReason): string[] {
  const all: [boolean | undefined, string][] = [
    [
      pod.hostNamespaces && reason !== 'Finished',
      'It shares processes or IPC with its node, where no NetworkPolicy holds it: look at the node, too.',
    ],
    [
      pod.phase === 'Pending',
      'Not all of its containers have started: those that start later are isolated from their start.',
    ],
    [
      pod.hostPorts && ORPHANED.has(reason),
      'A replacement can start only on a node where its host ports are free.',
    ],
  ];
  return all.flatMap(([applies, sentence]) => (applies ? [sentence] : []));
}
