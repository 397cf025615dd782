// Why the next eviction of a workload needs a person: what took the place of its last pod was not clean, or did not come.
import { findCondition, INCIDENT_CONDITIONS } from '../api/conditions.ts';
import type { DriftIncident } from '../api/incident.ts';
import type { OtherNeed } from './decision.ts';
import { recordedDuration } from './duration.ts';
import { responseOf } from './merge.ts';

/** Ends after which an eviction of the same workload would do more harm than good. */
const BAD_ENDS: ReadonlySet<string> = new Set([
  'UnapprovedImage',
  'Unpinned',
  'CrashLooping',
  'ImageUnavailable',
  'DriftedAgain',
  'NotReady',
  'NoReplacement',
]);

/**
 * The need for a person; undefined if the last pod of the workload that was evicted within `recurrenceWindow` was replaced
 * well.
 * @param others incidents of the same top-level workload.
 */
export function badReplacement(
  incident: DriftIncident,
  others: readonly DriftIncident[],
  now: number,
): OtherNeed | undefined {
  const { recurrenceWindow } = responseOf(incident).settings.limits.perWorkload;
  const since = now - recordedDuration(recurrenceWindow);
  const judged = others
    .filter(({ metadata }) => metadata.uid !== incident.metadata.uid)
    .flatMap((other) => {
      const found = verdictOf(other);
      return found && found.at >= since ? [{ ...found, name: other.metadata.name }] : [];
    });
  // Which of two that are as late as each other came last is not known: then the worse one counts.
  const last = judged.toSorted((a, b) => b.at - a.at || Number(b.isBad) - Number(a.isBad))[0];
  if (last?.isBad !== true) return undefined;
  return {
    need: 'BadReplacement',
    message: `the eviction before it of this workload ended ${last.reason} (incident ${last.name})`,
  };
}

function verdictOf({ status }: DriftIncident): { at: number; reason: string; isBad: boolean } | undefined {
  const found = findCondition(status?.conditions, INCIDENT_CONDITIONS.ReplacementVerified);
  if (!found) return undefined;
  const isBad = status?.phase === 'Failed' && BAD_ENDS.has(found.reason);
  const isGood = status?.phase === 'Resolved' && found.status === 'True';
  return isBad || isGood
    ? { at: Date.parse(found.lastTransitionTime), reason: found.reason, isBad }
    : undefined;
}
