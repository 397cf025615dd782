// Logs of a node whose kubelet cannot be reached: what the API server then answers, and that nobody waits for it.
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { describe, expect } from 'vitest';
import { podFacts } from '../../src/api/pod.ts';
import { podLogs } from '../../src/evidence/collectors/logs.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { systemClock } from '../../src/kube/clock.ts';
import { NODES, PODS } from '../../src/kube/resources.ts';
import { imageTable } from '../support/pod-status.ts';
import { freePorts } from '../support/ports.ts';
import { eventually, realApiTest } from '../support/real-api-test.ts';
import { RecordingBundle } from '../unit/evidence/fakes.ts';

const IMAGE = 'registry.example/shop/web:1.4';

/** Takes connections and says nothing. */
const test = realApiTest.extend('silent', async ({}, { onCleanup }): Promise<number> => {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  onCleanup(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
});

/** The API server finds the kubelet of the pod's node at that port from now on. */
async function moveKubelet(client: KubeClient, node: string, port: number): Promise<void> {
  const path = '/status/daemonEndpoints/kubeletEndpoint/Port';
  const at = { name: node, subresource: 'status' };
  await client.jsonPatch(NODES, at, [{ op: 'replace', path, value: port }]);
}

/** The facts of a pod that has become Ready. */
async function readyPod(client: KubeClient, namespace: string) {
  const body = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web' },
    spec: { containers: [{ name: 'web', image: IMAGE }] },
  };
  await client.create(PODS, { namespace }, body);
  const pod = () => client.get(PODS, { namespace, name: 'web' });
  return podFacts(await eventually('the pod is ready', pod, (found) => podFacts(found).ready));
}

/** Collects the logs as a response does, and tells what is missing and how many milliseconds it took. */
async function collected(client: KubeClient, { namespace, name, uid }: ReturnType<typeof podFacts>) {
  const bundle = new RecordingBundle();
  const context = {
    client,
    clock: systemClock,
    signal: new AbortController().signal,
    incident: { namespace, name: 'incident', uid: 'incident' },
    target: { namespace, name, uid, labels: {}, containers: [] },
  };
  const start = performance.now();
  await podLogs.collect(context, bundle);
  return { problems: bundle.problems, ms: performance.now() - start };
}

describe('a kubelet', () => {
  test('that refuses holds nobody up: two tries for each log', async ({ client, namespace, kubelet }) => {
    await kubelet({ images: imageTable(IMAGE) });
    const pod = await readyPod(client, namespace);
    expect((await collected(client, pod)).problems).toEqual([]);

    const [closed = 0] = await freePorts(1);
    await moveKubelet(client, pod.nodeName ?? '', closed);
    const { problems, ms } = await collected(client, pod);
    const refusal = (run: string): unknown =>
      expect.stringMatching(`^logs: ${run} log of container web: cannot get Pod .* 500 .*connection refused`);
    expect(problems.toSorted()).toEqual([refusal('current'), refusal('previous')]);
    expect(ms).toBeLessThan(3_000);
  });

  test('that is silent is given up after eight seconds, before the API server does', async ({
    client,
    namespace,
    kubelet,
    silent,
  }) => {
    await kubelet({ images: imageTable(IMAGE) });
    const pod = await readyPod(client, namespace);
    await moveKubelet(client, pod.nodeName ?? '', silent);
    const { problems, ms } = await collected(client, pod);
    const silence: unknown = expect.stringMatching(
      /log of container web: cannot get Pod .* nothing came for 8000 ms$/,
    );
    expect(problems).toEqual([silence, silence]);
    expect(ms).toBeGreaterThan(7_000);
    expect(ms).toBeLessThan(15_000);
  });
});
