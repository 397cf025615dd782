// What a policy, as it is now, still lets be done of what it once asked for: a change can stop a response, never start one.
import type { Contribution, DriftIncident } from '../api/incident.ts';
import type { Action } from '../api/policy.ts';
import type { CompiledPolicy } from './policies.ts';
import type { Rulebook } from './rulebook.ts';

/** Actions that are still wanted, by UID of the policy. */
export type Standing = ReadonlyMap<string, readonly Action[]>;

/** What the policies in force still want of an incident. */
export function standingOf(
  incident: DriftIncident,
  contributions: readonly Contribution[],
  rulebook: Pick<Rulebook, 'inForce'>,
): Standing {
  return new Map(
    [...Map.groupBy(contributions, ({ uid }) => uid)].map(([uid, asked]) => {
      const rungs = new Set(asked.flatMap((contribution) => contribution.rungs));
      return [uid, stillWanted(incident, rungs, rulebook.inForce.get(uid))];
    }),
  );
}

/**
 * Actions of the rungs that were met, as these are now. None if the policy is gone, in Audit, not accepted, not permitted, or
 * no longer about the pod as it was recorded.
 */
export function stillWanted(
  { spec: { target } }: DriftIncident,
  rungs: ReadonlySet<string>,
  policy: CompiledPolicy | undefined,
): Action[] {
  if (policy?.mode !== 'Enforce') return [];
  // Of a pod with too many labels not all are recorded: its selector cannot be asked again.
  if (target.labelsTruncated !== true && !policy.matchesPod(target)) return [];
  return policy.rungs.filter(({ name }) => rungs.has(name)).flatMap(({ actions }) => actions);
}
