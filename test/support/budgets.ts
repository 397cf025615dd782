// Disruption budgets for tests of whole responses.
import type { KubeObject } from '../../src/api/meta.ts';
import { POD_DISRUPTION_BUDGETS } from '../../src/kube/resources.ts';
import type { World } from './world.ts';

interface Budget extends KubeObject {
  status?: { currentHealthy?: number; disruptionsAllowed?: number };
}

/** Creates one for pods `app: web` and waits until its controller has counted them. */
export async function budget(world: World, name: string, spec: object): Promise<KubeObject> {
  const { namespace } = world;
  const selector = { matchLabels: { app: 'web' } };
  const made = await world.client.create<KubeObject>(
    POD_DISRUPTION_BUDGETS,
    { namespace },
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name, namespace },
      spec: { selector, ...spec },
    },
  );
  await world.until('the budget is counted', async () => {
    const healthy = (await budgetStatus(world, name))?.currentHealthy ?? 0;
    return healthy > 0 ? healthy : undefined;
  });
  return made;
}

/** Its status. */
export async function budgetStatus(world: World, name: string): Promise<Budget['status']> {
  const { namespace } = world;
  return (await world.client.get<Budget>(POD_DISRUPTION_BUDGETS, { namespace, name })).status;
}
