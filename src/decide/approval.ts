// Why a person has to approve what would be done to a pod.
import type { Need } from '../api/incident.ts';
import type { ApprovalCase } from '../api/policy.ts';
import type { OtherNeed } from './decision.ts';
import type { Situation } from './form.ts';
import { ownerKind } from './owners.ts';
import { weakIdentity } from './weak-identity.ts';

/** A reason, in a word and in a sentence for people. */
export interface NeedOf<T extends Need = Need> {
  need: T;
  message: string;
}

type Case = (now: Situation) => string | false;

// Each in its own words; false: it is not about this pod.
const CASES: Readonly<Record<ApprovalCase, Case>> = {
  StatefulSet: ({ incident }) =>
    ownerKind(incident.spec.target.workload) === 'StatefulSet' &&
    'the pod is one of a StatefulSet, which has a name and often data of its own',
  BarePod: ({ incident }) =>
    incident.spec.target.workload === undefined && 'no controller would replace the pod',
  SingleReplica: (now) =>
    isInService(now) &&
    now.facts.workload.copies === 0 &&
    'the workload has only this pod: until another one is Ready nothing serves in its place',
  LastReadyCopy: (now) =>
    isInService(now) &&
    now.pod.ready &&
    now.facts.workload.readyOthers === 0 &&
    'no other copy of the workload is Ready: to evict this one would stop it',
  Always: () => 'the policy has a person decide each time',
};

/** Needs that make an isolation wait, too, where a policy says `approval.before: Isolate`. */
const BEFORE_ISOLATION: ReadonlySet<Need> = new Set<Need>([
  'StatefulSet',
  'SingleReplica',
  'LastReadyCopy',
  'Always',
]);

/** Why a person has to approve, in the order of the API; empty: nobody has to. */
export function approvalNeeds(now: Situation): Need[] {
  return needsOf(now).map(({ need }) => need);
}

/** {@link approvalNeeds} with a sentence each. */
export function needsOf(now: Situation): NeedOf[] {
  const { requiredFor } = now.response.settings.approval;
  const byPolicy = requiredFor.flatMap((need): NeedOf[] => {
    const message = CASES[need](now);
    return message === false ? [] : [{ need, message }];
  });
  return [...byPolicy, ...otherNeeds(now)];
}

/** The needs that no policy can take away. */
export function otherNeeds({ incident, facts }: Pick<Situation, 'incident' | 'facts'>): OtherNeed[] {
  const weak = weakIdentity(incident, facts.standing);
  return [...(facts.needs ?? []), ...(weak ? [weak] : [])];
}

/** The needs for which already the isolation waits. */
export function isolationNeeds(now: Situation): NeedOf[] {
  if (now.response.settings.approval.before !== 'Isolate') return [];
  return needsOf(now).filter(({ need }) => BEFORE_ISOLATION.has(need));
}

// An orphan left its workload when it was isolated: what is done to it takes nothing more away.
function isInService({ incident }: Situation): boolean {
  return incident.spec.target.workload !== undefined && incident.status?.isolation?.form !== 'Orphan';
}
