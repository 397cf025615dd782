// What detectors said, how sure they are of the pod, and what they advise.
import type { DetectionSummary } from '../../api/detection.ts';
import type { DriftIncident } from '../../api/incident.ts';
import { counted, utc } from '../../report/visible.ts';
import type { ShowSection } from './section.ts';

/** See the file's first line. */
export function detected({ spec, status }: DriftIncident): ShowSection {
  const first = spec.trigger.detection;
  const reports = Object.values(status?.reports ?? {});
  const count = reports.reduce((sum, report) => sum + report.count, 0);
  const all = [first, ...reports.flatMap(({ detections }) => detections)];
  const rows = [...new Map(all.map((one) => [one.id, one])).values()].flatMap(rowsOf);
  const last = reports
    .map(({ lastSeen }) => lastSeen)
    .toSorted()
    .at(-1);
  if (count > 1)
    rows.push(['counted', `${counted(count, 'detection')}, the last ${utc(last ?? first.time)}`]);
  const { recordedOnly } = spec.trigger;
  if (recordedOnly !== undefined) rows.push(['recorded only', recordedOnly]);
  return { title: 'Detected', rows };
}

function rowsOf(detection: DetectionSummary): [string, string][] {
  const {
    severity,
    rule,
    source,
    time,
    containerName,
    executable,
    confidence,
    message,
    remediation = [],
  } = detection;
  const where = containerName === undefined ? '' : `, container ${containerName}`;
  const what = executable === undefined ? '' : `, program ${executable}`;
  return [
    [severity, `"${rule}" (${source}), ${utc(time)}${where}${what}`],
    ...(message === undefined ? [] : [['found', message] as [string, string]]),
    ...(confidence === undefined || confidence === 'High'
      ? []
      : [['confidence', CONFIDENCE[confidence]] as [string, string]]),
    ...remediation.map((text): [string, string] => ['advice', text]),
  ];
}

const CONFIDENCE = {
  Medium: 'Medium: no registry could be asked, so an index may be taken for another image',
  Low: 'Low: it names the pod, and tells neither its UID nor a container of it',
} as const;
