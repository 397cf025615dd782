// What a pod counts for a ResourceQuota, as Kubernetes counts it (pkg/quota/v1/evaluator/core/pods.go).
import type { KubeObject } from '../api/meta.ts';
import { nanosOf } from './resource-quantity.ts';

/** What quotas look at in a pod. */
export interface PodUsage {
  /** Nano-units by the name that a quota has for it, `requests.cpu`; what is not named is not used. */
  amounts: ReadonlyMap<string, bigint>;
  /** It asks for no CPU and no memory. */
  bestEffort: boolean;
  /** It has a time by which it must end. */
  terminating: boolean;
  priorityClass: string | undefined;
}

type Amounts = Record<string, string | number>;
type Kind = 'requests' | 'limits';

interface RawContainer {
  restartPolicy?: string;
  resources?: Partial<Record<Kind, Amounts>>;
}

interface RawSpec {
  containers?: RawContainer[];
  initContainers?: RawContainer[];
  overhead?: Amounts;
  resources?: Partial<Record<Kind, Amounts>>;
  activeDeadlineSeconds?: number;
  priorityClassName?: string;
}

const ONE = 1_000_000_000n;
/** Resources that a quota may also name without `requests.`. */
const SHORT: ReadonlySet<string> = new Set(['cpu', 'memory', 'ephemeral-storage']);
const COMPUTE = ['cpu', 'memory'];

/** Counts one pod. */
export function usageOf(object: KubeObject): PodUsage {
  const spec = (object as { spec?: RawSpec }).spec ?? {};
  const requests = total(spec, 'requests');
  const limits = total(spec, 'limits');
  const amounts = new Map<string, bigint>([
    ['pods', ONE],
    ['count/pods', ONE],
  ]);
  for (const [resource, amount] of requests) {
    amounts.set(`requests.${resource}`, amount);
    if (SHORT.has(resource) || resource.startsWith('hugepages-')) amounts.set(resource, amount);
  }
  for (const [resource, amount] of limits) amounts.set(`limits.${resource}`, amount);
  return {
    amounts,
    bestEffort: COMPUTE.every((resource) => !requests.get(resource) && !limits.get(resource)),
    terminating: (spec.activeDeadlineSeconds ?? -1) >= 0,
    priorityClass: spec.priorityClassName,
  };
}

// Containers run together; those that start before them run one by one, beside those of them that go on.
function total({ containers = [], initContainers = [], overhead, resources }: RawSpec, kind: Kind) {
  let together = sum(containers.map((one) => amountsOf(one.resources?.[kind])));
  let lasting = new Map<string, bigint>();
  let most = new Map<string, bigint>();
  for (const one of initContainers) {
    const own = amountsOf(one.resources?.[kind]);
    if (one.restartPolicy === 'Always') {
      together = sum([together, own]);
      lasting = sum([lasting, own]);
      most = larger(most, lasting);
    } else most = larger(most, sum([lasting, own]));
  }
  // What the pod asks for as a whole counts instead of its containers.
  const whole = new Map([...larger(together, most), ...amountsOf(resources?.[kind])]);
  const extra = [...amountsOf(overhead)].filter(([resource]) => kind === 'requests' || whole.has(resource));
  return sum([whole, new Map(extra)]);
}

function amountsOf(amounts: Amounts = {}): Map<string, bigint> {
  return new Map(
    Object.entries(amounts).map(([resource, amount]) => [resource, nanosOf(String(amount)) ?? 0n]),
  );
}

function sum(all: readonly ReadonlyMap<string, bigint>[]): Map<string, bigint> {
  const result = new Map<string, bigint>();
  for (const one of all)
    for (const [resource, amount] of one) result.set(resource, (result.get(resource) ?? 0n) + amount);
  return result;
}

function larger(a: ReadonlyMap<string, bigint>, b: ReadonlyMap<string, bigint>): Map<string, bigint> {
  const result = new Map(a);
  for (const [resource, amount] of b) if (amount > (result.get(resource) ?? 0n)) result.set(resource, amount);
  return result;
}
