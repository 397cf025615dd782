// Judges policies without a cluster: the table of rules, asked of every policy of some files.
import { acrossPolicies, type Entry } from './across.ts';
import { attackerConditions } from './attacker.ts';
import { FINDING_SEVERITIES } from './codes.ts';
import { evictions } from './evictions.ts';
import { exceptionEnds, exceptionImages } from './exceptions.ts';
import { findingOf, type Finding, type LintObject, type PolicyRule } from './finding.ts';
import { neverMatches } from './never-matches.ts';
import { noEffect } from './no-effect.ts';
import { isOurs, readPolicy } from './read-policy.ts';
import { shadowedRungs } from './shadowed.ts';
import { unprotected } from './unprotect.ts';

const RULES: readonly PolicyRule[] = [
  neverMatches,
  shadowedRungs,
  evictions,
  exceptionEnds,
  exceptionImages,
  attackerConditions,
  noEffect,
  unprotected,
];

/** What lint found, and of how many policies. */
export interface LintResult {
  /** In the order of the objects, the worst of each first. */
  findings: Finding[];
  /** DriftPolicies and ClusterDriftPolicies that were looked at, also invalid ones. */
  policies: number;
}

/**
 * Lints every policy among the objects. Of the others only Namespaces are looked at, for their labels. Never throws for
 * what the objects hold.
 * @param now milliseconds since the epoch: exceptions end.
 */
export function lintPolicies(objects: readonly LintObject[], now: number): LintResult {
  const ours = objects.filter(({ object }) => isOurs(object));
  const read = ours.map((source) => ({ source, ...readPolicy(source.object) }));
  const entries: Entry[] = read.flatMap(({ source, policy }) => (policy ? [{ source, policy }] : []));
  const across = acrossPolicies(entries, objects);
  const findings = read.flatMap(({ source, remarks, policy }) => {
    const own = policy ? RULES.flatMap((rule) => rule(policy, now)) : [];
    const all = [...remarks, ...(across.get(source) ?? []), ...own];
    return all.map((remark) => findingOf(source, remark)).toSorted(worstFirst);
  });
  return { findings, policies: ours.length };
}

function worstFirst(a: Finding, b: Finding): number {
  return FINDING_SEVERITIES.indexOf(a.severity) - FINDING_SEVERITIES.indexOf(b.severity);
}
