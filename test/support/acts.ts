// What people and kubelets do in the middle of a test.
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { DRIFT_INCIDENTS, PODS } from '../../src/kube/resources.ts';
import type { World } from './world.ts';

/** Deletes an incident and waits until it is gone. */
export async function deleteIncident(world: World, { metadata }: DriftIncident): Promise<void> {
  const { namespace = '', name, uid } = metadata;
  await world.client.delete(DRIFT_INCIDENTS, { namespace, name }, uid);
  await world.until('the incident is gone', async () =>
    (await world.list(DRIFT_INCIDENTS)).every((other) => other.metadata.uid !== uid) ? true : undefined,
  );
}

/** What a kubelet writes when it has started a container anew. */
export async function restartContainer(
  world: World,
  { metadata: { name } }: KubeObject,
  id: string,
): Promise<void> {
  const { namespace } = world;
  await world.client.jsonPatch(PODS, { namespace, name, subresource: 'status' }, [
    { op: 'replace', path: '/status/containerStatuses/0/containerID', value: `containerd://${id}` },
  ]);
}
