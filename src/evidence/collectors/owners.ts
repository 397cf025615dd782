// The owners of a pod, up the chain: its ReplicaSet, that one's Deployment.
import type { KubeObject, OwnerReference } from '../../api/meta.ts';
import {
  apiVersionOf,
  DAEMON_SETS,
  DEPLOYMENTS,
  JOBS,
  REPLICA_SETS,
  STATEFUL_SETS,
  type Resource,
} from '../../kube/resources.ts';
import type { CollectContext } from '../collector.ts';
import { pathSegment } from '../path.ts';
import { readObject, type Part } from './reads.ts';

const READABLE: readonly Resource[] = [REPLICA_SETS, DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS, JOBS];
// The deepest built-in chain has two; an object can name far more owners than make sense.
const MAX_OWNERS = 16;

/**
 * Reads the owners as the incident recorded them, since isolation takes them away from the pod; of a pod without a
 * record as the pod has them. An owner of another kind is noted by its reference. Never rejects.
 */
export async function readOwners(context: CollectContext, pod: KubeObject | undefined): Promise<Part> {
  const all: Part = { files: [], problems: [], notes: [] };
  const seen = new Set<string>();
  let level = context.target.ownerReferences ?? pod?.metadata.ownerReferences ?? [];
  while (level.length > 0 && seen.size < MAX_OWNERS) {
    const fresh = level.filter((owner, at) => !seen.has(owner.uid) && firstOf(level, owner) === at);
    const read = fresh.slice(0, MAX_OWNERS - seen.size);
    if (read.length < fresh.length) all.problems.push(`only ${MAX_OWNERS} owners of the pod were read`);
    for (const { uid } of read) seen.add(uid);
    const parts = await Promise.all(read.map((owner) => readOwner(context, owner)));
    for (const part of parts) append(all, part);
    level = parts.flatMap((part) => part.object?.metadata.ownerReferences ?? []);
  }
  return all;
}

async function readOwner(context: CollectContext, owner: OwnerReference): Promise<Part> {
  const { apiVersion, kind, name, uid } = owner;
  const resource = READABLE.find((known) => known.kind === kind && apiVersionOf(known) === apiVersion);
  if (!resource)
    return {
      files: [],
      problems: [],
      notes: [`owner ${kind} ${name} (${apiVersion}, uid ${uid}) is known by its reference only`],
    };
  const path = `api/owners/${pathSegment(`${kind.toLowerCase()}-${name}`)}.json`;
  return readObject(context, { path, resource, namespace: context.target.namespace, name, uid });
}

function firstOf(owners: readonly OwnerReference[], { uid }: OwnerReference): number {
  return owners.findIndex((other) => other.uid === uid);
}

function append(all: Part, { files, problems, notes = [] }: Part): void {
  all.files.push(...files);
  all.problems.push(...problems);
  all.notes?.push(...notes);
}
