// What a decision about an incident is made from, and what it can be.
import type { FinalPhase, IsolationForm, Phase } from '../api/incident.ts';
import type { PodFacts } from '../api/pod.ts';
import type { ImageProof } from './images.ts';
import type { Standing } from './standing.ts';

/** What is true in the cluster now, as far as one incident is concerned. */
export interface Facts {
  /** Milliseconds since the epoch. */
  now: number;
  /** The live pod with the incident's UID; undefined once there is none. */
  pod: PodFacts | undefined;
  /** True while the namespace is being deleted. */
  namespaceTerminating: boolean;
  /** Why the pod may not be touched at all. */
  protection: string | undefined;
  /** Why destructive acts are stopped. */
  paused: string | undefined;
  /** What the policies, as they are now, still want. */
  standing: Standing;
  /** Pods of the same controller besides this one. */
  workload: { quarantinedOthers: number; readyOthers: number };
  namespace: { quarantinedOthers: number };
  /** This process holds a snapshot of the pod that is not stored yet. */
  snapshotBegun: boolean;
  /** UIDs of siblings that are there before the pod is touched, and as young as the incident. */
  bystanders: readonly string[];
  /** The pod that took the place, if one can be told, and what its images prove. */
  replacement: { pod: PodFacts; proof: ImageProof } | undefined;
  /** Who in the pod could get around a firewall in its network, in words; absent if nobody. */
  passesFirewall?: string;
}

/** One thing to do. */
export type Work =
  | { step: 'Label' | 'Isolate'; form: IsolationForm; message: string }
  /** A firewall is put into the network of the pod. */
  | { step: 'Cut' }
  | { step: 'Capture' }
  /** A program that the alerts are about is looked for on the node. */
  | { step: 'Confirm' }
  /** `because`: what asks for it besides an action of a policy. */
  | { step: 'Evict'; gracePeriodSeconds: number; because?: string }
  /** The StatefulSet of the pod is made to look again at what it could not start. */
  | { step: 'Touch' }
  | { step: 'Release' }
  /** What Release lent to the pod is taken away; `atOnce`: also if its ReplicaSet has not settled. */
  | { step: 'Settle'; atOnce: boolean }
  | { step: 'Contain' };

/** What comes next. */
export type Decision =
  | { kind: 'Run'; work: Work }
  | { kind: 'Wait'; phase: Phase; reason: string; message: string; until?: number }
  | { kind: 'Done'; phase: FinalPhase; reason: string; message: string }
  /** The incident is over: only our finalizer is left to remove. */
  | { kind: 'Forget' };

/** A wait; `until` in milliseconds since the epoch, absent: only an event ends it. */
export function wait(phase: Phase, reason: string, message: string, until?: number): Decision {
  return { kind: 'Wait', phase, reason, message, ...(until !== undefined && { until }) };
}

/** The end of an incident. */
export function done(phase: FinalPhase, reason: string, message: string): Decision {
  return { kind: 'Done', phase, reason, message };
}
