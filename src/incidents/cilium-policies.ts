// The policies of Cilium, kept up to date where the API server serves them and they may be read.
import { ciliumPolicyFacts, type CiliumPolicyFacts } from '../api/cilium-policy.ts';
import { ResourceCache } from '../kube/cache.ts';
import { CILIUM_CLUSTERWIDE_NETWORK_POLICIES, CILIUM_NETWORK_POLICIES } from '../kube/resources.ts';
import type { CacheOptions } from './caches.ts';

/** Where things stand with the policies of Cilium. */
export type CiliumState = 'Unknown' | 'Absent' | 'Forbidden' | 'Served';

/** Which namespaces a change concerns: one, or all of them. */
export type Concerned = { namespace: string } | 'All';

type Policies = ResourceCache<CiliumPolicyFacts>;

/** See the file's first line. Absent or forbidden, they hold nothing else up. */
export class CiliumPolicies {
  readonly #options: CacheOptions;
  readonly #tell: (concerned: Concerned) => void;
  #state: CiliumState = 'Unknown';
  #running: { caches: readonly Policies[]; stop: AbortController } | undefined;

  /** @param tell is called when policies change, or what is known about them. */
  constructor(options: CacheOptions, tell: (concerned: Concerned) => void) {
    this.#options = options;
    this.#tell = tell;
  }

  /** Why it is not known what Cilium's policies say, in words; undefined if it is, or if there are none. */
  get blind(): string | undefined {
    switch (this.#state) {
      case 'Absent':
        return undefined;
      case 'Unknown':
        return 'whether this cluster has policies of Cilium is not known yet';
      case 'Forbidden':
        return "what Cilium's own policies allow is not known, since the responder may not read them: apply config/components/cilium";
      case 'Served':
        return this.#isSynced ? undefined : "Cilium's own policies are still being read";
    }
  }

  /** The policies that can concern pods of a namespace; none while they are not all known. */
  of(namespace: string): readonly CiliumPolicyFacts[] {
    if (!this.#running || !this.#isSynced) return [];
    return this.#running.caches.flatMap((cache) => [
      ...cache.byIndex('namespace', namespace),
      ...cache.byIndex('namespace', ''),
    ]);
  }

  /** Watches them from now on if they are served, until another state is set or the signal fires. */
  become(state: CiliumState, signal: AbortSignal): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#running?.stop.abort();
    this.#running = state === 'Served' ? this.#start(signal) : undefined;
    this.#tell('All');
  }

  /** Knows nothing any more, and tells nobody. */
  forget(): void {
    this.#running?.stop.abort();
    this.#running = undefined;
    this.#state = 'Unknown';
  }

  get #isSynced(): boolean {
    return this.#running?.caches.every(({ isSynced }) => isSynced) ?? false;
  }

  #start(signal: AbortSignal): { caches: readonly Policies[]; stop: AbortController } {
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    const indexes = { namespace: ({ namespace }: CiliumPolicyFacts) => [namespace] };
    const caches = [
      new ResourceCache<CiliumPolicyFacts>({
        ...this.#options,
        resource: CILIUM_NETWORK_POLICIES,
        project: ciliumPolicyFacts('CiliumNetworkPolicy'),
        indexes,
      }),
      new ResourceCache<CiliumPolicyFacts>({
        ...this.#options,
        namespaces: undefined,
        resource: CILIUM_CLUSTERWIDE_NETWORK_POLICIES,
        project: ciliumPolicyFacts('CiliumClusterwideNetworkPolicy'),
        indexes,
      }),
    ];
    for (const cache of caches) {
      cache.subscribe(({ value: { namespace } }) => this.#tell(namespace === '' ? 'All' : { namespace }));
      // What is there now was told of one by one; that nothing is missing any more is told once.
      void cache.synced.then(() => this.#tell('All'));
      void cache.run(either);
    }
    return { caches, stop };
  }
}
