// A cluster in memory for tests of `die-operator verify-images`, and what it finds there.
import type { KubeObject } from '../../../src/api/meta.ts';
import { API_VERSION } from '../../../src/api/names.ts';
import { verifyCluster } from '../../../src/commands/verify-images/from-cluster.ts';
import { NO_REGISTRIES, type Registries } from '../../../src/commands/verify-images/registries.ts';
import type { Report } from '../../../src/commands/verify-images/report.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { CONFIG_MAPS, DRIFT_POLICIES, PODS, type Resource } from '../../../src/kube/resources.ts';
import { createEmbeddedWorld } from '../../support/flow-test.ts';
import { IMAGE, type World } from '../../support/world.ts';

/** Of {@link IMAGE}. */
export const REPOSITORY = 'registry.example/shop/web';
/** A digest that nobody approved. */
export const OTHER = `sha256:${'9'.repeat(64)}`;

/** What is looked at, and how. */
export interface Asked {
  namespace?: string | undefined;
  selector?: string;
  client?: KubeClient;
  registries?: Registries;
}

/** See the file's first line. */
export class Stage {
  readonly world: World;
  readonly close: () => Promise<void>;

  constructor(world: World, close: () => Promise<void>) {
    this.world = world;
    this.close = close;
  }

  /** Looks into the namespace shop, unless it is told otherwise. */
  look({ client = this.world.client, registries = NO_REGISTRIES, ...asked }: Asked = {}): Promise<Report> {
    const request = { namespace: 'shop', ...asked };
    return verifyCluster({ client, clock: this.world.parts.clock, registries }, request);
  }

  /** A client that gets this answer, an HTTP status, where it reads certain resources. */
  answering(status: number, isMeant: (resource: Resource) => boolean): KubeClient {
    const reason = status === 403 ? 'Forbidden' : 'NotFound';
    return new Proxy(this.world.client, {
      get: (target, verb: 'get' | 'list') => {
        const call = target[verb].bind(target) as (resource: Resource, ...rest: unknown[]) => unknown;
        return (resource: Resource, ...rest: unknown[]) =>
          isMeant(resource)
            ? Promise.reject(new KubeError(`${verb} ${resource.plural}: refused`, { status, reason }))
            : call(resource, ...rest);
      },
    });
  }

  /** Has the kubelet resolve the tag anew, and one of three pods be made after that. @returns its name. */
  async movedTag(): Promise<string> {
    const { world } = this;
    const pods = await world.deployment(3, IMAGE);
    const { name = '', uid = '' } = pods[0]?.metadata ?? {};
    world.parts.images.set(IMAGE, OTHER);
    const before = new Set(pods.map(({ metadata }) => metadata.uid));
    await world.client.delete(PODS, { namespace: 'shop', name }, uid);
    return world.until('another pod runs', async () => {
      const now = await this.running();
      const made = now.find(({ metadata }) => !before.has(metadata.uid));
      const { containerStatuses } = (made?.['status'] ?? {}) as { containerStatuses?: { imageID: string }[] };
      const isMoved = containerStatuses?.[0]?.imageID.endsWith(OTHER) === true;
      return now.length === 3 && isMoved ? made?.metadata.name : undefined;
    });
  }

  /** Pods that are not on their way out. */
  async running(): Promise<KubeObject[]> {
    return (await this.world.list(PODS)).filter((pod) => pod.metadata.deletionTimestamp === undefined);
  }

  /** Makes a pod that is pinned to one digest and runs another, as where the runtime tells the configuration. */
  async pinnedToAnother(): Promise<void> {
    const [pod] = await this.world.deployment(1);
    const at = { namespace: 'shop', name: pod?.metadata.name ?? '', subresource: 'status' };
    const path = '/status/containerStatuses/0/imageID';
    await this.world.client.jsonPatch(PODS, at, [{ op: 'replace', path, value: `${REPOSITORY}@${OTHER}` }]);
  }

  createPolicy(of: object): Promise<KubeObject> {
    const metadata = { name: 'web', namespace: 'shop' };
    const spec = { responses: [{ name: 'note', actions: ['Label'] }], ...of };
    const body = { apiVersion: API_VERSION, kind: 'DriftPolicy', metadata, spec };
    return this.world.client.create<KubeObject>(DRIFT_POLICIES, { namespace: 'shop' }, body);
  }

  createList(namespace: string, data: Record<string, string>): Promise<KubeObject> {
    const metadata = { name: 'die-operator-approved-images', namespace };
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
    return this.world.client.create<KubeObject>(CONFIG_MAPS, { namespace }, body);
  }
}

/** Opens one with the namespace shop. */
export async function openStage(): Promise<Stage> {
  const { world, cluster } = await createEmbeddedWorld();
  return new Stage(world, async () => {
    await world.close();
    cluster.stop();
  });
}

/** `verdict/reason` of each container, sorted. */
export function verdictsOf({ images }: Report): string[] {
  return images.map(({ verdict, reason }) => `${verdict}/${reason}`).toSorted();
}
