// The node of the tests is a real one: what runs on it was pulled, started and probed by the programs of a real cluster.
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { NODES } from '../../src/kube/resources.ts';
import { pinnedVersion } from '../cluster/pins.ts';
import { containerId, nodeTest } from './support/node-test.ts';

interface NodeObject extends KubeObject {
  status: {
    conditions: { type: string; status: string }[];
    nodeInfo: { kubeletVersion: string; containerRuntimeVersion: string };
  };
}

describe('the node', () => {
  nodeTest('is Ready, with the pinned kubelet and containerd', async ({ client, node }) => {
    const { status } = await client.get<NodeObject>(NODES, { name: node.places.nodeName });
    expect(status.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'True' }));
    expect(status.nodeInfo).toMatchObject({
      kubeletVersion: pinnedVersion('kube-node', 'k8s.io/kubernetes'),
      containerRuntimeVersion: expect.stringContaining('containerd://') as string,
    });
  });
});

describe('a Deployment of three', () => {
  nodeTest('runs from the registry, by digests that the registry gave', async ({ deploy, images }) => {
    const pods = await deploy('web', 3);
    const statuses = pods.flatMap((pod) => pod.status.containerStatuses);
    expect(images.peer).toMatch(/^localhost:5000\/peer@sha256:[0-9a-f]{64}$/);
    expect(statuses.map(({ imageID }) => imageID)).toEqual([images.peer, images.peer, images.peer]);
    expect(new Set(statuses.map(({ containerID }) => containerID)).size).toBe(3);
  });

  nodeTest(
    'keeps what is written in a container in a layer that the node can read',
    async ({ deploy, exec, node }) => {
      const [pod] = await deploy('web', 1);
      if (pod === undefined) throw new Error('there is no pod');
      await exec(pod, 'sh', '-c', 'echo dropped > /tmp/new && rm /etc/app.conf');
      const mounts = await node.run('cat', '/proc/self/mountinfo');
      const root = mounts.split('\n').find((line) => line.includes(`/${containerId(pod)}/rootfs`));
      const layer = /upperdir=([^,]+)/.exec(root ?? '')?.[1] ?? '';
      expect(await node.run('cat', `${layer}/tmp/new`)).toBe('dropped\n');
      // A deleted file of the image is a device 0:0 in the layer.
      expect(await node.run('stat', '-c', '%F %t:%T', `${layer}/etc/app.conf`)).toBe(
        'character special file 0:0\n',
      );
    },
  );

  nodeTest('has its processes in the control groups of the cluster', async ({ deploy, node }) => {
    const [pod] = await deploy('web', 1);
    if (pod === undefined) throw new Error('there is no pod');
    const groups = await node.run('sh', '-c', 'cat /proc/[0-9]*/cgroup 2>/dev/null || true');
    const own = groups.split('\n').filter((line) => line.endsWith(`/${containerId(pod)}`));
    expect(own.length).toBeGreaterThan(0);
    for (const line of own) expect(line).toContain(`:/${node.places.cgroup}/kubepods/`);
  });
});
