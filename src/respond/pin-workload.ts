// The workload whose pod template a pin is for: read from the controller of the pod, and what owns that.
import type { DriftIncident } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import { controllerOf } from '../api/pod.ts';
import { ownerKind } from '../decide/owners.ts';
import { workloadPin, type PinnableWorkload, type WorkloadPin } from '../decide/pin.ts';
import { isForbidden, isNotFound } from '../kube/errors.ts';
import {
  apiVersionOf,
  DAEMON_SETS,
  DEPLOYMENTS,
  REPLICA_SETS,
  STATEFUL_SETS,
  type Resource,
} from '../kube/resources.ts';
import type { RespondContext } from './context.ts';

interface Workload extends KubeObject {
  spec?: { template?: { spec?: { containers?: { name: string; image?: string }[] } } };
}

/**
 * The pin of the workload of the pod. What cannot be read, and what has no template that people patch, has none, and the
 * answer says why. @throws KubeError when the API server does not answer.
 */
export async function pinWorkload(
  { client }: Pick<RespondContext, 'client'>,
  { spec: { target } }: DriftIncident,
): Promise<WorkloadPin> {
  const { workload, namespace } = target;
  const resource = TEMPLATES[ownerKind(workload)];
  if (!workload || !resource) return { ok: false, message: `a ${workload?.kind ?? 'pod'} is not pinned` };
  try {
    const owner = await client.get<Workload>(resource, { namespace, name: workload.name });
    if (owner.metadata.uid !== workload.uid)
      return { ok: false, message: 'its controller is another one by now' };
    const top = resource === REPLICA_SETS ? await aboveReplicaSet(client, namespace, owner) : owner;
    if (!top)
      return { ok: false, message: 'its ReplicaSet belongs to something that die-operator does not know' };
    return workloadPin(target, pinnable(top === owner ? resource : DEPLOYMENTS, top));
  } catch (error) {
    if (isForbidden(error)) return { ok: false, message: 'its workload may not be read' };
    if (isNotFound(error)) return { ok: false, message: 'its workload is gone' };
    throw error;
  }
}

/** The Deployment over a ReplicaSet, or itself where it has none; undefined: it belongs to something else. */
async function aboveReplicaSet(
  client: RespondContext['client'],
  namespace: string,
  owner: Workload,
): Promise<Workload | undefined> {
  const over = controllerOf({ ownerReferences: owner.metadata.ownerReferences ?? [] });
  if (!over) return owner;
  if (over.kind !== DEPLOYMENTS.kind || over.apiVersion !== apiVersionOf(DEPLOYMENTS)) return undefined;
  return client.get<Workload>(DEPLOYMENTS, { namespace, name: over.name });
}

const TEMPLATES: Readonly<Partial<Record<ReturnType<typeof ownerKind>, Resource>>> = {
  ReplicaSet: REPLICA_SETS,
  StatefulSet: STATEFUL_SETS,
  DaemonSet: DAEMON_SETS,
};

function pinnable(resource: Resource, { metadata, spec }: Workload): PinnableWorkload {
  const containers = spec?.template?.spec?.containers ?? [];
  return {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    name: metadata.name,
    template: { containers: containers.map(({ name, image = '' }) => ({ name, image })) },
  };
}
