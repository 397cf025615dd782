// How long pods were in quarantine without the deny policy of their namespace, as the API server had it.
import type { KubeObject } from '../../../src/api/meta.ts';
import { QUARANTINE_LABEL, QUARANTINE_POLICY } from '../../../src/api/names.ts';
import type { EmbeddedCluster } from '../../../src/embedded/api-server.ts';
import { NAMESPACES, NETWORK_POLICIES, PODS } from '../../../src/kube/resources.ts';
import type { SimClock } from './clock.ts';

/** See the file's first line. Looks before each change that matters: so it has been since the last one. */
export class Exposure {
  readonly #cluster: EmbeddedCluster;
  readonly #clock: SimClock;
  readonly #namespace: string;
  #lookedAt = 0;
  #since: number | undefined;
  #longestMs = 0;

  constructor({ cluster, clock }: { cluster: EmbeddedCluster; clock: SimClock }, namespace: string) {
    this.#cluster = cluster;
    this.#clock = clock;
    this.#namespace = namespace;
    cluster.admission.push(({ resource, object, oldObject, dryRun }) => {
      const matters = resource === NETWORK_POLICIES || isLabelled(object) || isLabelled(oldObject);
      if (matters && !dryRun) this.#look();
      return undefined;
    });
  }

  /** The longest time until now, in milliseconds. */
  get longestMs(): number {
    this.#look();
    return this.#longestMs;
  }

  #look(): void {
    const now = this.#clock.elapsed();
    if (this.#isExposed()) {
      this.#since ??= this.#lookedAt;
      this.#longestMs = Math.max(this.#longestMs, now - this.#since);
    } else this.#since = undefined;
    this.#lookedAt = now;
  }

  #isExposed(): boolean {
    const { api } = this.#cluster;
    const namespace = this.#namespace;
    const space = api.get(NAMESPACES, { name: namespace });
    if (!space || space.metadata.deletionTimestamp !== undefined) return false;
    if (stands(api.get(NETWORK_POLICIES, { namespace, name: QUARANTINE_POLICY }))) return false;
    return api.list(PODS, namespace).some(isLabelled);
  }
}

/** Whether that is a policy that denies quarantined pods everything. */
export function stands(policy: KubeObject | undefined): boolean {
  const { podSelector, policyTypes, ingress, egress } = (policy?.['spec'] ?? {}) as Record<string, unknown>;
  return (
    JSON.stringify(podSelector) === JSON.stringify({ matchLabels: { [QUARANTINE_LABEL]: 'true' } }) &&
    JSON.stringify(policyTypes) === JSON.stringify(['Ingress', 'Egress']) &&
    ingress === undefined &&
    egress === undefined
  );
}

function isLabelled(object: KubeObject | undefined): boolean {
  return object?.kind === PODS.kind && QUARANTINE_LABEL in (object.metadata.labels ?? {});
}
