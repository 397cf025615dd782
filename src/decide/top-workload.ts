// The workload at the top of a pod: the Deployment, not one of its ReplicaSets, told by the names that controllers give.
import { createHash } from 'node:crypto';
import type { OwnerReference } from '../api/meta.ts';
import { controllerOf } from '../api/pod.ts';

/** What says whose pod it is: a recorded target, or a pod. */
export interface Owned {
  namespace: string;
  name: string;
  labels: Readonly<Record<string, string>>;
  /** Its controller as an incident records it. */
  workload?: Controller | undefined;
  /** Its owners; looked at where `workload` is not given. */
  ownerReferences?: readonly OwnerReference[] | undefined;
}

/** The top-level workload of a pod. */
export interface TopWorkload {
  kind: string;
  name: string;
  /** One for all pods of the workload, in its namespace; another one for every other workload. */
  key: string;
}

type Controller = Pick<OwnerReference, 'apiVersion' | 'kind' | 'name'>;

/** Which label holds the end of the name of a ReplicaSet, and who put both there. */
const HASHED = [
  { label: 'pod-template-hash', group: 'apps', kind: 'Deployment' },
  { label: 'rollouts-pod-template-hash', group: 'argoproj.io', kind: 'Rollout' },
] as const;
/** Characters of a key that the ledger has room for. */
const MAX_KEY = 512;
/** A CronJob names its Jobs after the minute for which they are due. */
const OF_CRON_JOB = /^(.+)-[0-9]+$/;

/**
 * Reads no more than the pod: a ReplicaSet `web-5d9f` whose pods have that hash is of the Deployment (or Argo Rollout) `web`,
 * a Job `report-29012345` of the CronJob `report`. Any other controller stands for itself, and a bare pod, too. Two
 * workloads that are taken for one share their limits, which is more careful.
 */
export function topWorkload(pod: Owned): TopWorkload {
  const { namespace, name } = pod;
  const controller = pod.workload ?? controllerOf({ ownerReferences: pod.ownerReferences ?? [] });
  if (!controller) return top(namespace, '', 'Pod', name);
  const [group, version] = controller.apiVersion.split('/');
  const of = version === undefined ? '' : (group ?? '');
  return (
    overReplicaSet(pod, of, controller) ??
    overJob(namespace, of, controller) ??
    top(namespace, of, controller.kind, controller.name)
  );
}

function overReplicaSet(
  { namespace, labels }: Owned,
  group: string,
  { kind, name }: Controller,
): TopWorkload | undefined {
  if (group !== 'apps' || kind !== 'ReplicaSet') return undefined;
  const found = HASHED.find(({ label }) => endsWith(name, labels[label]));
  return (
    found && top(namespace, found.group, found.kind, name.slice(0, -(labels[found.label] ?? '').length - 1))
  );
}

// Something must be left before the hash.
function endsWith(name: string, hash: string | undefined): boolean {
  return hash !== undefined && hash !== '' && name.endsWith(`-${hash}`) && name.length > hash.length + 1;
}

function overJob(namespace: string, group: string, { kind, name }: Controller): TopWorkload | undefined {
  if (group !== 'batch' || kind !== 'Job') return undefined;
  const prefix = OF_CRON_JOB.exec(name)?.[1];
  return prefix === undefined ? undefined : top(namespace, group, 'CronJob', prefix);
}

// No name holds a slash.
function top(namespace: string, group: string, kind: string, name: string): TopWorkload {
  return { kind, name, key: bounded([namespace, group, kind, name].join('/')) };
}

// The API server looks at no owner's name: who makes a pod can make it longer than the ledger has room for.
function bounded(key: string): string {
  if (key.length <= MAX_KEY) return key;
  const hash = createHash('sha256').update(key).digest('hex');
  return `${key.slice(0, MAX_KEY - hash.length - 1)}/${hash}`;
}
