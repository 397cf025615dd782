// Whether anybody has to take the place of a pod that is gone: its workload may be gone, finished, smaller, or rolled on.
import type { Target } from '../api/incident.ts';

/** Why nobody has to. */
export interface Needless {
  /** Whether that is plain by itself; otherwise it is believed only when nobody came in time. */
  certain: boolean;
  /** A clause for people. */
  message: string;
}

/** What is read of a workload. */
export interface OwnerState {
  kind: string;
  name: string;
  /** Of the object that has the name now; undefined: there is none. */
  uid: string | undefined;
  terminating: boolean;
  /** How many it wants; absent where it does not say. */
  wants?: number;
  /** StatefulSet: the first ordinal. */
  firstOrdinal?: number;
  /** DaemonSet: whether it counts a pod on each node that it wants one on. */
  isComplete?: boolean;
  /** Job: why it starts no more pods. */
  ended?: 'Complete' | 'Failed' | 'Suspended';
}

/** What is known of the workload. */
export interface OwnerSight {
  /** As the incident records it. */
  owner: OwnerState;
  /** What a ReplicaSet belongs to, if it does; `unknown`: it could not be read. */
  above: OwnerState | 'unknown' | undefined;
  /** Its pods that are there and neither quarantined nor on their way out. */
  copies: number;
}

/** Why nobody has to take the place; undefined: somebody has to, as far as can be told. */
export function needlessOf(target: Target, { owner, above, copies }: OwnerSight): Needless | undefined {
  // It cannot be told whether there are other ReplicaSets.
  if (above === 'unknown') return isGone(owner, target) ? late(`${named(owner)} is gone`) : undefined;
  if (above) {
    if (isGone(above)) return certain(`${named(above)} is gone`);
    if (above.wants === 0) return certain(`${named(above)} was scaled down to nothing`);
    // Then a pod of the next revision takes the place, unless that has enough without a new one.
    if (isGone(owner, target) || owner.wants === 0)
      return late(`${named(above)} was rolled on to another revision`);
  }
  if (isGone(owner, target)) return certain(`${named(owner)} is gone`);
  return OF_KIND[owner.kind]?.(target, owner, copies);
}

type OfKind = (target: Target, owner: OwnerState, copies: number) => Needless | undefined;

const OF_KIND: Readonly<Record<string, OfKind>> = {
  ReplicaSet: (_, owner, copies) => {
    const { wants = Infinity } = owner;
    if (wants === 0) return certain(`${named(owner)} was scaled down to nothing`);
    // Late, as a cache that lags may still count what is gone.
    return copies >= wants ? late(`${named(owner)} has the ${wants} pods that it wants`) : undefined;
  },
  StatefulSet: ({ name }, owner) => {
    const ordinal = Number(/-(\d{1,9})$/.exec(name)?.[1] ?? NaN);
    const end = (owner.firstOrdinal ?? 0) + (owner.wants ?? Infinity);
    return ordinal >= end
      ? certain(`${named(owner)} was scaled down and has no ${name} any more`)
      : undefined;
  },
  DaemonSet: (_, owner) =>
    owner.isComplete === true
      ? late(`${named(owner)} has a pod on every node that it wants one on`)
      : undefined,
  Job: (_, owner) =>
    owner.ended &&
    certain(`${named(owner)} ${owner.ended === 'Suspended' ? 'is suspended' : `has ended (${owner.ended})`}`),
};

function isGone({ uid, terminating }: OwnerState, target?: Target): boolean {
  const isAnother = target?.workload !== undefined && uid !== target.workload.uid;
  return uid === undefined || terminating || isAnother;
}

function named({ kind, name }: OwnerState): string {
  return `${kind} ${name}`;
}

function certain(message: string): Needless {
  return { certain: true, message };
}

function late(message: string): Needless {
  return { certain: false, message };
}
