// What both roles are made of.
import type { OutcomeName } from '../detect/outcome.ts';
import type { Caches } from '../incidents/caches.ts';
import type { Clock, Random } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Logger } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Notifier } from '../observe/notify/notifier.ts';

/** See the file's first line. */
export interface SharedParts {
  client: KubeClient;
  clock: Clock;
  random: Random;
  log: Logger;
  caches: Caches;
  metrics: Metrics<OutcomeName>;
  /** Name of this process among its peers. */
  instance: string;
  /** Tells people besides Events; absent: nobody is told. */
  notifier?: Notifier | undefined;
  /** Empty: all. */
  watchNamespaces: readonly string[];
  /** Namespaces whose pods are never touched. */
  protectedNamespaces: ReadonlySet<string>;
}

/** Resolves when the signal fires. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
