// Owners after a Release: which references the release itself has to put back, since no controller does.
import type { DriftIncident } from '../api/incident.ts';
import type { KubeObject, OwnerReference } from '../api/meta.ts';
import { adopterOf, losesOwners } from '../decide/owners.ts';
import type { KubeClient } from '../kube/client.ts';
import { isForbidden, isNotFound } from '../kube/errors.ts';
import { JOBS } from '../kube/resources.ts';

interface Job extends KubeObject {
  status?: { conditions?: { type: string; status: string }[] };
}

/** The references to put back, and a note for people where that needs one. */
export interface OwnersToRestore {
  owners: OwnerReference[];
  note?: string;
}

/**
 * The recorded owners that the pod has lost and that nobody makes its owners again. A Job adopts pods while it is active,
 * and counts only those that it adopted itself. Of a Job that is gone nothing is put back: the pod would be deleted for it.
 * @throws KubeError
 */
export async function ownersToRestore(
  client: KubeClient,
  { spec: { target } }: DriftIncident,
  { metadata: { ownerReferences = [] } }: KubeObject,
): Promise<OwnersToRestore> {
  if (!losesOwners(target)) return { owners: [] };
  const present = new Set(ownerReferences.map(({ uid }) => uid));
  const lost = (target.ownerReferences ?? []).filter(({ uid }) => !present.has(uid));
  if (lost.length === 0 || adopterOf(target) === 'Nobody') return { owners: lost };
  const job = await stateOf(client, target);
  const others = lost.filter(({ uid }) => uid !== target.workload?.uid);
  switch (job) {
    case 'Ended':
      return { owners: lost };
    case 'Active':
      return { owners: others };
    case 'Gone':
      return { owners: others, note: 'its Job is gone, so nobody owns the pod: delete it when it is done' };
    case 'Unreadable':
      return { owners: others, note: 'its Job cannot be read: if that has ended, nobody owns the pod' };
  }
}

/** The same owners, none of which holds up its own foreground deletion. */
export function withoutBlocking(owners: readonly OwnerReference[]): OwnerReference[] {
  return owners.map(({ blockOwnerDeletion: _blocks, ...owner }) => owner);
}

async function stateOf(
  client: KubeClient,
  { namespace, workload }: DriftIncident['spec']['target'],
): Promise<'Active' | 'Ended' | 'Gone' | 'Unreadable'> {
  try {
    const { metadata, status } = await client.get<Job>(JOBS, { namespace, name: workload?.name ?? '' });
    if (metadata.uid !== workload?.uid) return 'Gone';
    const ended = status?.conditions?.some(
      ({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True',
    );
    return ended ? 'Ended' : 'Active';
  } catch (error) {
    if (isNotFound(error)) return 'Gone';
    if (isForbidden(error)) return 'Unreadable';
    throw error;
  }
}
