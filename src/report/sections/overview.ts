// The head of a report: whom it is about, how bad it is, and what happened in one sentence.
import type { DriftIncident, Report, StepName } from '../../api/incident.ts';
import { maxSeverity, type Severity } from '../../api/severity.ts';
import type { Source } from '../input.ts';
import type { Block, Section, Text } from '../model.ts';
import { counted, lasting, utc } from '../visible.ts';

/** See the file's first line. */
export function overview(source: Source): Section {
  const { incident } = source;
  return {
    id: 'overview',
    title: 'Overview',
    blocks: [
      ...warnings(source),
      { kind: 'Facts', rows: facts(incident) },
      {
        kind: 'Table',
        title: 'Containers when the incident was opened',
        columns: [
          { name: 'Container' },
          { name: 'Image', as: 'Path' },
          { name: 'Resolved image', as: 'Hash' },
          { name: 'Container ID', as: 'Hash' },
        ],
        rows: incident.spec.target.containers.map(({ name, image, imageID, containerID }) => [
          { code: name },
          { code: image },
          imageID === undefined ? 'not recorded' : { code: imageID },
          containerID === undefined ? 'not recorded' : { code: containerID },
        ]),
      },
    ],
  };
}

/** What happened, in one sentence. */
export function summaryOf(incident: DriftIncident): string {
  const { target, trigger } = incident.spec;
  const { source, rule } = trigger.detection;
  const workload = target.workload ? ` of ${target.workload.kind} ${target.workload.name}` : '';
  const count = detections(incident);
  const times = count > 1 ? `, and ${counted(count - 1, 'more detection')} of that pod` : '';
  return `${source} reported "${rule}" (${severityOf(incident)}) in pod ${target.namespace}/${target.name}${workload}${times}: ${outcome(incident)}.`;
}

/** The highest severity that any receiver saw. */
export function severityOf({ spec, status }: DriftIncident): Severity {
  return reportsOf(status).reduce(
    (highest, { highestSeverity }) => maxSeverity(highest, highestSeverity),
    spec.trigger.severity,
  );
}

function warnings({ incident, evidence }: Source): Block[] {
  const stalled = incident.status?.conditions?.find(
    ({ type, status }) => type === 'Stalled' && status === 'True',
  );
  const changed = evidence.state === 'Read' && evidence.differences.length > 0;
  return [
    ...(stalled ? [notice(['A person is needed:', stalled.message])] : []),
    ...(changed
      ? [
          notice(
            'The evidence is not what its manifest, or the incident, says: see the section Evidence before you trust what is read from it here.',
          ),
        ]
      : []),
  ];
}

function notice(text: Text): Block {
  return { kind: 'Notice', tone: 'Bad', text };
}

function facts(incident: DriftIncident): (readonly [string, Text])[] {
  const { metadata, spec, status } = incident;
  const { target, trigger, previous } = spec;
  const { workload, nodeName } = target;
  return [
    ['Incident', [{ code: `${metadata.namespace ?? ''}/${metadata.name}` }, 'UID', { code: metadata.uid }]],
    ['Pod', [{ code: `${target.namespace}/${target.name}` }, 'UID', { code: target.uid }]],
    ['Workload', workload ? [workload.kind, { code: workload.name }] : 'none: a bare pod'],
    ['Node', nodeName === undefined ? 'not recorded' : { code: nodeName }],
    ['Severity', { strong: severityOf(incident) }],
    ['Phase', { strong: status?.phase ?? 'not set yet: nobody has responded' }],
    ['First detection', utc(trigger.detection.time)],
    ['Detections', countOf(incident)],
    ...(previous === undefined ? [] : [['Incident of this pod before', { code: previous }] as const]),
  ];
}

function countOf(incident: DriftIncident): string {
  const reports = reportsOf(incident.status);
  if (reports.length === 0) return 'not counted yet';
  const first = Math.min(...reports.map(({ firstSeen }) => Date.parse(firstSeen)));
  const last = Math.max(...reports.map(({ lastSeen }) => Date.parse(lastSeen)));
  const over = last > first ? ` within ${lasting(last - first)}` : '';
  return `${counted(detections(incident), 'detection')}${over}, by ${counted(reports.length, 'receiver')}`;
}

function detections({ status }: DriftIncident): number {
  return reportsOf(status).reduce((sum, { count }) => sum + count, 0);
}

function reportsOf(status: DriftIncident['status']): Report[] {
  return Object.values(status?.reports ?? {});
}

const DONE: Readonly<Partial<Record<StepName, string>>> = {
  Label: 'the pod was labelled',
  Isolate: 'the pod was isolated',
  Cut: 'a firewall was put into its network',
  Capture: 'evidence was kept',
  Evict: 'it was evicted',
  Restart: 'it was made anew',
  Touch: 'its workload was restarted',
  Verify: 'its replacement was verified',
  Contain: 'all of its containers have ended',
  Release: 'the pod was put back as it was',
};

function outcome(incident: DriftIncident): string {
  const { spec, status } = incident;
  if (spec.trigger.recordedOnly !== undefined) return `it was recorded only (${spec.trigger.recordedOnly})`;
  if (status?.plan?.mode === 'Audit') return 'nothing was done to the pod, as its policies are in Audit';
  const steps = status?.steps ?? [];
  const done = steps.flatMap(({ name, state }) => (state === 'Succeeded' ? (DONE[name] ?? []) : []));
  const failed = steps.filter(({ state }) => state === 'Failed').map(({ name }) => `${name} failed`);
  const all = [...done, ...failed];
  return all.length === 0 ? 'nothing was done to the pod so far' : listed(all);
}

function listed(parts: readonly string[]): string {
  const last = parts.at(-1) ?? '';
  return parts.length < 2 ? last : `${parts.slice(0, -1).join(', ')}, and ${last}`;
}
