// What the network of this cluster has besides NetworkPolicies: it is looked for when a leader starts, and again and again.
import { isDeepStrictEqual } from 'node:util';
import { BACKEND_POLICIES } from '../api/names.ts';
import type { KubeObject } from '../api/meta.ts';
import { calicoClosures, clusterPolicyClosures } from '../decide/backends.ts';
import type { CiliumPolicyFacts } from '../api/cilium-policy.ts';
import type { Closure } from '../decide/residual.ts';
import { AccessReviews } from '../kube/access-reviews.ts';
import { sleep, type Cancel } from '../kube/clock.ts';
import { servedPlurals } from '../kube/discovery.ts';
import {
  CALICO_GLOBAL_NETWORK_POLICIES,
  CALICO_TIERS,
  CILIUM_CLUSTERWIDE_NETWORK_POLICIES,
  CILIUM_NETWORK_POLICIES,
  CLUSTER_NETWORK_POLICIES,
  type Resource,
} from '../kube/resources.ts';
import type { CacheOptions } from './caches.ts';
import { CiliumPolicies, type CiliumState, type Concerned } from './cilium-policies.ts';

// An installation that comes later is found within this time.
const LOOK_MS = 10 * 60_000;
// What is counted on and not watched is looked at more often: it may be removed. So is what could not be found out.
const LOOK_AGAIN_MS = 30_000;

// Kinds of policies that can allow what a NetworkPolicy denies, and that are not read.
const UNREAD = [
  { group: 'crd.projectcalico.org', version: 'v1', plural: 'globalnetworkpolicies', name: 'Calico' },
  {
    group: 'policy.networking.k8s.io',
    version: 'v1alpha1',
    plural: 'adminnetworkpolicies',
    name: 'AdminNetworkPolicy',
  },
  {
    group: 'policy.networking.k8s.io',
    version: 'v1alpha2',
    plural: 'clusternetworkpolicies',
    name: 'ClusterNetworkPolicy',
  },
  { group: 'crd.antrea.io', version: 'v1beta1', plural: 'clusternetworkpolicies', name: 'Antrea' },
] as const;

interface Found {
  cilium: CiliumState;
  closures: readonly Closure[];
  unread: readonly string[];
}

const NOTHING_KNOWN: Found = { cilium: 'Unknown', closures: [], unread: [] };

/** See the file's first line. Nothing is known before `run`. */
export class Backends {
  readonly #options: CacheOptions;
  readonly #reviews: AccessReviews;
  readonly #cilium: CiliumPolicies;
  readonly #listeners = new Set<(concerned: Concerned) => void>();
  #closures: readonly Closure[] = [];
  #unread: readonly string[] = [];

  constructor(options: CacheOptions) {
    this.#options = options;
    this.#reviews = new AccessReviews(options);
    this.#cilium = new CiliumPolicies(options, (concerned) => this.#tell(concerned));
  }

  /** Why it is not known what other policies allow, in words; undefined if it is. */
  get blind(): string | undefined {
    return this.#cilium.blind;
  }

  /** What backends close that are looked at and not watched. */
  get closures(): readonly Closure[] {
    return this.#closures;
  }

  /** Whose policies are served that may allow more, and are not read. */
  get unread(): readonly string[] {
    return this.#unread;
  }

  /** Cilium's policies that can concern pods of a namespace. */
  ciliumPolicies(namespace: string): readonly CiliumPolicyFacts[] {
    return this.#cilium.of(namespace);
  }

  /** Calls `listener` when something changed, from now on. */
  subscribe(listener: (concerned: Concerned) => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Looks and watches until the signal fires. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      // An API server that hangs must not hold up a stop.
      const found = await Promise.race([this.#look(), sleep(clock, LOOK_AGAIN_MS, signal)]);
      if (signal.aborted) break;
      const { cilium, closures, unread } = found ?? NOTHING_KNOWN;
      // Watches that run tell more than a look that failed.
      if (cilium !== 'Unknown') this.#cilium.become(cilium, signal);
      this.#become(closures, unread);
      const isUnsure = cilium === 'Unknown' || closures.length > 0;
      await sleep(clock, isUnsure ? LOOK_AGAIN_MS : LOOK_MS, signal);
    }
    // The next leader term begins anew. Nobody is told: whoever listens is about to stop.
    this.#cilium.forget();
    this.#closures = [];
    this.#unread = [];
  }

  #become(closures: readonly Closure[], unread: readonly string[]): void {
    const changed = !isDeepStrictEqual([closures, unread], [this.#closures, this.#unread]);
    this.#closures = closures;
    this.#unread = unread;
    if (changed) this.#tell('All');
  }

  #tell(concerned: Concerned): void {
    for (const listener of this.#listeners) listener(concerned);
  }

  async #look(): Promise<Found> {
    const [cilium, calico, cluster, unread] = await Promise.all([
      this.#lookForCilium(),
      this.#lookForCalico(),
      this.#lookForClusterPolicy(),
      this.#lookForUnread(),
    ]);
    return { cilium, closures: [...calico, ...cluster], unread };
  }

  async #lookForUnread(): Promise<string[]> {
    const { client, log } = this.#options;
    const served = await Promise.all(
      UNREAD.map(async ({ plural, name, ...version }) => {
        try {
          return (await servedPlurals(client, version)).has(plural) ? [name] : [];
        } catch (err) {
          log.debug({ err, name }, 'whether the cluster has such policies was not told');
          return [];
        }
      }),
    );
    return served.flat();
  }

  async #lookForCilium(): Promise<CiliumState> {
    const [namespace] = this.#options.namespaces ?? [];
    try {
      const served = await servedPlurals(this.#options.client, CILIUM_NETWORK_POLICIES);
      const both = [CILIUM_NETWORK_POLICIES, CILIUM_CLUSTERWIDE_NETWORK_POLICIES];
      if (!both.some(({ plural }) => served.has(plural))) return 'Absent';
      const allowed = await Promise.all(
        both.flatMap((resource) => {
          const at = resource.namespaced && namespace !== undefined ? { namespace } : {};
          return (['list', 'watch'] as const).map((verb) => this.#reviews.mayDo({ verb, resource, at }));
        }),
      );
      return allowed.every(Boolean) ? 'Served' : 'Forbidden';
    } catch (err) {
      this.#options.log.debug({ err }, 'whether the cluster has policies of Cilium was not told');
      return 'Unknown';
    }
  }

  async #lookForCalico(): Promise<Closure[]> {
    const [policy, tier] = await Promise.all([
      this.#specOf(CALICO_GLOBAL_NETWORK_POLICIES, BACKEND_POLICIES.calico),
      this.#specOf(CALICO_TIERS, BACKEND_POLICIES.calicoTier),
    ]);
    return calicoClosures(policy, tier);
  }

  async #lookForClusterPolicy(): Promise<Closure[]> {
    return clusterPolicyClosures(
      await this.#specOf(CLUSTER_NETWORK_POLICIES, BACKEND_POLICIES.clusterNetworkPolicy),
    );
  }

  // What cannot be read closes nothing. Without the component the right is missing, and nothing is asked for.
  async #specOf(resource: Resource, name: string): Promise<unknown> {
    const { client, log } = this.#options;
    try {
      const served = await servedPlurals(client, resource);
      if (!served.has(resource.plural)) return undefined;
      if (!(await this.#reviews.mayDo({ verb: 'get', resource, at: { name } }))) return undefined;
      return (await client.get<KubeObject>(resource, { name }))['spec'];
    } catch (err) {
      log.debug({ err, resource: resource.plural, name }, 'a policy of the network could not be read');
      return undefined;
    }
  }
}
