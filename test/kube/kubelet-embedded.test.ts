// The test bed itself: our kubelet plays the nodes of the embedded API, so that its own kubelet and ours can be compared.
import { expect, test } from 'vitest';
import { podFacts } from '../../src/api/pod.ts';
import { DEPLOYMENTS, PODS } from '../../src/kube/resources.ts';
import { createEmbeddedWorld } from '../support/flow-test.ts';
import { startKubelet } from '../support/kubelet.ts';
import { DIGEST } from '../support/world.ts';

/** Its own kubelet never starts a pod, and ends one only after the whole grace. */
const ASLEEP = { startMs: Infinity, stopMs: Infinity };

test('on the embedded API a response ends the same with the nodes played by our kubelet', async () => {
  const { world, cluster, clock } = await createEmbeddedWorld(1, { nodes: [], timings: ASLEEP });
  const { client, parts } = world;
  const nodes = ['ours-1', 'ours-2'];
  const kubelet = await startKubelet({ ...parts, nodes, schedules: false, timings: () => ({}) });
  try {
    const victim = podFacts(await world.victim(3));
    expect(nodes).toContain(victim.nodeName);
    expect(victim.containers[0]?.imageID).toBe(`registry.example/shop/web@${DIGEST}`);
    const operator = await world.operator();
    await world.policy();
    await operator.post(world.alert(await client.get(PODS, victim)));
    const over = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    expect(over.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Contained', status: 'True' }),
    );
    const [deployment] = await world.list(DEPLOYMENTS);
    await world.until('three pods are available', async () => {
      const found = await client.get(DEPLOYMENTS, {
        namespace: 'shop',
        name: deployment?.metadata.name ?? '',
      });
      return (found['status'] as { availableReplicas?: number }).availableReplicas === 3 || undefined;
    });
    expect(kubelet.problems).toEqual([]);
  } finally {
    await world.close();
    const stopped = kubelet.stop();
    await clock.advance(1000);
    await stopped;
    cluster.stop();
  }
});
