// Promises 2 and 8: alerts that were accepted, incidents that were opened, detections that were counted.
import type { DetectionSummary } from '../../../../src/api/detection.ts';
import { isFinal, type DriftIncident } from '../../../../src/api/incident.ts';
import type { KubeObject } from '../../../../src/api/meta.ts';
import type { Judge } from '../promises.ts';
import type { SentAlert } from '../stage-parts.ts';
import type { Stage } from '../stage.ts';

/** See PROMISES. */
export const oneIncident: Judge = ({ stage }) => [
  ...stage.alerts.flatMap((alert) => lost(stage, alert)),
  ...stage.alerts.flatMap((alert) => unwanted(stage, alert)),
  ...unfound(stage),
  ...twins(stage),
  ...swallowed(stage),
];

function lost(stage: Stage, alert: SentAlert): string[] {
  if (alert.harmless || alert.repeat || stage.isRecorded(alert)) return [];
  const taken = alert.answers.filter(({ answer }) => answer.status >= 200 && answer.status < 300);
  const named = taken.some(({ answer }) => !['Queued', 'Opened', 'Reported'].includes(answer.outcome ?? ''));
  const known = stage.logged.some(({ fields }) => isOutcomeOf(fields, alert.id));
  if (taken.length === 0 || named || known) return [];
  return taken.map(
    ({ replica, answer }) =>
      `alert ${alert.rule} was answered ${answer.status} ${answer.outcome} by ${replica}, and no incident knows it`,
  );
}

function isOutcomeOf(fields: object, id: string): boolean {
  const { outcome, detection } = fields as { outcome?: string; detection?: string };
  return detection === id && outcome !== undefined && !['Opened', 'Reported', 'Duplicate'].includes(outcome);
}

function unwanted(stage: Stage, alert: SentAlert): string[] {
  const refused =
    alert.answers.length > 0 &&
    alert.answers.every(({ answer }) => answer.status >= 400 && answer.status < 500);
  return refused && stage.isRecorded(alert) ? [`alert ${alert.rule} was refused and is recorded`] : [];
}

// What is gone by then needs no incident.
function unfound(stage: Stage): string[] {
  const there = new Set(stage.pods().map(({ metadata }) => metadata.uid));
  const known = new Set(stage.incidents().map(({ spec }) => spec.target.uid));
  return [...stage.drifted]
    .filter((uid) => there.has(uid) && !known.has(uid))
    .map((uid) => `the pod ${uid} differs from its template, and no incident says so`);
}

function twins({ log }: Stage): string[] {
  return log.writes
    .filter(({ of, verb }) => of === 'driftincidents' && verb === 'create')
    .flatMap(({ after, around }) => {
      const opened = after as DriftIncident | undefined;
      const others = around?.incidents.filter(
        (other) =>
          other.spec.target.uid === opened?.spec.target.uid &&
          other.metadata.uid !== opened.metadata.uid &&
          !isFinal(other),
      );
      return (others ?? []).map(
        ({ metadata }) => `${opened?.metadata.name} was opened beside ${metadata.name}, which is open`,
      );
    });
}

// What is written into an incident that is over stands there for an answer, and nothing answers it.
function swallowed({ log }: Stage): string[] {
  return log.writes
    .filter(({ of, before }) => of === 'driftincidents' && before && isFinal(before as DriftIncident))
    .flatMap(({ before, after, replica }) => {
      const known = new Set(reportedIn(before).map(({ id }) => id));
      return reportedIn(after)
        .filter(({ id }) => !known.has(id))
        .map(
          ({ rule }) => `${before?.metadata.name} was over when ${replica} wrote the alert ${rule} into it`,
        );
    });
}

function reportedIn(object: KubeObject | undefined): DetectionSummary[] {
  const { status } = (object ?? {}) as Partial<DriftIncident>;
  return Object.values(status?.reports ?? {}).flatMap(({ detections }) => detections);
}

/**
 * See PROMISES. What was sent to two receivers because one did not answer may be counted by both; a repeat that a process
 * found in the journal of its predecessor may have been counted by that one, as docs/alerts.md says. No more than that.
 */
export const countsOnce: Judge = ({ stage }) =>
  stage.incidents().flatMap((incident) => {
    const { name } = incident.metadata;
    const reports = Object.values(incident.status?.reports ?? {});
    const detections = [incident.spec.trigger.detection, ...reports.flatMap((report) => report.detections)];
    const known = Map.groupBy(detections, ({ id }) => id);
    const twice = [...known.entries()].filter(([id, { length }]) => length > receiversOf(stage, id));
    const counted = reports.reduce((sum, { count }) => sum + count, 0);
    const sent = stage.alerts.filter(({ pod }) => pod === incident.spec.target.uid);
    const deliveries = sent.reduce((sum, { answers }) => sum + answers.length, 0);
    // What the operator found itself is found again and again, and counted once.
    const own = detections.filter(({ source }) => source === 'Digest' || source === 'Configuration');
    const most = deliveries + replaysIn(stage) + new Set(own.map(({ rule }) => rule)).size;
    return [
      ...twice.map(([id, { length }]) => `${name} knows the detection ${id} ${length} times`),
      ...(counted > most ? [`${name} counts ${counted} alerts, and at most ${most} were looked at`] : []),
    ];
  });

/** How many detections processes took up from the journals of those before them. */
function replaysIn({ logged }: Stage): number {
  const taken = logged.filter(
    ({ message }) => message === 'the journal has detections of an earlier process',
  );
  return taken.reduce((sum, { fields }) => sum + (fields as { records: number }).records, 0);
}

/** How many receivers may have taken that detection. */
function receiversOf({ alerts }: Stage, id: string): number {
  const sent = alerts.filter((alert) => alert.id === id).flatMap(({ answers }) => answers);
  return Math.max(1, new Set(sent.map(({ replica }) => replica)).size);
}
