// The probes of pods in quarantine beside the other work of a responder: their queue, and whom a result wakes.
import { KeyedQueue, type KeyedQueueOptions } from '../controller/queue.ts';
import { Probes, type ProbesOptions } from '../incidents/probes.ts';
import type { Random } from '../kube/clock.ts';
import type { Metrics } from '../observe/metrics.ts';

/** Pods that are probed at a time in the whole cluster. */
const PROBED_PODS = 3;

/** What they work with. */
export interface PodProbesOptions extends Omit<ProbesOptions, 'onChange'> {
  random: Random;
  metrics: Pick<Metrics, 'showQueue'>;
  onOutcome: NonNullable<KeyedQueueOptions['onOutcome']>;
}

/** Probes of one term of a leader. */
export interface PodProbes {
  /** See `NetworkFindings.probeOf`. */
  readonly probeOf: Probes['probeOf'];
  /** Runs until the signal fires; results put the keys of incidents into that queue. */
  run(incidents: Pick<KeyedQueue, 'add'>, signal: AbortSignal): Promise<void>;
}

/** See the file's first line. */
export function createPodProbes(options: PodProbesOptions): PodProbes {
  const { clock, random, metrics, onOutcome } = options;
  const changed = new Set<(key: string) => void>();
  const probes = new Probes({ ...options, onChange: (key) => changed.forEach((tell) => tell(key)) });
  const queue = new KeyedQueue({
    clock,
    random,
    onOutcome,
    workers: PROBED_PODS,
    worker: (key, stopping) => probes.reconcile(key, stopping),
  });
  metrics.showQueue('probes', () => queue.depth);
  return {
    probeOf: probes.probeOf,
    run: async (incidents, signal) => {
      changed.add((key) => incidents.add(key));
      const cancel = probes.watch(queue);
      await queue.run(signal);
      cancel();
    },
  };
}
