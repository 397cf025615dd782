// `flowTest`: a test of a whole response, with a world of its own. It is on the control plane that the run provides
// (real-api.ts), or else on the embedded API; the tests are the same.
import { setTimeout as sleep } from 'node:timers/promises';
import { inject, test as base } from 'vitest';
import {
  createEmbeddedCluster,
  type EmbeddedCluster,
  type EmbeddedClusterOptions,
} from '../../src/embedded/api-server.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { systemClock } from '../../src/kube/clock.ts';
import { createKubeClient } from '../../src/kube/http-client.ts';
import { NAMESPACES } from '../../src/kube/resources.ts';
import { createUndiciTransport } from '../../src/kube/undici-transport.ts';
import { connectionFor } from './cluster-access.ts';
import type { PodTimings } from './pod-stages.ts';
import type { RealApi } from './real-api.ts';
import { crdTest, needsControllers } from './real-api-test.ts';
import { seededRandom } from './seeded-random.ts';
import { ensureSystemNamespace } from './system-namespace.ts';
import { VirtualClock } from './virtual-clock.ts';
import { DIGEST, IMAGE, PINNED, World } from './world.ts';

const POLL_MS = 25;
// Below the limit of a test (flow/vitest.config.ts): so the wait tells what it waited for.
const PATIENCE_MS = 60_000;

/** Digests of the images in tests. */
function fillImages(images: Map<string, string>): Map<string, string> {
  for (const image of [IMAGE, PINNED]) images.set(image, DIGEST);
  return images;
}

/** A world on an embedded cluster of its own, in virtual time. */
export interface EmbeddedWorld {
  world: World;
  cluster: EmbeddedCluster;
  clock: VirtualClock;
}

/** Makes one, with the namespace `shop`. */
export async function createEmbeddedWorld(
  seed = 1,
  nodes: Pick<EmbeddedClusterOptions, 'nodes' | 'timings'> = {},
): Promise<EmbeddedWorld> {
  const clock = new VirtualClock();
  const random = seededRandom(seed);
  const cluster = createEmbeddedCluster({ clock, random, ...nodes });
  cluster.start();
  const client = createKubeClient({ transport: cluster.transport, clock, random, userAgent: 'test' });
  const namespace = 'shop';
  const metadata = { name: namespace };
  await client.create<KubeObject>(NAMESPACES, {}, { apiVersion: 'v1', kind: 'Namespace', metadata });
  await ensureSystemNamespace(client);
  // Pods need its service account, which a controller makes.
  await clock.advance(POLL_MS);
  const world = new World({
    namespace,
    client,
    clock,
    random,
    transport: cluster.transport,
    images: fillImages(cluster.images),
    timings: cluster.timings,
    tick: () => clock.advance(POLL_MS),
    patienceMs: PATIENCE_MS,
  });
  return { world, cluster, clock };
}

/** A test in virtual time, for histories that no real API server can be made to have: `embedded` is its cluster. */
export const simulationTest = base.extend('embedded', async ({}, { onCleanup }): Promise<EmbeddedWorld> => {
  const made = await createEmbeddedWorld();
  onCleanup(async () => {
    await made.world.close();
    made.cluster.stop();
  });
  return made;
});

const embeddedTest = base.extend('world', async ({}, { onCleanup }): Promise<World> => {
  const { world, cluster } = await createEmbeddedWorld();
  onCleanup(async () => {
    await world.close();
    cluster.stop();
  });
  return world;
});

const realTest = crdTest.extend(
  'world',
  async ({ access, client, namespace, kubelet, skip }, { onCleanup }): Promise<World> => {
    needsControllers(access, skip);
    const images = fillImages(new Map());
    const timings: Partial<PodTimings> = {};
    await kubelet({ images, nodes: 2, timings: () => timings });
    const transport = createUndiciTransport(connectionFor(access, access.admin));
    const world = new World({
      namespace,
      client,
      transport,
      images,
      timings,
      clock: systemClock,
      random: Math.random,
      tick: () => sleep(POLL_MS),
      patienceMs: PATIENCE_MS,
    });
    onCleanup(async () => {
      await world.close();
      await transport.close();
    });
    return world;
  },
);

// Both give a `world`; what else the real one has is not for flows. Without a setup nothing is provided.
export const flowTest: typeof embeddedTest = (inject('realApi') as RealApi | undefined)
  ? (realTest as unknown as typeof embeddedTest)
  : embeddedTest;
