// `test` for suites on a real node: each test gets a namespace of its own, pods that really run, and a shell in them.
import { inject } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { DEPLOYMENTS, PODS } from '../../../src/kube/resources.ts';
import { kubectl } from '../../support/manifests.ts';
import { eventually, realApiTest } from '../../support/real-api-test.ts';
import type { ImageReferences } from './images.ts';
import { nodeOf, type Node } from './node.ts';

/** The part of a pod that the tests read. */
export interface RunningPod extends KubeObject {
  status: {
    podIP: string;
    conditions: { type: string; status: string }[];
    containerStatuses: { imageID: string; containerID: string; ready: boolean }[];
  };
}

/** Pulling, starting and the first probe, on a busy machine. */
const READY_MS = 60_000;

/**
 * The fixtures beyond those of `realApiTest`: `node`, `images`, `deploy(name, replicas)`, which resolves to the Ready pods,
 * and `exec(pod, ...command)`, which rejects when the command fails.
 */
export const nodeTest = realApiTest
  .extend('provided', ({ access }) => ({ ...inject('node'), access }))
  .extend('node', ({ provided }): Node => nodeOf(provided.places, provided.init))
  .extend('images', ({ provided }): ImageReferences => provided.images)
  .extend('deploy', ({ client, namespace, images }) => async (name: string, replicas: number) => {
    const body = deployment({ name, replicas, image: images.peer });
    await client.create(DEPLOYMENTS, { namespace }, body);
    const ready = async () =>
      (await client.list<RunningPod>(PODS, { namespace, labelSelector: `app=${name}` })).items.filter(
        isReady,
      );
    return eventually(
      `${replicas} Ready pods of ${name}`,
      ready,
      ({ length }) => length === replicas,
      READY_MS,
    );
  })
  .extend('exec', ({ access, namespace }) => (pod: KubeObject, ...command: string[]) => {
    return kubectl(access, '-n', namespace, 'exec', pod.metadata.name, '--', ...command);
  });

/** A Deployment of `peer`, which is Ready when it answers HTTP. */
export function deployment({
  name,
  replicas,
  image,
}: {
  name: string;
  replicas: number;
  image: string;
}): object {
  const labels = { app: name };
  const readinessProbe = { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 };
  // A listener of MPTCP, Go's default, cannot be checkpointed.
  const env = [{ name: 'GODEBUG', value: 'multipathtcp=0' }];
  const containers = [{ name: 'peer', image, readinessProbe, env }];
  const template = { metadata: { labels }, spec: { terminationGracePeriodSeconds: 1, containers } };
  const spec = { replicas, selector: { matchLabels: labels }, template };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec };
}

/** Whether the pod says so of itself. */
export function isReady({ status }: RunningPod): boolean {
  return status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;
}

/** The ID of a pod's first container, without `containerd://`. */
export function containerId(pod: RunningPod): string {
  const [scheme, id] = pod.status.containerStatuses[0]?.containerID.split('://') ?? [];
  if (scheme !== 'containerd' || id === undefined) throw new Error(`${pod.metadata.name} has no container`);
  return id;
}
