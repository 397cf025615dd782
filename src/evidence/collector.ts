// A collector: something that reads one kind of evidence and hands it to a bundle as files. One file a collector.
import type { KubeObject } from '../api/meta.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock } from '../kube/clock.ts';
import type { BundleWriter } from './bundle.ts';
import type { EvidenceSubject } from './store.ts';

/** What a collector is given. */
export interface CollectContext extends EvidenceSubject {
  client: KubeClient;
  /** The pod exactly as read before it was changed, if this process still has it. */
  pod?: KubeObject;
  clock: Clock;
  /** Fires when the time is over or the process must stop; a collector then hands over what it has and returns. */
  signal: AbortSignal;
}

/** Reads one kind of evidence. */
export interface Collector {
  /** Short and lower-case; names the collector in the manifest. */
  name: string;
  /**
   * Adds what it finds to the bundle. What is missing, refused or cut at a limit is recorded with `bundle.problem` and
   * is no reason to reject; only a bundle that cannot store (`EvidenceStoreError`) or a defect is.
   */
  collect(context: CollectContext, bundle: BundleWriter): Promise<void>;
}
