// What matters to `die-operator doctor`: policies in force, and namespaces in which one of these isolates pods.
import type { KubeObject } from '../../api/meta.ts';
import { namespaceFacts } from '../../api/namespace.ts';
import type { AnyPolicy, PolicyKind } from '../../api/policy.ts';
import { compilePolicy, type CompiledPolicy } from '../../decide/policies.ts';
import { rulebookFor } from '../../decide/rulebook.ts';
import type { KubeClient } from '../../kube/client.ts';
import { listAll } from '../../kube/list-all.ts';
import { CLUSTER_DRIFT_POLICIES, DRIFT_POLICIES, NAMESPACES, type Resource } from '../../kube/resources.ts';
import type { DoctorContext } from './check.ts';

/** @throws KubeError */
export async function readScene(client: KubeClient): Promise<Pick<DoctorContext, 'isolating' | 'inForce'>> {
  const [own, cluster, spaces] = await Promise.all([
    policiesOf(client, DRIFT_POLICIES, 'DriftPolicy'),
    policiesOf(client, CLUSTER_DRIFT_POLICIES, 'ClusterDriftPolicy'),
    Array.fromAsync(listAll<KubeObject>(client, NAMESPACES)),
  ]);
  const all = new Map<string, CompiledPolicy>();
  const isolating = spaces.flatMap((object) => {
    const space = namespaceFacts(object);
    const inside = own.filter(({ namespace }) => namespace === space.name);
    const inForce = [...rulebookFor(space, inside, cluster).inForce.values()];
    for (const policy of inForce) all.set(policy.uid, policy);
    const policies = inForce.filter(isolates);
    return policies.length > 0 && !space.terminating ? [{ name: space.name, policies }] : [];
  });
  return { isolating, inForce: [...all.values()] };
}

async function policiesOf(
  client: KubeClient,
  resource: Resource,
  kind: PolicyKind,
): Promise<CompiledPolicy[]> {
  const all = await Array.fromAsync(listAll<AnyPolicy>(client, resource));
  return all.flatMap((policy) => {
    const compilation = compilePolicy(policy, kind);
    return compilation.accepted ? [compilation.policy] : [];
  });
}

function isolates({ mode, rungs }: CompiledPolicy): boolean {
  return mode === 'Enforce' && rungs.some(({ actions }) => actions.includes('Isolate'));
}
