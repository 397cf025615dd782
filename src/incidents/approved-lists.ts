// The lists of approved images that ConfigMaps hold, read from time to time for the policies that ask for them.
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../api/meta.ts';
import { APPROVED_IMAGES_CONFIGMAP } from '../api/names.ts';
import { compileApproved, uniteApproved, type ApprovedImages } from '../decide/approved-images.ts';
import { readApproved } from '../decide/approved-text.ts';
import { listNamespaceOf, type CompiledPolicy } from '../decide/policies.ts';
import { sleep, type Clock } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import { isForbidden, isNotFound } from '../kube/errors.ts';
import { CONFIG_MAPS } from '../kube/resources.ts';
import type { Logger } from '../observe/log.ts';
import type { Caches } from './caches.ts';

/** What they are read with. */
export interface ApprovedListsOptions {
  client: KubeClient;
  clock: Clock;
  log: Logger;
  caches: Pick<Caches, 'policies' | 'clusterPolicies'>;
}

/**
 * Is told of each namespace whose list changed, or of which something else is wrong than before; the one of the system has that of
 * the cluster.
 */
export type ListListener = (namespace: string, what: { sameList: boolean }) => void;

interface Known {
  /** Absent: it was never read. */
  images?: ApprovedImages;
  /** Why it is not known as it is now, or what of it could not be read. */
  problem?: string;
}

/** How soon a change is noticed, in milliseconds. */
const POLL_MS = 30_000;
const PARALLEL = 4;
const UNREAD: Known = { problem: 'the list of approved images was not read yet' };
const AT = `ConfigMap ${APPROVED_IMAGES_CONFIGMAP}`;

/** See the file's first line. */
export class ApprovedLists {
  readonly #options: ApprovedListsOptions;
  /** By namespace. */
  readonly #known = new Map<string, Known>();
  readonly #listeners = new Set<ListListener>();
  readonly #reading = new Map<string, Promise<void>>();

  constructor(options: ApprovedListsOptions) {
    this.#options = options;
  }

  /** What a policy approves, with what its ConfigMap lists; undefined: it says nothing of images. */
  readonly of = (policy: CompiledPolicy): ApprovedImages | undefined => {
    const listed = policy.approvedFromConfigMap
      ? this.#known.get(listNamespaceOf(policy))?.images
      : undefined;
    return uniteApproved(policy.approvedImages, listed);
  };

  /** What is wrong with the ConfigMap of a policy, for people; undefined: nothing, or it asks for none. */
  readonly problemOf = (policy: CompiledPolicy): string | undefined =>
    policy.approvedFromConfigMap ? (this.#known.get(listNamespaceOf(policy)) ?? UNREAD).problem : undefined;

  /**
   * Reads the ConfigMaps of these policies once more: what was being read may be older than what the caller has seen. Never
   * rejects. @returns whether there are any.
   */
  async refresh(policies: Iterable<CompiledPolicy>): Promise<boolean> {
    const reading = [...policies].filter(({ approvedFromConfigMap }) => approvedFromConfigMap);
    const namespaces = [...new Set(reading.map(listNamespaceOf))];
    await Promise.all(
      namespaces.map(async (namespace) => {
        await this.#reading.get(namespace);
        await this.#read(namespace);
      }),
    );
    return namespaces.length > 0;
  }

  /** See {@link ListListener}. @returns ends it. */
  subscribe(listener: ListListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads all that is asked for, once. Never rejects. */
  async load(): Promise<void> {
    const wanted = this.#wanted();
    for (const namespace of this.#known.keys()) if (!wanted.has(namespace)) this.#known.delete(namespace);
    const queue = wanted.values();
    const worker = async () => {
      for (const namespace of queue) await this.#read(namespace);
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
  }

  /** Goes on reading until the signal fires; at once what a policy asks for that was never read. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, caches } = this.#options;
    let wake = new AbortController();
    const look = () => {
      if ([...this.#wanted()].some((namespace) => !this.#known.has(namespace))) wake.abort();
    };
    const cancels = [caches.policies.subscribe(look), caches.clusterPolicies.subscribe(look)];
    while (!signal.aborted) {
      await sleep(clock, POLL_MS, AbortSignal.any([signal, wake.signal]));
      wake = new AbortController();
      if (!signal.aborted) await this.load();
    }
    cancels.forEach((cancel) => cancel());
  }

  #wanted(): Set<string> {
    const { policies, clusterPolicies } = this.#options.caches;
    const all = [...policies.values(), ...clusterPolicies.values()];
    return new Set(
      all.flatMap(({ compilation }) =>
        compilation.accepted && compilation.policy.approvedFromConfigMap
          ? [listNamespaceOf(compilation.policy)]
          : [],
      ),
    );
  }

  #read(namespace: string): Promise<void> {
    const running = this.#reading.get(namespace);
    if (running) return running;
    const begun = this.#readOnce(namespace).finally(() => this.#reading.delete(namespace));
    this.#reading.set(namespace, begun);
    return begun;
  }

  async #readOnce(namespace: string): Promise<void> {
    const before = this.#known.get(namespace);
    const now = await this.#ask(namespace, before);
    this.#known.set(namespace, now);
    if (now.problem !== undefined && now.problem !== before?.problem)
      this.#options.log.warn({ namespace }, `approved images: ${now.problem}`);
    // What could not be read for a moment is no reason to verify every pod again.
    const isSame = isDeepStrictEqual(now.images, before?.images);
    if (isSame && now.problem === before?.problem) return;
    for (const tell of this.#listeners) tell(namespace, { sameList: isSame });
  }

  async #ask(namespace: string, before: Known | undefined): Promise<Known> {
    try {
      const at = { namespace, name: APPROVED_IMAGES_CONFIGMAP };
      const { data = {} } = await this.#options.client.get<KubeObject & { data?: Record<string, unknown> }>(
        CONFIG_MAPS,
        at,
      );
      const { images, problem } = readApproved(data);
      const told = problem === undefined ? {} : { problem: `${AT} in ${namespace}: ${problem}` };
      return { images: compileApproved(images), ...told };
    } catch (error) {
      if (isNotFound(error)) return { images: new Map(), problem: `there is no ${AT} in ${namespace}` };
      const why = isForbidden(error)
        ? 'may not be read: apply config/components/verification'
        : 'could not be read, and is as it was read last';
      return { ...before, problem: `${AT} in ${namespace} ${why}` };
    }
  }
}
