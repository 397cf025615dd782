// What a decision about an incident is made from, and what it can be.
import type { FinalPhase, IsolationForm, OTHER_NEEDS, Phase } from '../api/incident.ts';
import type { PodFacts } from '../api/pod.ts';
import type { Availability } from './availability.ts';
import type { ImageProof } from './images.ts';
import type { Spent } from './spending.ts';
import type { Exemption } from './protect.ts';
import type { Needless } from './owner-need.ts';
import type { Standing } from './standing.ts';

/** A reason to ask a person that comes from what happened before, and a sentence about it. */
export interface OtherNeed {
  need: (typeof OTHER_NEEDS)[number];
  message: string;
}

/** What the node of a pod says of itself. */
export interface NodeState {
  /** False: it does not say that it is well, or is not there any more. Undefined: it could not be read. */
  ready: boolean | undefined;
  /** For people. */
  message: string;
}

/** The pod that took the place of another one. */
export interface Replacement {
  pod: PodFacts;
  /** What its images prove. */
  proof: ImageProof;
  /** It was made from another template: the workload was rolled on. */
  otherRevision?: true;
}

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
  /** The exception by which it may be touched though its namespace is protected; absent: none is needed, or there is none. */
  exemption?: Pick<Exemption, 'policy' | 'name' | 'reason' | 'until'>;
  /** Why destructive acts are stopped. */
  paused: string | undefined;
  /** What the policies, as they are now, still want. */
  standing: Standing;
  /** Pods of the same top-level workload besides this one. */
  workload: {
    quarantinedOthers: number;
    readyOthers: number;
    /** Ready or not, without those that are being deleted; absent: not counted. */
    copies?: number;
  };
  namespace: { quarantinedOthers: number };
  /** What the workload can spare; absent: not counted. */
  availability?: Availability;
  /** Why a person has to approve besides what the policies say; absent: for nothing else. */
  needs?: readonly OtherNeed[];
  /** What was spent of the limits, and whether the circuit breaker is open; absent: nobody knows, as where only files are read. */
  spent?: Spent;
  /** This process holds a snapshot of the pod that is not stored yet. */
  snapshotBegun: boolean;
  /** UIDs of siblings that are there before the pod is touched, and as young as the incident. */
  bystanders: readonly string[];
  /** The pod that took the place, if one can be told. */
  replacement: Replacement | undefined;
  /** Name of an incident about what took the place; absent: there is none. */
  driftedAgain?: string;
  /** A pod that came in the place and drifted before it could count, and its incident; absent: there is none. */
  driftedFirst?: { pod: string; incident: string };
  /** Why nobody has to take the place; absent: somebody has to, or it was not asked. */
  needless?: Needless;
  /** Only of a pod that should be gone; see `isOverdue`. */
  node?: NodeState | undefined;
  /**
   * What the watch told last of a pod that is gone: whether all of its containers had ended, or one was still reported to
   * run. Absent: it did not tell.
   */
  lastSeen?: 'Ended' | 'Running' | undefined;
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
  /**
   * `because`: what asks for it besides an action of a policy. `anew`: after that it is made anew by us. `orDelete`: the pod is deleted where a disruption budget is
   * against its eviction once more. `refusal`: by our own count a budget is against it, and the API server is not asked.
   */
  | {
      step: 'Evict';
      gracePeriodSeconds: number;
      because?: string;
      anew?: true;
      orDelete?: true;
      refusal?: string;
    }
  /** The manifest of a bare pod is kept, or the pin of a workload worked out. */
  | { step: 'Keep' }
  /** The pod that is gone is made anew. */
  | { step: 'Restart' }
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
export function wait(
  phase: Phase,
  reason: string,
  message: string,
  until?: number,
): Decision & { kind: 'Wait' } {
  return { kind: 'Wait', phase, reason, message, ...(until !== undefined && { until }) };
}

/** The end of an incident. */
export function done(phase: FinalPhase, reason: string, message: string): Decision & { kind: 'Done' } {
  return { kind: 'Done', phase, reason, message };
}
