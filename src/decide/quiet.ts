// Whether a replacement has been quiet: Ready all the while, without a restart. The record carries it over restarts of ours.
import type { DriftIncident } from '../api/incident.ts';
import type { PodFacts } from '../api/pod.ts';
import { recordedDuration } from './duration.ts';
import { responseOf } from './merge.ts';

/** The quiet of a Ready replacement. */
export interface Quiet {
  /** When it began, in milliseconds since the epoch; now, where it begins or begins anew. */
  from: number;
  /** When it is over. */
  until: number;
  /** What ended the one before; undefined: nothing did, or there was none. */
  disturbed: 'Restarted' | 'NotReady' | undefined;
}

/** How the quiet of the replacement stands. Call it only while it is Ready. */
export function quietOf(incident: DriftIncident, pod: PodFacts, now: number): Quiet {
  const { quietFor } = responseOf(incident).settings.eviction.replacement;
  const disturbed = disturbance(incident, pod);
  const from = disturbed ? now : (begun(incident, pod, now) ?? now);
  return { from, until: from + recordedDuration(quietFor), disturbed };
}

function disturbance({ status }: DriftIncident, pod: PodFacts): Quiet['disturbed'] {
  const before = status?.replacement;
  if (before?.uid !== pod.uid || before.readyAt === undefined) return undefined;
  if ((pod.restarts ?? 0) > (before.restarts ?? 0)) return 'Restarted';
  // It was not Ready for a moment that nobody of us saw.
  return before.readySince === pod.readyAt ? undefined : 'NotReady';
}

// No pod is quiet before it is there, nor before it was Ready: an earlier time was written by a clock that was behind. One
// that is yet to come was written by a clock that was ahead, and would keep the incident open: then it begins anew.
function begun({ status }: DriftIncident, pod: PodFacts, now: number): number | undefined {
  const before = status?.replacement;
  if (before?.uid !== pod.uid || before.readyAt === undefined) return undefined;
  const at = Date.parse(before.readyAt);
  if (!(at <= now)) return undefined;
  // The clock of a node may be wrong, too.
  const known = [pod.createdAt, pod.readyAt ?? '']
    .map((time) => Date.parse(time))
    .filter((time) => time <= now);
  return Math.max(at, ...known);
}
