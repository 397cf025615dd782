// What the report of a receiver becomes with one more detection, and what of it is worth a write: pure functions.
import { isDeepStrictEqual } from 'node:util';
import type { Detection } from '../api/detection.ts';
import {
  MAX_REPORTED_DETECTIONS,
  type Contribution,
  type DriftIncident,
  type Report,
  type ResponseSettings,
} from '../api/incident.ts';
import { plus } from '../api/meta.ts';
import { maxSeverity, severityRank } from '../api/severity.ts';
import type { Match } from '../decide/match.ts';
import { keptContributions, responseOf, settingsOf } from '../decide/merge.ts';

/** The report of a receiver that has counted nothing yet: the detection comes first. */
export function emptyReport({ spec }: DriftIncident, { summary }: Detection): Report {
  return {
    count: 0,
    firstSeen: summary.receivedAt,
    lastSeen: summary.receivedAt,
    highestSeverity: spec.trigger.severity,
    detections: [],
  };
}

/** Whether it is worth a write at once: it is worse than what is written, or says something new. */
export function isUrgent(written: Report | undefined, next: Report, { spec }: DriftIncident): boolean {
  return (
    next.detections.length > (written?.detections.length ?? 0) ||
    severityRank(next.highestSeverity) > severityRank(written?.highestSeverity ?? spec.trigger.severity) ||
    !isDeepStrictEqual(next.policies, written?.policies)
  );
}

/** The report, with what another receiver knew whose place it takes. */
export function absorbed(report: Report, theirs: Report): Report {
  const policies = keptContributions([...(report.policies ?? []), ...(theirs.policies ?? [])]);
  const asked = [report, theirs].flatMap(({ policies: contributions = [], response }) =>
    response ? [{ contributions, settings: response }] : [],
  );
  return {
    ...report,
    count: plus(report.count, theirs.count),
    highestSeverity: maxSeverity(report.highestSeverity, theirs.highestSeverity),
    ...(policies.length > 0 && { policies }),
    ...(asked.length > 0 && { response: settingsOf(asked) }),
  };
}

/** The report with the detection counted, and what it asks for beyond all that the incident is told. */
export function counted(report: Report, incident: DriftIncident, detection: Detection, match: Match): Report {
  const { summary } = detection;
  const known = [incident.spec.trigger.detection, ...report.detections].some((d) => d.rule === summary.rule);
  const full = report.detections.length >= MAX_REPORTED_DETECTIONS;
  return {
    ...report,
    ...escalation(report, incident, match),
    count: plus(report.count, 1),
    lastSeen: summary.receivedAt,
    highestSeverity: maxSeverity(report.highestSeverity, summary.severity),
    detections: known || full ? report.detections : [...report.detections, summary],
  };
}

// What this detection asks for beyond all that the incident is told to do already.
function escalation(
  report: Report,
  incident: DriftIncident,
  match: Match,
): { policies?: Contribution[]; response?: ResponseSettings } {
  const told = [...responseOf(incident).contributions, ...(report.policies ?? [])];
  const fresh = match.contributions.filter((next) => !told.some((other) => covers(other, next)));
  if (fresh.length === 0) return {};
  const { policies = [], response } = report;
  return {
    policies: keptContributions([...policies, ...fresh]),
    response: settingsOf([
      ...(response ? [{ contributions: policies, settings: response }] : []),
      { contributions: match.contributions, settings: match.settings },
    ]),
  };
}

function covers(told: Contribution, next: Contribution): boolean {
  return (
    told.uid === next.uid &&
    told.mode === next.mode &&
    told.confirmed === next.confirmed &&
    // What only a weak detection asked for is not told yet by a sure one.
    (told.weak !== true || next.weak === true) &&
    // A policy is obeyed as long as the rungs that were met are still there: those of another name are not the same.
    next.rungs.every((rung) => told.rungs.includes(rung)) &&
    next.actions.every((action) => told.actions.includes(action)) &&
    (next.cap === undefined || isDeepStrictEqual(next.cap, told.cap))
  );
}
