// A policy that asks for comparisons, the next of which comes soon: when it comes follows from UIDs, so one is made anew until it does.
import { podFacts } from '../../../src/api/pod.ts';
import type { ClusterDriftPolicy } from '../../../src/api/policy.ts';
import { API_VERSION } from '../../../src/api/names.ts';
import { candidateOf, planComparisons } from '../../../src/decide/comparison.ts';
import { compilePolicy } from '../../../src/decide/policies.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { CLUSTER_DRIFT_POLICIES } from '../../../src/kube/resources.ts';
import type { RunningPod } from './node-test.ts';
import { UNPROTECTED } from '../../support/matched.ts';

/** Due by then, in milliseconds; and still so when the operator has had time to look. */
const SOON_MS = 45_000;
const LOOKED_MS = 100_000;
const MANY_TRIES = 500;

/**
 * Creates it for pods of one workload.
 * @param since when the operator became the leader, or before, in milliseconds since the epoch.
 */
export async function policyComparedSoon(
  client: KubeClient,
  { name, spec, pods, since }: { name: string; spec: object; pods: readonly RunningPod[]; since: number },
): Promise<ClusterDriftPolicy> {
  const metadata = { name };
  const kind = 'ClusterDriftPolicy';
  for (let tries = 0; tries < MANY_TRIES; tries++) {
    const body = { apiVersion: API_VERSION, kind, metadata, spec };
    const made = (await client.create(CLUSTER_DRIFT_POLICIES, {}, body)) as unknown as ClusterDriftPolicy;
    const compilation = compilePolicy(made, kind);
    if (!compilation.accepted) throw new Error(JSON.stringify(compilation.problems));
    const candidates = pods.flatMap(
      (pod) => candidateOf(podFacts(pod), [compilation.policy], UNPROTECTED) ?? [],
    );
    const isDueAt = (now: number) => {
      const idle = { last: new Map(), running: new Set<string>(), busy: new Set<string>() };
      return planComparisons(candidates, { ...idle, since, now }).start.length > 0;
    };
    const now = Date.now();
    if (isDueAt(now + SOON_MS) && isDueAt(now + LOOKED_MS)) return made;
    await client.delete(CLUSTER_DRIFT_POLICIES, metadata, made.metadata.uid);
  }
  throw new Error(`no policy of ${MANY_TRIES} was one whose comparison comes soon`);
}
