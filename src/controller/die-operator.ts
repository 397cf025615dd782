// die-operator as an Operator of @dot-i/k8s-operator: its form and verbs, over our own client.
//
// The library's transport is not used: it exits the process on a broken watch and on stop(), loses events whose
// handler throws, lets one slow handler block all others, and hides failed writes. What each inherited member does now:
//
// | member                           | now                                                                     |
// | -------------------------------- | ----------------------------------------------------------------------- |
// | constructor                      | inherited: loads the user's kubeconfig, sends nothing                   |
// | start                            | overridden: may be called again after a stop                            |
// | stop                             | overridden: ends parts and watches by a signal; never exits the process |
// | init                             | overridden: starts the parts                                            |
// | registerCustomResourceDefinition | overridden: our client; a definition that exists is no error            |
// | getCustomResourceApiUri          | overridden: escapes every part                                          |
// | watchResource                    | overridden: list and watch, objects side by side, failures again        |
// | setResourceStatus                | overridden: verbs.ts                                                    |
// | patchResourceStatus              | overridden: verbs.ts                                                    |
// | handleResourceFinalizer          | overridden: verbs.ts                                                    |
// | setResourceFinalizers            | overridden: verbs.ts                                                    |
// | applyAxiosKubeConfigAuth         | overridden: rejects, so that nobody sends past our client               |
// | applyGaxiosKubeConfigAuth        | overridden: rejects, as above                                           |
// | resourceStatusRequest            | private, shadowed: rejects; only the status verbs called it             |
// | errorToJson                      | private, inherited: a pure function that nothing calls any more         |
// | eventQueue, watchRequests        | private, inherited: stay empty                                          |
// | resourcePathBuilders             | private, inherited: stays empty                                         |
import { readFile } from 'node:fs/promises';
import dotI from '@dot-i/k8s-operator';
import type {
  ResourceEvent as LibraryEvent,
  ResourceMeta as LibraryMeta,
  OperatorLogger,
} from '@dot-i/k8s-operator';
import type { V1CustomResourceDefinitionVersion } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { z } from 'zod';
import type { KubeClient, Selection } from '../kube/client.ts';
import type { Clock, Random } from '../kube/clock.ts';
import { isAlreadyExists } from '../kube/errors.ts';
import type { Log } from '../kube/log.ts';
import { resourcePath, type Resource } from '../kube/resources.ts';
import type { ResourceEvent, ResourceMeta } from './resource-event.ts';
import { createVerbs, type Verbs } from './verbs.ts';
import { watchObjects } from './watch-objects.ts';

/** A part of the operator. */
export interface Part {
  /** For messages. */
  name: string;
  /** Works until the signal fires, and resolves when it has ended. A rejection ends the whole operator. */
  start: (signal: AbortSignal) => Promise<void>;
}

/** What the operator is made of. */
export interface DieOperatorOptions {
  parts: readonly Part[];
  client: KubeClient;
  clock: Clock;
  random: Random;
  log: Log & { info(fields: object, message: string): void };
}

const DEFINITIONS: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};
const DefinitionSchema = z.looseObject({
  apiVersion: z.string().startsWith('apiextensions.k8s.io/'),
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({
    group: z.string(),
    names: z.looseObject({ plural: z.string() }),
    versions: z.array(z.looseObject({ name: z.string(), served: z.boolean(), storage: z.boolean() })),
  }),
});

/** See the file's first line. Only the command `run` makes one, since the constructor reads the user's kubeconfig. */
export class DieOperator extends dotI.default {
  readonly #options: DieOperatorOptions;
  readonly #verbs: Verbs;
  #stop: AbortController | undefined;
  /** What runs in the background of the present run. */
  #work: Promise<void>[] = [];
  #failure: { error: unknown } | undefined;

  constructor(options: DieOperatorOptions) {
    super(libraryLogger(options.log));
    this.#options = options;
    this.#verbs = createVerbs(options.client);
    Object.defineProperty(this, 'resourceStatusRequest', { value: refuseToSend });
  }

  /** Starts the parts, and resolves once they are started; {@link finished} tells of their end. */
  override async start(): Promise<void> {
    if (this.#stop) throw new Error('die-operator is running already');
    this.#stop = new AbortController();
    this.#failure = undefined;
    await this.init();
  }

  /** Asks every part and watch to end. */
  override stop(): void {
    this.#stop?.abort();
  }

  /** Resolves when every part and watch has ended, or rejects with what failed first; then start may be called again. */
  async finished(): Promise<void> {
    // A part may start a watch: what is added meanwhile is waited for too.
    for (const work of this.#work) await work;
    this.#work = [];
    this.#stop = undefined;
    if (this.#failure) throw this.#failure.error;
  }

  protected override async init(): Promise<void> {
    const signal = this.#signal();
    const begin = async (part: Part) => part.start(signal);
    for (const part of this.#options.parts) this.#track(part.name, begin(part));
  }

  /** Registers the definition in that YAML file; one that exists is left as it is. */
  override async registerCustomResourceDefinition(
    crdFile: string,
  ): Promise<{ group: string; versions: V1CustomResourceDefinitionVersion[]; plural: string }> {
    const definition = DefinitionSchema.parse(parse(await readFile(crdFile, 'utf8')));
    try {
      await this.#options.client.create(DEFINITIONS, {}, definition);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    const { group, versions, names } = definition.spec;
    return { group, versions, plural: names.plural };
  }

  /** URL of a kind, or of the kind in a namespace. */
  override getCustomResourceApiUri(
    group: string,
    version: string,
    plural: string,
    namespace?: string,
  ): string {
    const resource = resourceFor(group, version, plural, namespace);
    const server = this.kubeConfig.getCurrentCluster()?.server ?? '';
    return `${server}${resourcePath(resource, namespace === undefined ? {} : { namespace })}`;
  }

  /**
   * Watches a kind until the stop. Resolves when all objects that were there at the start were handed to `onEvent`, or
   * at the stop. How `onEvent` is called: see {@link watchObjects}.
   */
  // oxlint-disable-next-line max-params -- the library's signature
  override async watchResource(
    group: string,
    version: string,
    plural: string,
    onEvent: (event: LibraryEvent) => Promise<void>,
    namespace?: string,
    selectors: Pick<Selection, 'labelSelector' | 'fieldSelector'> = {},
  ): Promise<void> {
    const { client, clock, random, log } = this.#options;
    const signal = this.#signal();
    const resource = resourceFor(group, version, plural, namespace);
    const selection = { ...selectors, ...(namespace !== undefined && { namespace }) };
    const handOver = (event: ResourceEvent) => onEvent(toLibrary(event));
    const options = { client, clock, random, log, signal, resource, selection, onEvent: handOver };
    const { synced, ended } = watchObjects(options);
    this.#track(`watch of ${plural}`, ended);
    await Promise.race([synced, ended]);
  }

  override async setResourceStatus(meta: LibraryMeta, status: unknown): Promise<ResourceMeta> {
    return this.#verbs.setResourceStatus(fromLibrary(meta), status);
  }

  override async patchResourceStatus(meta: LibraryMeta, status: unknown): Promise<ResourceMeta> {
    return this.#verbs.patchResourceStatus(fromLibrary(meta), status);
  }

  override async handleResourceFinalizer(
    event: LibraryEvent,
    finalizer: string,
    deleteAction: (event: LibraryEvent) => Promise<void>,
  ): Promise<boolean> {
    const ours = { ...event, meta: fromLibrary(event.meta) } as unknown as ResourceEvent;
    return this.#verbs.handleResourceFinalizer(ours, finalizer, () => deleteAction(event));
  }

  override async setResourceFinalizers(meta: LibraryMeta, finalizers: string[]): Promise<void> {
    return this.#verbs.setResourceFinalizers(fromLibrary(meta), finalizers);
  }

  override applyAxiosKubeConfigAuth(): Promise<void> {
    return refuseToSend();
  }

  override applyGaxiosKubeConfigAuth(): Promise<void> {
    return refuseToSend();
  }

  #signal(): AbortSignal {
    if (!this.#stop) throw new Error('die-operator is not running: call start() first');
    return this.#stop.signal;
  }

  #track(name: string, work: Promise<void>): void {
    const ended = work.catch((error: unknown) => {
      this.#options.log.error({ err: error }, `${name} failed, so die-operator ends`);
      this.#failure ??= { error };
      this.stop();
    });
    this.#work.push(ended);
  }
}

function refuseToSend(): Promise<never> {
  return Promise.reject(new Error('die-operator sends through its own client only'));
}

/** Kind is only for messages, where the plural does as well. */
function resourceFor(
  group: string,
  version: string,
  plural: string,
  namespace: string | undefined,
): Resource {
  return { group, version, plural, kind: plural, namespaced: namespace !== undefined };
}

function libraryLogger(log: DieOperatorOptions['log']): OperatorLogger {
  return {
    debug: (message) => log.debug({}, message),
    info: (message) => log.info({}, message),
    warn: (message) => log.warn({}, message),
    error: (message) => log.error({}, message),
  };
}

/** The library's types differ from the wire in dates and in the names of the event types only. */
const toLibrary = (event: ResourceEvent) => event as unknown as LibraryEvent;

/** The library's description has no UID, ours has: without it a write could reach another object of that name. */
function fromLibrary(meta: LibraryMeta & { uid?: unknown }): ResourceMeta {
  const { uid } = meta;
  if (typeof uid !== 'string')
    throw new TypeError('take `meta` from an event of watchResource(): it has the uid');
  return { ...meta, uid };
}
