// What a policy, as it is now, still lets be done of what it once asked for: a change can stop a response, never start one.
import type { Contribution, DriftIncident } from '../api/incident.ts';
import type { Action } from '../api/policy.ts';
import type { CompiledPolicy } from './policies.ts';
import type { Rulebook } from './rulebook.ts';

/** Actions that are still wanted, by {@link contributionKey}. */
export type Standing = ReadonlyMap<string, readonly Action[]>;

/** What tells contributions apart: which version of which policy asked, in which mode, and for which kind of detection. */
export function contributionKey({ uid, mode, generation, confirmed, weak }: Contribution): string {
  return `${uid} ${mode} ${generation}${confirmed === true ? ' confirmed' : ''}${weak === true ? ' weak' : ''}`;
}

/** What the policies in force still want of an incident. */
export function standingOf(
  incident: DriftIncident,
  contributions: readonly Contribution[],
  rulebook: Pick<Rulebook, 'inForce'>,
): Standing {
  // Each by the rungs that it met itself: else an action that is added to one rung would bring back what was taken off
  // another.
  return new Map(
    contributions.map((asked) => [
      contributionKey(asked),
      stillWanted(incident, asked, rulebook.inForce.get(asked.uid)),
    ]),
  );
}

/**
 * Actions of the rungs that were met, as these are now. None if the policy is gone, in Audit, not accepted, not permitted, or
 * no longer about the pod as it was recorded.
 */
export function stillWanted(
  { spec: { target } }: DriftIncident,
  asked: Pick<Contribution, 'rungs' | 'confirmed'>,
  policy: CompiledPolicy | undefined,
): Action[] {
  if (policy?.mode !== 'Enforce') return [];
  // Of a pod with too many labels not all are recorded: its selector cannot be asked again.
  if (target.labelsTruncated !== true && !policy.matchesPod(target)) return [];
  const rungs = new Set(asked.rungs);
  return (
    policy.rungs
      .filter(({ name }) => rungs.has(name))
      // A rung that asks for a confirmation now gives nothing to what was asked for without one.
      .filter(({ confirmed = false }) => !confirmed || asked.confirmed === true)
      .flatMap(({ actions }) => actions)
  );
}
