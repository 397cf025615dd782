// The admission plugin ResourceQuota, for the number of pods: `pods` and `count/pods`. Other resources are not counted here.
import type { KubeObject } from '../api/meta.ts';
import { PODS, RESOURCE_QUOTAS } from '../kube/resources.ts';
import type { Backend, WriteMode } from './backend.ts';
import { frozen, isJsonObject, objectAt, textAt } from './json.ts';
import { forbidden } from './status.ts';

/** Resources that are counted, in the order in which refusals name them. */
export const COUNTED = ['count/pods', 'pods'] as const;

/** What is counted of these pods. */
export function usedBy(pods: readonly KubeObject[]): Readonly<Record<(typeof COUNTED)[number], number>> {
  const running = pods.filter(
    (pod) => !['Succeeded', 'Failed'].includes(textAt(objectAt(pod['status'])['phase'])),
  );
  return { 'count/pods': pods.length, pods: running.length };
}

/** Counts a new pod in every quota of its namespace. @throws ApiError 403 where there is no room. */
export function chargeQuotas(backend: Backend, pod: KubeObject, mode: WriteMode): void {
  const { namespace, name } = pod.metadata;
  const quotas = backend.store
    .list(RESOURCE_QUOTAS)
    .filter((quota) => quota.metadata.namespace === namespace && limitedBy(quota).length > 0);
  for (const quota of quotas) refuseWithoutRoom(quota, name);
  if (mode.dryRun) return;
  for (const quota of quotas) charge(backend, quota);
}

function limitedBy(quota: KubeObject): string[] {
  const hard = objectAt(objectAt(quota['spec'])['hard']);
  return COUNTED.filter((resource) => resource in hard);
}

function refuseWithoutRoom(quota: KubeObject, pod: string): void {
  const { name } = quota.metadata;
  const resources = limitedBy(quota);
  const { hard, used } = objectAt(quota['status']);
  const unknown = resources.filter((resource) => !(isJsonObject(used) && resource in used));
  if (unknown.length > 0)
    throw forbidden(PODS, pod, `status unknown for quota: ${name}, resources: ${unknown.join(',')}`);
  const full = resources.filter(
    (resource) => Number(objectAt(used)[resource]) + 1 > Number(objectAt(hard)[resource]),
  );
  if (full.length === 0) return;
  const listed = (of: (resource: string) => unknown) =>
    full.map((resource) => `${resource}=${String(of(resource))}`).join(',');
  const parts = [
    `exceeded quota: ${name}`,
    `requested: ${listed(() => 1)}`,
    `used: ${listed((resource) => objectAt(used)[resource])}`,
    `limited: ${listed((resource) => objectAt(hard)[resource])}`,
  ];
  throw forbidden(PODS, pod, parts.join(', '));
}

function charge({ store }: Backend, quota: KubeObject): void {
  const status = objectAt(quota['status']);
  const used = Object.fromEntries(
    Object.entries(objectAt(status['used'])).map(([resource, amount]) => [
      resource,
      String(Number(amount) + 1),
    ]),
  );
  store.put(RESOURCE_QUOTAS, frozen({ ...quota, status: { ...status, used } }));
}
