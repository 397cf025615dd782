// What every step of a response is given.
import type { Clock } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { EvidenceStore } from '../evidence/store.ts';
import type { Logger } from '../observe/log.ts';

/** Everything that a step may touch. */
export interface RespondContext {
  client: KubeClient;
  clock: Clock;
  events: Pick<EventRecorder, 'record'>;
  evidence: EvidenceStore;
  log: Logger;
  /** Fires when this process must stop: what can be done again later is given up. */
  stopping: AbortSignal;
}
