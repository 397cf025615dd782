// Compares running pods with their images all through a leader's term, and opens incidents for drift as alerts do.
import type { DriftIncident } from '../api/incident.ts';
import { candidateOf, needsNode, planComparisons, type Candidate } from '../decide/comparison.ts';
import type { CompiledPolicy } from '../decide/policies.ts';
import { protectionRules } from '../incidents/protection.ts';
import type { CacheChange } from '../kube/cache.ts';
import { sleep } from '../kube/clock.ts';
import { comparePod, type CompareParts } from './comparison-run.ts';
import type { SharedParts } from './parts.ts';

/** What it works with. */
export interface ComparisonParts extends CompareParts, Pick<SharedParts, 'caches' | 'protectedNamespaces'> {}

/** How often it looks at what may be compared, in milliseconds: policies and pods come and go. */
const LOOK_MS = 30_000;

/** Compares until the signal fires and what is on its way is cleared away. */
export async function comparePods(parts: ComparisonParts, signal: AbortSignal): Promise<void> {
  await new Comparisons(parts, signal).run();
}

interface Running {
  stop: AbortController;
  done: Promise<void>;
}

class Comparisons {
  readonly #parts: ComparisonParts;
  readonly #signal: AbortSignal;
  /** By workload; only in memory: the next leader knows by the clock what is due. */
  readonly #last = new Map<string, number>();
  /** By node. */
  readonly #running = new Map<string, Running>();
  #wake = new AbortController();

  constructor(parts: ComparisonParts, signal: AbortSignal) {
    this.#parts = parts;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    const { caches, clock } = this.#parts;
    const since = clock.now();
    const unwatch = caches.incidents.subscribe((change) => this.#makeRoom(change));
    while (!this.#signal.aborted) {
      const now = clock.now();
      const pods = this.#candidates();
      const { start, next } = planComparisons(pods, {
        last: this.#last,
        since,
        now,
        running: new Set(this.#running.keys()),
        busy: this.#busyNodes(),
      });
      this.#forget(pods);
      for (const pod of start) this.#begin(pod);
      this.#wake = new AbortController();
      const until = AbortSignal.any([this.#signal, this.#wake.signal]);
      await sleep(clock, Math.min(LOOK_MS, Math.max(0, (next ?? Infinity) - now)), until);
    }
    unwatch();
    await Promise.all([...this.#running.values()].map(({ done }) => done));
  }

  #candidates(): Candidate[] {
    const { caches } = this.#parts;
    const asking = new Map<string, CompiledPolicy[]>();
    const askingIn = (namespace: string) => {
      const known = asking.get(namespace);
      if (known) return known;
      const inForce = [...caches.rulebooks.of(namespace).inForce.values()];
      const found = inForce.filter(({ comparison }) => comparison !== undefined);
      asking.set(namespace, found);
      return found;
    };
    return caches.pods.values().flatMap((pod) => {
      const policies = askingIn(pod.namespace);
      if (policies.length === 0) return [];
      return candidateOf(pod, policies, protectionRules(this.#parts, pod.namespace)) ?? [];
    });
  }

  #busyNodes(): Set<string> {
    const incidents = this.#parts.caches.incidents.values().filter(needsNode);
    return new Set(incidents.flatMap(({ spec }) => spec.target.nodeName ?? []));
  }

  #begin(pod: Candidate): void {
    const { clock, caches, log } = this.#parts;
    const facts = caches.pods.get(pod.namespace, pod.name);
    if (facts?.uid !== pod.uid) return;
    const before = this.#last.get(pod.workload);
    this.#last.set(pod.workload, clock.now());
    const stop = new AbortController();
    const signal = AbortSignal.any([this.#signal, stop.signal]);
    const done = comparePod(this.#parts, { pod: facts, expectedWrites: pod.expectedWrites, signal })
      .catch((error: unknown) => {
        const where = { namespace: pod.namespace, pod: pod.name };
        if (!signal.aborted)
          log.warn({ ...where, err: error }, 'a pod could not be compared with its images');
        // It made room for a response: its turn is still to come. What was over, and led to that response, is not done
        // again.
        if (stop.signal.aborted) this.#takeBack(pod.workload, before);
      })
      .finally(() => {
        this.#running.delete(pod.node);
        this.#wake.abort();
      });
    this.#running.set(pod.node, { stop, done });
  }

  #takeBack(workload: string, before: number | undefined): void {
    if (before === undefined) this.#last.delete(workload);
    else this.#last.set(workload, before);
  }

  /** A node does one capture at a time: that of an incident does not wait for ours. */
  #makeRoom({ type, value }: CacheChange<DriftIncident>): void {
    if (type === 'delete' || !needsNode(value)) return;
    this.#running.get(value.spec.target.nodeName ?? '')?.stop.abort();
  }

  #forget(pods: readonly Candidate[]): void {
    const there = new Set(pods.map(({ workload }) => workload));
    for (const workload of this.#last.keys()) if (!there.has(workload)) this.#last.delete(workload);
  }
}
