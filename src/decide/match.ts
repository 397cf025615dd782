// Which policies answer a detection in a pod, and with what.
import type { Detection } from '../api/detection.ts';
import { MAX_CONTRIBUTIONS, type Contribution, type ResponseSettings } from '../api/incident.ts';
import type { PodFacts } from '../api/pod.ts';
import { severityRank } from '../api/severity.ts';
import { byPolicy, inSystemOrder, mergeSettings } from './merge.ts';
import type { CompiledPolicy } from './policies.ts';

/** What the matching policies ask for. */
export interface Match {
  /** Sorted by policy name; at most {@link MAX_CONTRIBUTIONS}, those in Enforce kept first. */
  contributions: Contribution[];
  /** Merged over every policy that contributes, also one beyond the cap or in Audit: care is never left out. */
  settings: ResponseSettings;
}

/**
 * Matches a detection in a pod against the accepted policies. For a pod that an incident already changed, pass it with
 * the labels of the incident's record: isolation takes away what selectors look at.
 * @returns undefined if no rung of any policy answers the detection.
 */
export function matchPolicies(
  policies: readonly CompiledPolicy[],
  pod: PodFacts,
  detection: Detection,
): Match | undefined {
  const matched = policies
    .filter((policy) => policy.matchesPod(pod))
    .map((policy) => ({ settings: policy.settings, contribution: contributionOf(policy, detection) }))
    .filter(({ contribution }) => contribution.rungs.length > 0);
  if (matched.length === 0) return undefined;
  return {
    contributions: capped(matched.map(({ contribution }) => contribution)),
    settings: mergeSettings(matched.map(({ settings }) => settings)),
  };
}

function contributionOf(policy: CompiledPolicy, { summary }: Detection): Contribution {
  const met = policy.rungs.filter(
    (rung) =>
      severityRank(summary.severity) >= severityRank(rung.minSeverity) && rung.matchesRule(summary.rule),
  );
  return {
    name: policy.name,
    uid: policy.uid,
    generation: policy.generation,
    mode: policy.mode,
    rungs: met.map(({ name }) => name),
    actions: inSystemOrder(met.flatMap(({ actions }) => actions)),
  };
}

function capped(contributions: readonly Contribution[]): Contribution[] {
  const sorted = contributions.toSorted(byPolicy);
  const enforcing = sorted.filter(({ mode }) => mode === 'Enforce');
  const auditing = sorted.filter(({ mode }) => mode === 'Audit');
  return [...enforcing, ...auditing].slice(0, MAX_CONTRIBUTIONS).toSorted(byPolicy);
}
