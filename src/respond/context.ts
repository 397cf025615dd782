// What every step of a response is given.
import type { Clock } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import type { EvidenceStore } from '../evidence/store.ts';
import type { Kubelets } from '../kube/kubelet.ts';
import type { PodExec } from '../kube/pod-exec.ts';
import type { Logger } from '../observe/log.ts';
import type { Announcements } from '../observe/notify/notifier.ts';
import type { nodeCollector } from './node-capture.ts';

/** Everything that a step may touch. */
export interface RespondContext {
  client: KubeClient;
  clock: Clock;
  events: Announcements;
  evidence: EvidenceStore;
  /** Reads the node of a pod, where it is not {@link nodeCollector} itself. */
  nodeCollector?: typeof nodeCollector | undefined;
  /** Absent: no checkpoints can be made. */
  kubelets?: Kubelets | undefined;
  /** Absent: no commands can be run in pods. */
  podExec?: PodExec | undefined;
  log: Logger;
  /** Fires when this process must stop: what can be done again later is given up. */
  stopping: AbortSignal;
}
