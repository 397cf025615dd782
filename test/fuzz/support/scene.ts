// A small cluster in which something is about to happen: a Deployment of two, a policy, and pods of others.
import type { KubeObject } from '../../../src/api/meta.ts';
import { SYSTEM_NAMESPACE } from '../../../src/api/names.ts';
import { validators, type Validator } from '../../../src/api/validate.ts';
import { createEmbeddedCluster, type EmbeddedCluster } from '../../../src/embedded/api-server.ts';
import { ensureNamespace } from '../../../src/embedded/seed.ts';
import { createKubeClient } from '../../../src/kube/http-client.ts';
import { DRIFT_POLICIES, PODS } from '../../../src/kube/resources.ts';
import { aPolicy } from '../../support/builders.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { DIGEST, PINNED, World } from '../../support/world.ts';

/** See the file's first line. The same seed gives the same names and UIDs. */
export interface Scene {
  world: World;
  cluster: EmbeddedCluster;
  clock: VirtualClock;
  victim: KubeObject;
  sibling: KubeObject;
  /** Pods that no incident is about: `shop/other`, one of the victim's name in another namespace, a protected one. */
  strangers: readonly KubeObject[];
  /** Whether incidents are stored though they break the schema, as one of another version would let them. */
  lax: boolean;
  close(): Promise<void>;
}

const POLL_MS = 25;
const PATIENCE_MS = 60_000;
const SEED = 7;

/** Sets it up. @param policy `spec` of the policy `web`. */
export async function setScene(policy: object): Promise<Scene> {
  const clock = new VirtualClock();
  const random = seededRandom(SEED);
  const scene = { lax: false };
  const driftincidents: Validator = (object, old) => {
    const verdict = validators.driftincidents(object, old);
    return scene.lax ? { ...verdict, problems: [] } : verdict;
  };
  const cluster = createEmbeddedCluster({ clock, random, validators: { ...validators, driftincidents } });
  cluster.images.set(PINNED, DIGEST);
  cluster.start();
  ensureNamespace(cluster.api, 'shop');
  ensureNamespace(cluster.api, 'other');
  // Where the ledger is, without which nothing is evicted.
  ensureNamespace(cluster.api, SYSTEM_NAMESPACE);
  const world = new World({
    namespace: 'shop',
    client: createKubeClient({ transport: cluster.transport, clock, random, userAgent: 'test' }),
    clock,
    random,
    transport: cluster.transport,
    images: cluster.images,
    tick: () => clock.advance(POLL_MS),
    patienceMs: PATIENCE_MS,
  });
  const [victim, sibling] = await world.deployment(2);
  if (!victim || !sibling) throw new Error('a Deployment of two has two pods');
  const { apiVersion, kind, spec } = aPolicy(policy);
  // One in a protected namespace, where it must do nothing.
  for (const namespace of ['shop', 'kube-system']) {
    cluster.api.create(DRIFT_POLICIES, namespace, { apiVersion, kind, metadata: { name: 'web' }, spec });
  }
  const strangers = [
    cluster.api.create(PODS, 'shop', stranger('other')),
    cluster.api.create(PODS, 'other', stranger(victim.metadata.name)),
    cluster.api.create(PODS, 'kube-system', stranger('agent')),
  ];
  // They start.
  await clock.advance(1_000);
  const close = async () => {
    await world.close();
    cluster.stop();
  };
  return Object.assign(scene, { world, cluster, clock, victim, sibling, strangers, close });
}

function stranger(name: string): object {
  return {
    metadata: { name, labels: { app: 'other' } },
    spec: { containers: [{ name: 'other', image: PINNED }] },
  };
}
