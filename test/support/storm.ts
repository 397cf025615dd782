// Many workloads for tests of limits and of the breaker, and what an operator spent on them.
import type { KubeObject } from '../../src/api/meta.ts';
import { SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { readBook, type Book } from '../../src/decide/ledger.ts';
import type { ObjectPath } from '../../src/kube/resources.ts';
import { CONFIG_MAPS, DEPLOYMENTS, PODS } from '../../src/kube/resources.ts';
import { ledgerOf, type TestOperator } from './test-operator.ts';
import { isReady, PINNED, type World } from './world.ts';

type ConfigMap = KubeObject & { data?: Record<string, string> };

/** Pods of each of {@link workloads}. */
export const COPIES = 2;

/** A list of everything costs a real API server that is at work more than an answer that comes later. */
const LOOK_MS = 500;

/** Where the ledger of the operators of that world is. */
export function ledgerAt(world: World): ObjectPath & { name: string } {
  return { namespace: SYSTEM_NAMESPACE, name: ledgerOf(world.namespace) };
}

/** What that ledger says. */
export async function bookOf(world: World): Promise<Book> {
  const { data } = await world.client.get<ConfigMap>(CONFIG_MAPS, ledgerAt(world));
  const book = readBook(data, world.parts.clock.now());
  if (typeof book === 'string') throw new Error(book);
  return book;
}

/** Evictions that were made, without those that were only tried out. */
export function evictionsOf({ writes }: Pick<TestOperator, 'writes'>): TestOperator['writes'] {
  return writes.filter(
    ({ path, status }) => path.includes('/eviction') && !path.includes('dryRun') && status < 300,
  );
}

/** Like `World.until`, but looks only now and then: for lists of all that there is. */
export async function seldom<T>(world: World, what: string, look: () => Promise<T | undefined>): Promise<T> {
  const { clock } = world.parts;
  let next = 0;
  return world.until(what, async () => {
    if (clock.now() < next) return undefined;
    const found = await look();
    next = clock.now() + LOOK_MS;
    return found;
  });
}

/** Deployments `app-0` and so on, all made at once, and waits for their pods: those of each. */
export async function workloads(world: World, count: number): Promise<KubeObject[][]> {
  const names = Array.from({ length: count }, (_, index) => `app-${index}`);
  await Promise.all(names.map((name) => createDeployment(world, name)));
  const pods = await seldom(world, 'Ready pods', async () => {
    const ready = (await world.list(PODS)).filter(isReady);
    return ready.length === count * COPIES ? ready : undefined;
  });
  const byApp = Map.groupBy(pods, ({ metadata }) => metadata.labels?.['app']);
  return names.map((name) => byApp.get(name) ?? []);
}

async function createDeployment({ client, namespace }: World, name: string): Promise<void> {
  const labels = { app: name };
  await client.create(
    DEPLOYMENTS,
    { namespace },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace },
      spec: {
        replicas: COPIES,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: PINNED }] } },
      },
    },
  );
}
