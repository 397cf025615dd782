// What is kept of a pod, as far as no other test is about it.
import { expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { podFacts } from '../../../src/api/pod.ts';

const NETWORKS = 'k8s.v1.cni.cncf.io/networks';
const STATUS = 'k8s.v1.cni.cncf.io/network-status';
const OF_CLUSTER = { name: 'cbr0', interface: 'eth0', ips: ['10.244.1.73'], default: true, dns: {} };
const ANOTHER = { name: 'shop/macvlan', interface: 'net1', ips: ['192.0.2.1'], dns: {} };

function withAnnotations(annotations: Record<string, string>): KubeObject {
  const metadata = {
    name: 'web-1',
    namespace: 'shop',
    uid: 'u',
    resourceVersion: '1',
    creationTimestamp: '',
  };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, annotations } };
}

test.each<[string, Record<string, string>, boolean]>([
  ['without annotations', {}, false],
  ['with the network of the cluster only', { [STATUS]: JSON.stringify([OF_CLUSTER], null, 4) }, false],
  ['that asks for none', { [NETWORKS]: ' [] ' }, false],
  ['that asks for one by name', { [NETWORKS]: 'macvlan' }, true],
  ['that asks for one as JSON', { [NETWORKS]: '[{"name": "macvlan"}]' }, true],
  ['that was given one unasked', { [STATUS]: JSON.stringify([OF_CLUSTER, ANOTHER], null, 4) }, true],
  ['with annotations that nobody can read', { [STATUS]: '{'.repeat(100_000) }, false],
])('a pod %s is known to be attached to other networks, or not', (_what, annotations, expected) => {
  expect(podFacts(withAnnotations(annotations)).otherNetworks ?? false).toBe(expected);
});
