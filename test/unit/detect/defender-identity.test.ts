// Whom an alert of Defender for Cloud tells of: nobody as soon as it contradicts itself, and nothing is left out that could
// contradict a container ID.
import { describe, expect, test } from 'vitest';
import { anAlert, CLUSTER, detectedIn, entities } from './defender-support.ts';

const SHORT = '2349fe66d55b';
const FULL = SHORT.padEnd(64, '0');
const pod = { name: 'cart-0', namespace: { $ref: '3' }, type: 'K8s-pod' };
const container = { name: 'app', containerId: FULL, type: 'container' };
const host = { hostName: 'node-1', type: 'host' };
const CLUSTER_ENTITY = { resourceId: CLUSTER, type: 'azure-resource' };

const detectionOf = (...more: object[]) => detectedIn(anAlert({ entities: entities(...more) }));
const identityOf = (...more: object[]) => detectionOf(...more).identity;

describe('a contradiction', () => {
  test.each<[string, object]>([
    ['two pods', { ...pod, name: 'cart-1' }],
    ['a pod that has no name', { ...pod, name: '' }],
    ['a pod of that name in another namespace', { ...pod, namespace: 'bank' }],
    ['two namespaces', { name: 'bank', type: 'K8s-namespace' }],
    ['two nodes', { ...host, hostName: 'node-2' }],
    ['two containers', { ...container, containerId: 'f'.repeat(64) }],
    ['two container IDs, one of them short', { ...container, containerId: 'f'.repeat(12) }],
    ['two names of a container', { ...container, name: 'sidecar' }],
  ])('leaves nobody told: %s', (_, other) => {
    for (const all of [
      [pod, container, host, other],
      [other, host, container, pod],
    ]) {
      const { identity, summary } = detectionOf(...all);
      expect(identity).toEqual({});
      expect(summary.confidence).toBe('Low');
      for (const key of ['hostname', 'containerID', 'containerName']) expect(summary).not.toHaveProperty(key);
    }
  });

  test('is not what is told twice, in another case or in part', () => {
    const again = [
      { ...pod },
      { ...host, hostName: 'NODE-1' },
      { ...container, containerId: `containerd://${SHORT}` },
      { name: 'SHOP', type: 'K8s-deployment' },
    ];
    expect(identityOf(pod, host, container, ...again)).toEqual({
      namespace: 'shop',
      podName: 'cart-0',
      containerId: FULL,
      containerName: 'app',
      hostname: 'node-1',
    });
  });
});

describe('a container ID', () => {
  const short = { containerId: SHORT, type: 'container' };

  test('is told with the pod that has to have it', () => {
    expect(identityOf(short, pod)).toEqual({ containerId: SHORT, namespace: 'shop', podName: 'cart-0' });
  });

  test('is told with a namespace, or a name, that is all there is of the pod', () => {
    expect(identityOf(short)).toEqual({ containerId: SHORT, namespace: 'shop' });
    const bare = { name: 'cart-0', type: 'K8s-pod' };
    const { identity } = detectedIn(anAlert({ entities: [CLUSTER_ENTITY, short, bare] }));
    expect(identity).toEqual({ containerId: SHORT, podName: 'cart-0' });
  });
});
