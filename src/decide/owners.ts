// How a pod can be taken out of the workload that owns it, and whether anybody would replace it.
import { MAX_RECORDED_LABELS, type IsolationForm, type Target } from '../api/incident.ts';
import type { PodFacts } from '../api/pod.ts';

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
  | 'Finished'
  | 'LabelsTruncated';

/** The form of isolation, why, and its side effects in a sentence for people. */
export interface OwnerForm {
  form: PodForm;
  reason: FormReason;
  message: string;
}

/** Whether somebody would replace the pod; if not, an eviction is only a loss. */
export type Evictable = { ok: true } | { ok: false; reason: 'NoController' | 'Finished'; message: string };

const STAYS_IN_SERVICES =
  'until it is gone it stays in its Services, where its share of the traffic fails, and disruption budgets count it as healthy';

// Measured on a cluster, release by release of each controller; the numbers are from there.
const MESSAGES: Readonly<Record<FormReason, string>> = {
  ReplicaSet:
    'All labels are taken away: Services and disruption budgets let go of the pod at once, and its ReplicaSet starts a clean replacement.',
  StatefulSet: `Only a label is added, as a StatefulSet cannot start a replacement while the name is taken and then backs off for up to 17 minutes: ${STAYS_IN_SERVICES}.`,
  DaemonSet: `Only a label is added, as a DaemonSet would start a second pod on the node beside this one, where ports and paths of the node may collide: ${STAYS_IN_SERVICES}.`,
  Job: `Only a label is added, as a Job lets go of a pod late and would run its work a second time: until it is gone the Job counts it as active.`,
  BarePod: `Only a label is added, as no controller would start a replacement: ${STAYS_IN_SERVICES}.`,
  UnknownOwner: `Only a label is added, as it is not known what its controller does with a pod that loses its labels: ${STAYS_IN_SERVICES}.`,
  HostNetwork:
    'Only a label is added and the traffic of the pod is not cut, as it uses the network of its node, which no NetworkPolicy reaches: evict it, or cut off the node.',
  Finished: 'Only a label is added, as the pod has ended: nothing runs in it any more.',
  LabelsTruncated: `Only a label is added, as the pod has more than ${MAX_RECORDED_LABELS} labels and not all of them could be put back: ${STAYS_IN_SERVICES}.`,
};

const CONTROLLERS: readonly { group: string; kind: string; reason: FormReason }[] = [
  { group: 'apps', kind: 'ReplicaSet', reason: 'ReplicaSet' },
  { group: 'apps', kind: 'StatefulSet', reason: 'StatefulSet' },
  { group: 'apps', kind: 'DaemonSet', reason: 'DaemonSet' },
  { group: 'batch', kind: 'Job', reason: 'Job' },
];

/**
 * The form in which a pod is isolated. Only a ReplicaSet is known to let go of a pod cleanly and replace it within a
 * second, also one that belongs to something else than a Deployment; everything else gets the gentle form.
 */
export function formFor(target: Target, pod: Pick<PodFacts, 'hostNetwork' | 'phase'>): OwnerForm {
  const reason = reasonFor(target, pod);
  return { form: reason === 'ReplicaSet' ? 'Orphan' : 'Gentle', reason, message: MESSAGES[reason] };
}

/** Whether the pod may be evicted as far as its owner is concerned. */
export function evictable(target: Target, pod: Pick<PodFacts, 'phase'>): Evictable {
  const name = `${target.namespace}/${target.name}`;
  if (pod.phase === 'Succeeded' || pod.phase === 'Failed') {
    const message = `${name} has ended and runs nothing any more: its eviction would only take its logs away; release the incident, or delete the pod`;
    return { ok: false, reason: 'Finished', message };
  }
  if (target.workload) return { ok: true };
  const message = `no controller would replace ${name}: release the incident, or delete the pod and start a clean one yourself`;
  return { ok: false, reason: 'NoController', message };
}

// The first that holds: what makes isolation void or needless outranks what the owner would do.
function reasonFor(target: Target, pod: Pick<PodFacts, 'hostNetwork' | 'phase'>): FormReason {
  if (pod.phase === 'Succeeded' || pod.phase === 'Failed') return 'Finished';
  if (pod.hostNetwork) return 'HostNetwork';
  const owner = ownerReason(target.workload);
  return owner === 'ReplicaSet' && target.labelsTruncated === true ? 'LabelsTruncated' : owner;
}

function ownerReason(workload: Target['workload']): FormReason {
  if (!workload) return 'BarePod';
  const [group = '', version] = workload.apiVersion.split('/');
  const known = CONTROLLERS.find(
    (controller) => version !== undefined && controller.group === group && controller.kind === workload.kind,
  );
  return known?.reason ?? 'UnknownOwner';
}
