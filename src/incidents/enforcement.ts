// Has the nodes tested on which pods may be isolated: which, when, and who is told of the results.
import { CAPTURE_NAMESPACE, HELPERS_CONFIGMAP } from '../api/names.ts';
import type { KubeObject } from '../api/meta.ts';
import { isQuarantined, type PodFacts } from '../api/pod.ts';
import { classify } from '../controller/errors.ts';
import type { Outcome } from '../controller/outcome.ts';
import type { KeyedQueue } from '../controller/queue.ts';
import { needsDenyPolicy } from '../decide/deny-policy.ts';
import { afterTest, isForgotten, testDueIn, verdictOf } from '../decide/node-verdicts.ts';
import { isClosed } from '../decide/protect.ts';
import { readHelperSettings } from '../helpers/helper-settings.ts';
import { sweepHelpers } from '../helpers/run.ts';
import type { AccessReviews } from '../kube/access-reviews.ts';
import { sleep, type Clock, type Random } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import { isForbidden, isNotFound } from '../kube/errors.ts';
import { CONFIG_MAPS, NODES } from '../kube/resources.ts';
import type { Logger } from '../observe/log.ts';
import { runCanary, type CanaryResult } from '../respond/canary.ts';
import type { Caches } from './caches.ts';
import type { NodeVerdicts } from './node-verdicts.ts';
import { protectionRules } from './protection.ts';

/** What {@link Enforcement} needs. */
export interface EnforcementOptions {
  client: KubeClient;
  clock: Clock;
  random: Random;
  log: Logger;
  caches: Pick<Caches, 'pods' | 'rulebooks'>;
  reviews: Pick<AccessReviews, 'mayDo'>;
  nodes: NodeVerdicts;
  protectedNamespaces: ReadonlySet<string>;
  /** Told of a node of which something else may be said than before. */
  onChange: (node: string) => void;
}

/** How often is looked which nodes there are to test, besides at once for a quarantined pod, in milliseconds. */
const SCAN_MS = 60_000;
/** Where no helpers are installed, that is asked again this often, in milliseconds. */
const NOT_INSTALLED_MS = 600_000;
/** Names in a message. */
const MAX_NAMED = 3;

type Tested = CanaryResult & { boot?: string | undefined };

interface Node extends KubeObject {
  status?: { nodeInfo?: { bootID?: string } };
}

/** See the file's first line. One for each term of a leader; the queue of nodes is the caller's. */
export class Enforcement {
  readonly #options: EnforcementOptions;
  /** Nodes that are in the queue, as far as is known: to ask for each pod whether its node is due would be too much. */
  readonly #queued = new Set<string>();
  #reason: string | undefined;

  constructor(options: EnforcementOptions) {
    this.#options = options;
  }

  /** Takes over what is known. Never rejects: what cannot be read is found out again. */
  async load(): Promise<void> {
    const { client, nodes, log, onChange } = this.#options;
    try {
      if (!(await this.#mayRun())) return;
      await nodes.load(client);
      // Nobody waits for this for long.
      for (const node of nodes.nodes) onChange(node);
    } catch (error) {
      if (!isNotFound(error)) log.warn({ err: error }, 'what is known of the nodes cannot be read');
    }
  }

  /** Puts nodes into the queue as pods come to them, until the signal fires. */
  async run(queue: Pick<KeyedQueue, 'add'>, signal: AbortSignal): Promise<void> {
    const { caches, clock } = this.#options;
    const known = this.#queued;
    const cancel = caches.pods.subscribe(({ type, value: pod }) => {
      const { nodeName } = pod;
      if (type !== 'set' || nodeName === undefined || !this.#concerns(pod)) return;
      if (isQuarantined(pod)) queue.add(nodeName, 0, 'containment');
      else if (!known.has(nodeName)) queue.add(nodeName);
      known.add(nodeName);
    });
    while (!signal.aborted) {
      const wanted = this.#wantedNodes();
      for (const node of wanted) if (!known.has(node)) queue.add(node);
      known.clear();
      for (const node of wanted) known.add(node);
      await this.#forgetGone(wanted);
      await sleep(clock, SCAN_MS, signal);
    }
    cancel();
  }

  /** Tests a node if that is due. @throws KubeError */
  async reconcile(node: string, stopping: AbortSignal): Promise<Outcome> {
    const { clock, nodes } = this.#options;
    const pods = this.#podsOn(node);
    if (pods.length === 0) {
      this.#queued.delete(node);
      return { kind: 'done' };
    }
    const urgent = pods.some(isQuarantined);
    if (urgent) await this.#dropIfBooted(node);
    const dueIn = () => testDueIn(nodes.get(node), clock.now(), urgent);
    const requeue = (afterMs: number): Outcome => ({
      kind: 'requeue',
      afterMs,
      reason: 'Tested',
      priority: 'normal',
    });
    if (dueIn() > 0) return requeue(dueIn());
    const image = await this.#image();
    if (image === undefined) return requeue(NOT_INSTALLED_MS);
    const result = await this.#test(node, image, stopping);
    if (stopping.aborted) return requeue(0);
    await this.#keep(node, result);
    return requeue(dueIn());
  }

  /** The nodes among those of some namespaces that do not enforce, in words; undefined if there is none that is known. */
  readonly unenforcedIn = (namespaces: readonly string[]): string | undefined => {
    const { caches } = this.#options;
    const inside = new Set(namespaces);
    const all = caches.pods.values().flatMap(({ namespace, nodeName }) => {
      return nodeName !== undefined && inside.has(namespace) ? [nodeName] : [];
    });
    const bad = [...new Set(all)].filter((node) => this.#verdict(node) === 'Unenforced').toSorted();
    if (bad.length === 0) return undefined;
    const more = bad.length > MAX_NAMED ? ` and ${bad.length - MAX_NAMED} more` : '';
    return `${bad.slice(0, MAX_NAMED).join(', ')}${more}`;
  };

  /** How many nodes that matter have which verdict. */
  counts(): Record<ReturnType<typeof verdictOf>, number> {
    const counts = { Enforced: 0, Unenforced: 0, Unknown: 0 };
    for (const node of this.#wantedNodes()) counts[this.#verdict(node)]++;
    return counts;
  }

  #verdict(node: string): ReturnType<typeof verdictOf> {
    return verdictOf(this.#options.nodes.get(node), this.#options.clock.now());
  }

  /** Whether the pod may be isolated, or is; not whether a NetworkPolicy reaches it. */
  #concerns(pod: PodFacts): boolean {
    const { caches } = this.#options;
    const { namespace, hostNetwork } = pod;
    if (hostNetwork || isClosed(namespace, protectionRules(this.#options, namespace))) return false;
    return needsDenyPolicy({ rulebook: caches.rulebooks.of(namespace), incidents: [], pods: [pod] });
  }

  #podsOn(node: string): PodFacts[] {
    return this.#options.caches.pods
      .values()
      .filter((pod) => pod.nodeName === node && pod.deletionTimestamp === undefined && this.#concerns(pod));
  }

  #wantedNodes(): Set<string> {
    const found = this.#options.caches.pods.values().flatMap((pod) => {
      return pod.nodeName !== undefined && this.#concerns(pod) ? [pod.nodeName] : [];
    });
    return new Set(found);
  }

  async #mayRun(): Promise<boolean> {
    const at = { namespace: CAPTURE_NAMESPACE, name: HELPERS_CONFIGMAP };
    return this.#options.reviews.mayDo({ verb: 'get', resource: CONFIG_MAPS, at });
  }

  /** The image of helpers; undefined, and said once, where there are none. @throws KubeError */
  async #image(): Promise<string | undefined> {
    const { client, log } = this.#options;
    const settings = (await this.#mayRun())
      ? await readHelperSettings(client)
      : 'helper pods are not installed (config/components/helpers)';
    const isUsable = typeof settings !== 'string' && settings.profiles.has('canary');
    if (isUsable) return settings.image;
    const reason =
      typeof settings === 'string' ? settings : 'the profile canary is not among those of helper pods';
    if (reason !== this.#reason)
      log.info(
        {},
        `whether nodes enforce NetworkPolicies is not tested, and isolation stays unproven: ${reason}`,
      );
    this.#reason = reason;
    return undefined;
  }

  /** What was proven is of the network that came up with that boot, and of that machine. @throws KubeError */
  async #dropIfBooted(node: string): Promise<void> {
    const { client, nodes, onChange } = this.#options;
    const proof = nodes.proofOf(node);
    const boot = proof && (await this.#bootOf(node));
    if (boot === undefined || boot === proof?.boot) return;
    try {
      await nodes.forget(client, node);
    } finally {
      onChange(node);
    }
  }

  /** Undefined if the node is gone, or may not be read. @throws KubeError */
  async #bootOf(node: string): Promise<string | undefined> {
    try {
      const { status } = await this.#options.client.get<Node>(NODES, { name: node });
      return status?.nodeInfo?.bootID || undefined;
    } catch (error) {
      if (isNotFound(error) || isForbidden(error)) return undefined;
      throw error;
    }
  }

  async #test(node: string, image: string, stopping: AbortSignal): Promise<Tested> {
    const { client, clock, random, log } = this.#options;
    const id = Math.floor(random() * 36 ** 8)
      .toString(36)
      .padStart(8, '0');
    const stuck = (await sweepHelpers({ client, clock })).stuck.get(node);
    const boot = await this.#bootOf(node);
    const result =
      stuck === undefined
        ? { ...(await runCanary({ client, clock, log, stopping }, { node, image, id })), boot }
        : { verdict: 'Unknown' as const, at: clock.now(), message: stillThere(stuck, node) };
    const say = result.verdict === 'Enforced' ? 'info' : 'warn';
    log[say](
      { node, verdict: result.verdict },
      `network of node ${node}: ${result.verdict}, ${result.message}`,
    );
    return result;
  }

  async #keep(node: string, result: Tested): Promise<void> {
    const { client, nodes, onChange } = this.#options;
    const proof = nodes.proofOf(node);
    try {
      await nodes.set(client, node, afterTest(nodes.get(node), result));
    } finally {
      if (nodes.proofOf(node) !== proof) onChange(node);
    }
  }

  async #forgetGone(wanted: ReadonlySet<string>): Promise<void> {
    const { client, clock, nodes, log } = this.#options;
    for (const node of nodes.nodes) {
      const record = nodes.get(node);
      if (wanted.has(node) || !record || !isForgotten(record, clock.now())) continue;
      try {
        await nodes.forget(client, node);
      } catch (error) {
        log.warn({ node, err: error }, `node ${node} is kept on record: ${classify(error).message}`);
      }
    }
  }
}

function stillThere(pod: string, node: string): string {
  return `pod ${CAPTURE_NAMESPACE}/${pod} of an earlier test on node ${node} does not end: look at the node`;
}
