// The rulebook of each namespace, made when it is asked for and kept until something that it was made from changes.
import { unreadNamespace, type NamespaceFacts } from '../api/namespace.ts';
import { unreadableGrants } from '../decide/grants.ts';
import type { CompiledPolicy } from '../decide/policies.ts';
import { rulebookFor, type Rulebook } from '../decide/rulebook.ts';
import type { ResourceCache } from '../kube/cache.ts';
import type { PolicyEntry } from './caches.ts';

/** What rulebooks are made from. */
export interface RulebookSources {
  namespaces: Pick<ResourceCache<NamespaceFacts>, 'get' | 'subscribe'>;
  policies: Pick<ResourceCache<PolicyEntry>, 'byIndex' | 'subscribe'>;
  clusterPolicies: Pick<ResourceCache<PolicyEntry>, 'values' | 'subscribe'>;
}

/** See the file's first line. */
export class Rulebooks {
  readonly #sources: RulebookSources;
  readonly #books = new Map<string, Rulebook>();

  constructor(sources: RulebookSources) {
    this.#sources = sources;
    sources.policies.subscribe(({ value }) => this.#books.delete(value.policy.metadata.namespace ?? ''));
    sources.namespaces.subscribe(({ value }) => this.#books.delete(value.name));
    sources.clusterPolicies.subscribe(() => this.#books.clear());
  }

  /** Whether the labels of the namespace are known, so that ClusterDriftPolicies can select it. */
  knows(namespace: string): boolean {
    return this.#sources.namespaces.get(undefined, namespace) !== undefined;
  }

  /** The policies in force in a namespace, and what its own may do. */
  of(namespace: string): Rulebook {
    const { namespaces, policies, clusterPolicies } = this.#sources;
    const made = this.#books.get(namespace);
    if (made) return made;
    const space = namespaces.get(undefined, namespace);
    const own = accepted(policies.byIndex('namespace', namespace));
    const cluster = clusterPolicies.values();
    const unknown = unreadableGrants(cluster, space !== undefined);
    const book = rulebookFor(space ?? unreadNamespace(namespace), own, accepted(cluster), unknown);
    this.#books.set(namespace, book);
    return book;
  }
}

function accepted(entries: readonly PolicyEntry[]): CompiledPolicy[] {
  return entries.flatMap(({ compilation }) => (compilation.accepted ? [compilation.policy] : []));
}
