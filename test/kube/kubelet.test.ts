// The test bed itself: our kubelet with the real controllers.
import { describe, expect } from 'vitest';
import { podFacts } from '../../src/api/pod.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { isBudgetDenied, isConflict } from '../../src/kube/errors.ts';
import * as kinds from '../../src/kube/resources.ts';
import { imageTable } from '../support/pod-status.ts';
import { eventually, needsControllers, realApiTest } from '../support/real-api-test.ts';

const test = realApiTest.extend('controllers', { auto: true }, ({ access, skip }) =>
  needsControllers(access, skip),
);

const IMAGE = 'registry.example/shop/web:1.4';
const IMAGES = imageTable(IMAGE);
const labels = { app: 'web' };
const template = {
  metadata: { labels },
  spec: { terminationGracePeriodSeconds: 2, containers: [{ name: 'web', image: IMAGE }] },
};

const workload = (kind: string, spec: object) => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name: 'web' },
  spec: { selector: { matchLabels: labels }, template, ...spec },
});

async function webPods(client: KubeClient, namespace: string) {
  const { items } = await client.list(kinds.PODS, { namespace, labelSelector: 'app=web' });
  return items.map(podFacts);
}

function readyPods(client: KubeClient, namespace: string, count: number) {
  const areReady = (pods: Awaited<ReturnType<typeof webPods>>) =>
    pods.length === count &&
    pods.every(({ ready, deletionTimestamp }) => ready && deletionTimestamp === undefined);
  return eventually(`${count} ready pods`, () => webPods(client, namespace), areReady);
}

async function firstOf<T>(items: Promise<readonly T[]>): Promise<T> {
  const [first] = await items;
  if (first === undefined) throw new Error('there is none');
  return first;
}

interface Deployment extends KubeObject {
  status?: { readyReplicas?: number; availableReplicas?: number };
}

describe('a Deployment', () => {
  test('of three becomes ready, spread over the nodes, with image and container IDs', async ({
    client,
    namespace,
    kubelet,
  }) => {
    await kubelet({ images: IMAGES, nodes: 3 });
    await client.create(kinds.DEPLOYMENTS, { namespace }, workload('Deployment', { replicas: 3 }));
    const status = async () =>
      (await client.get<Deployment>(kinds.DEPLOYMENTS, { namespace, name: 'web' })).status?.availableReplicas;
    await eventually('three available replicas', status, (available) => available === 3);
    const pods = await webPods(client, namespace);
    expect(new Set(pods.map(({ nodeName }) => nodeName)).size).toBe(3);
    const containers = pods.flatMap((pod) => pod.containers);
    expect(new Set(containers.map(({ containerID }) => containerID)).size).toBe(3);
    for (const { imageID, containerID } of containers) {
      expect(imageID).toMatch(/^registry\.example\/shop\/web@sha256:[0-9a-f]{64}$/);
      expect(containerID).toMatch(/^containerd:\/\/[0-9a-f]{64}$/);
    }
  });

  test('replaces a deleted pod; the deleted one reports its end before it goes', async ({
    client,
    namespace,
    kubelet,
  }) => {
    await kubelet({ images: IMAGES, timings: () => ({ stopMs: 500, removeMs: 300 }) });
    await client.create(kinds.DEPLOYMENTS, { namespace }, workload('Deployment', { replicas: 2 }));
    const { name, uid } = await firstOf(readyPods(client, namespace, 2));
    await client.delete(kinds.PODS, { namespace, name }, uid, { gracePeriodSeconds: 1 });
    const seen = new Set<string>();
    const look = async () => {
      const pods = await webPods(client, namespace);
      const old = pods.find((pod) => pod.uid === uid);
      if (old) seen.add(old.containers.every(({ terminated }) => terminated) ? 'terminated' : 'stopping');
      return old;
    };
    await eventually('the pod is gone', look, (old) => old === undefined);
    expect([...seen]).toEqual(['stopping', 'terminated']);
    const after = await readyPods(client, namespace, 2);
    expect(after.map((pod) => pod.uid)).not.toContain(uid);
  });

  test('lets pods be evicted as far as the disruption budget allows', async ({
    client,
    namespace,
    kubelet,
  }) => {
    const speed = { readyMs: 0 };
    await kubelet({ images: IMAGES, timings: () => speed });
    await client.create(kinds.DEPLOYMENTS, { namespace }, workload('Deployment', { replicas: 2 }));
    const budget = { selector: { matchLabels: labels }, minAvailable: 1 };
    const pdb = {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'web' },
      spec: budget,
    };
    await client.create(kinds.POD_DISRUPTION_BUDGETS, { namespace }, pdb);
    const [first, second] = await readyPods(client, namespace, 2);
    if (first === undefined || second === undefined) throw new Error('there are no two pods');
    const evict = ({ name, uid }: typeof first) =>
      client.create(
        kinds.PODS,
        { namespace, name, subresource: 'eviction' },
        {
          apiVersion: 'policy/v1',
          kind: 'Eviction',
          metadata: { name, namespace },
          deleteOptions: { gracePeriodSeconds: 1, preconditions: { uid } },
        },
      );
    const allowed = async () =>
      (await client.get(kinds.POD_DISRUPTION_BUDGETS, { namespace, name: 'web' }))['status'] as {
        disruptionsAllowed?: number;
      };
    await eventually('one disruption is allowed', allowed, (status) => status.disruptionsAllowed === 1);
    // The replacement must not be ready before the second eviction is tried.
    speed.readyMs = 1500;
    await evict(first);
    await expect(evict(second)).rejects.toSatisfy(isBudgetDenied);
    const after = await readyPods(client, namespace, 2);
    expect(after.map(({ uid }) => uid)).toContain(second.uid);
  });

  test('waits while its image cannot be pulled', async ({ client, namespace, kubelet }) => {
    const images = new Map<string, string>();
    await kubelet({ images });
    await client.create(kinds.DEPLOYMENTS, { namespace }, workload('Deployment', { replicas: 1 }));
    const waiting = async () => JSON.stringify((await client.list(kinds.PODS, { namespace })).items);
    await eventually('the image is missing', waiting, (pods) => pods.includes('ErrImagePull'));
    for (const [image, id] of IMAGES) images.set(image, id);
    await readyPods(client, namespace, 1);
  });
});

describe('a StatefulSet', () => {
  test('gives the name again once the old pod is gone', async ({ client, namespace, kubelet }) => {
    await kubelet({ images: IMAGES });
    await client.create(kinds.STATEFUL_SETS, { namespace }, workload('StatefulSet', { serviceName: 'web' }));
    const { name, uid } = await firstOf(readyPods(client, namespace, 1));
    await client.delete(kinds.PODS, { namespace, name }, uid, { gracePeriodSeconds: 1 });
    const again = await eventually(
      'another web-0 is ready',
      () => webPods(client, namespace),
      ([pod]) => pod !== undefined && pod.uid !== uid && pod.ready,
    );
    expect(again.map((pod) => pod.name)).toEqual([name]);
  });
});

describe('a DaemonSet', () => {
  test('gets its pods on the nodes that it chose', async ({ client, namespace, kubelet }) => {
    await kubelet({ images: IMAGES, nodes: 2 });
    // Nodes of other tests are in the cluster too: choose one of ours.
    const chosen = `${namespace}-node-2`;
    const spec = { ...template.spec, nodeSelector: { 'kubernetes.io/hostname': chosen } };
    await client.create(
      kinds.DAEMON_SETS,
      { namespace },
      workload('DaemonSet', { template: { ...template, spec } }),
    );
    const pod = await firstOf(readyPods(client, namespace, 1));
    expect(pod.nodeName).toBe(chosen);
  });
});

describe('deleting', () => {
  test('with the uid of another pod is refused', async ({ client, namespace, kubelet }) => {
    await kubelet({ images: IMAGES });
    await client.create(kinds.DEPLOYMENTS, { namespace }, workload('Deployment', { replicas: 1 }));
    const { name } = await firstOf(readyPods(client, namespace, 1));
    const other = '00000000-0000-4000-8000-000000000000';
    await expect(client.delete(kinds.PODS, { namespace, name }, other)).rejects.toSatisfy(isConflict);
  });

  test('with grace 0 hides a pod at once, as on a real node', async ({ client, namespace, kubelet }) => {
    await kubelet({ images: IMAGES, timings: () => ({ stopMs: Infinity }) });
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'bare', labels }, spec: template.spec };
    await client.create(kinds.PODS, { namespace }, pod);
    const { name, uid } = await firstOf(readyPods(client, namespace, 1));
    await client.delete(kinds.PODS, { namespace, name }, uid, { gracePeriodSeconds: 0 });
    expect(await webPods(client, namespace)).toEqual([]);
  });
});
