// Reads the workload of a pod that is gone, to tell whether anybody has to take its place.
import type { Target } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import { needlessOf, type Needless, type OwnerState } from '../decide/owner-need.ts';
import { ownerKind } from '../decide/owners.ts';
import { topWorkload } from '../decide/top-workload.ts';
import { orAbsent } from '../kube/absent.ts';
import type { KubeClient } from '../kube/client.ts';
import { isForbidden } from '../kube/errors.ts';
import {
  DAEMON_SETS,
  DEPLOYMENTS,
  JOBS,
  REPLICA_SETS,
  STATEFUL_SETS,
  type Resource,
} from '../kube/resources.ts';

interface Workload extends KubeObject {
  spec?: { replicas?: number; ordinals?: { start?: number }; suspend?: boolean };
  status?: {
    observedGeneration?: number;
    currentNumberScheduled?: number;
    desiredNumberScheduled?: number;
    conditions?: { type: string; status: string }[];
  };
}

const RESOURCES: Readonly<Record<string, Resource>> = {
  ReplicaSet: REPLICA_SETS,
  StatefulSet: STATEFUL_SETS,
  DaemonSet: DAEMON_SETS,
  Job: JOBS,
};

const BARE: Needless = { certain: true, message: 'the pod had no controller that would make another' };

/**
 * Why nobody has to take the place of the pod; undefined where somebody has to, or that cannot be told.
 * @param copies pods of its controller that are there. @throws KubeError when the API server does not answer.
 */
export async function readNeedless(
  client: KubeClient,
  target: Target,
  copies: number,
): Promise<Needless | undefined> {
  if (!target.workload) return BARE;
  const resource = RESOURCES[ownerKind(target.workload)];
  if (!resource) return undefined;
  const top = topWorkload(target);
  const [owner, above] = await Promise.all([
    readState(client, resource, { namespace: target.namespace, name: target.workload.name }),
    top.kind === 'Deployment'
      ? readState(client, DEPLOYMENTS, { namespace: target.namespace, name: top.name })
      : undefined,
  ]);
  if (owner === 'unknown') return undefined;
  // A ReplicaSet of something that we do not read, as an Argo Rollout.
  const hidden = resource === REPLICA_SETS && !above && top.kind !== 'ReplicaSet';
  return needlessOf(target, { owner, above: hidden ? 'unknown' : above, copies });
}

// Who may not read it does not know; nothing else waits for this.
async function readState(
  client: KubeClient,
  resource: Resource,
  at: { namespace: string; name: string },
): Promise<OwnerState | 'unknown'> {
  try {
    const found = await orAbsent(client.get<Workload>(resource, at));
    return stateOf(resource, at.name, found);
  } catch (error) {
    if (isForbidden(error)) return 'unknown';
    throw error;
  }
}

function stateOf({ kind }: Resource, name: string, found: Workload | undefined): OwnerState {
  if (!found) return { kind, name, uid: undefined, terminating: false };
  const { spec = {}, metadata } = found;
  const counts = kind !== 'DaemonSet' && kind !== 'Job';
  const ended = kind === 'Job' ? endOf(found) : undefined;
  return {
    kind,
    name,
    uid: metadata.uid,
    terminating: metadata.deletionTimestamp !== undefined,
    ...(counts && { wants: spec.replicas ?? 1 }),
    ...(spec.ordinals?.start !== undefined && { firstOrdinal: spec.ordinals.start }),
    ...(kind === 'DaemonSet' && { isComplete: isComplete(found) }),
    ...(ended && { ended }),
  };
}

function isComplete({ metadata, status = {} }: Workload): boolean {
  const { observedGeneration, currentNumberScheduled = 0, desiredNumberScheduled } = status;
  return observedGeneration === metadata.generation && currentNumberScheduled === desiredNumberScheduled;
}

function endOf({ spec, status }: Workload): OwnerState['ended'] {
  const is = (type: string) => status?.conditions?.some((one) => one.type === type && one.status === 'True');
  if (is('Complete') === true) return 'Complete';
  if (is('Failed') === true) return 'Failed';
  return spec?.suspend === true ? 'Suspended' : undefined;
}
