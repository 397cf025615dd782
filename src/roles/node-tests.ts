// The tests of nodes beside the other work of a responder: their queue, and whom a result wakes.
import { isFinal } from '../api/incident.ts';
import { KeyedQueue, type KeyedQueueOptions } from '../controller/queue.ts';
import type { Caches } from '../incidents/caches.ts';
import { Enforcement, type EnforcementOptions } from '../incidents/enforcement.ts';
import { cacheKey } from '../kube/cache.ts';
import { sleep } from '../kube/clock.ts';
import type { Metrics } from '../observe/metrics.ts';

/** How long what is known of the nodes is waited for at the start of a term, in milliseconds. */
const LOAD_MS = 2_000;
/** Nodes that are tested at a time: on each two pods come and go. */
const TESTED_NODES = 2;

/** What they work with. */
export interface NodeTestsOptions extends Omit<EnforcementOptions, 'onChange' | 'caches'> {
  caches: Pick<Caches, 'pods' | 'rulebooks' | 'incidents' | 'policies' | 'clusterPolicies'>;
  metrics: Pick<Metrics, 'showNodes' | 'showQueue'>;
  onOutcome: NonNullable<KeyedQueueOptions['onOutcome']>;
}

/** Tests of one term of a leader. */
export interface NodeTests {
  /** See `Enforcement.unenforcedIn`. */
  readonly unenforcedIn: Enforcement['unenforcedIn'];
  /** Takes over what is known, for a short time at most. Never rejects. */
  load(signal: AbortSignal): Promise<void>;
  /** Runs until the signal fires. */
  run(wakes: Wakes, signal: AbortSignal): Promise<void>;
}

/** Queues of keys that a result puts there. */
export interface Wakes {
  incidents: Pick<KeyedQueue, 'add'>;
  policies: Pick<KeyedQueue, 'add'>;
}

/** See the file's first line. */
export function createNodeTests(options: NodeTestsOptions): NodeTests {
  const { caches, clock, random, metrics, onOutcome } = options;
  const changed = new Set<(node: string) => void>();
  const enforcement = new Enforcement({
    ...options,
    onChange: (node) => changed.forEach((tell) => tell(node)),
  });
  const queue = new KeyedQueue({
    clock,
    random,
    onOutcome,
    workers: TESTED_NODES,
    worker: (node, stopping) => enforcement.reconcile(node, stopping),
  });
  metrics.showQueue('nodes', () => queue.depth);
  metrics.showNodes(() => enforcement.counts());
  return {
    unenforcedIn: enforcement.unenforcedIn,
    load: (signal) => Promise.race([enforcement.load(), sleep(clock, LOAD_MS, signal)]),
    run: async (wakes, signal) => {
      changed.add((node) => wake(caches, wakes, node));
      await Promise.all([queue.run(signal), enforcement.run(queue, signal)]);
    },
  };
}

function wake(caches: NodeTestsOptions['caches'], { incidents, policies }: Wakes, node: string): void {
  for (const incident of caches.incidents.values())
    if (incident.spec.target.nodeName === node && !isFinal(incident)) incidents.add(keyOf(incident));
  for (const { policy } of [...caches.policies.values(), ...caches.clusterPolicies.values()])
    policies.add(keyOf(policy));
}

function keyOf({ metadata }: { metadata: { namespace?: string | undefined; name: string } }): string {
  return cacheKey(metadata.namespace, metadata.name);
}
