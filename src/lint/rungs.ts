// How the rungs of a ladder relate: which is met whenever another is.
import { SOURCES } from '../api/detection.ts';
import type { Action, Response } from '../api/policy.ts';
import { SEVERITIES, severityRank, type Severity } from '../api/severity.ts';
import { compileGlob } from '../decide/glob.ts';

/** Whether every detection that meets the rung also meets the other one; false where that cannot be told. */
export function isCoveredBy(rung: Response, other: Response): boolean {
  return (
    severityRank(other.minSeverity) <= severityRank(rung.minSeverity) &&
    patternsCover(other.rules, rung.rules) &&
    // A rule may have no tags, so that even `*` is a demand.
    (other.tags === undefined || (rung.tags !== undefined && patternsCover(other.tags, rung.tags))) &&
    (rung.sources ?? SOURCES).every((source) => other.sources?.includes(source) ?? true) &&
    (other.confirmed !== true || rung.confirmed === true) &&
    (other.condition === undefined || other.condition.trim() === rung.condition?.trim())
  );
}

/** Actions of all rungs that are met whenever this one is, its own included. */
export function actionsWith(rung: Response, rungs: readonly Response[]): ReadonlySet<Action> {
  return new Set(rungs.filter((other) => isCoveredBy(rung, other)).flatMap(({ actions }) => actions));
}

/** The lowest severity that any of the rungs answers. */
export function leastSeverity(rungs: readonly Response[]): Severity {
  const answered = rungs.map(({ minSeverity }) => severityRank(minSeverity));
  return SEVERITIES[Math.min(...answered)] ?? SEVERITIES[0];
}

/** Whether the patterns let every text pass. */
export function letsAllPass(patterns: readonly string[] | undefined): boolean {
  return patterns === undefined || patterns.some((pattern) => /^\*+$/.test(pattern));
}

// A pattern that matches another one as a text matches whatever that one does: its `*` stand for those of the other.
function patternsCover(wide: readonly string[] | undefined, narrow: readonly string[] | undefined): boolean {
  if (letsAllPass(wide)) return true;
  const globs = (wide ?? []).map(compileGlob);
  return narrow?.every((pattern) => globs.some((matches) => matches(pattern))) ?? false;
}
