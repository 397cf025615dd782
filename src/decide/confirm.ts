// Whether the drift of an incident is to be confirmed on the node of its pod, and by which program.
import type { DetectionSummary } from '../api/detection.ts';
import { MAX_LOOKED, type DriftIncident } from '../api/incident.ts';
import type { Decision } from './decision.ts';
import type { Situation } from './form.ts';
import { stepOf } from './marks.ts';
import { due } from './tries.ts';

/** A program that an alert is about. */
export interface Suspect {
  /** Name of the container. */
  container: string;
  /** From the root of the container. */
  path: string;
}

/** How a record names it. */
export function suspectKey({ container, path }: Suspect): string {
  return `${container} ${path}`;
}

/** The next program that the alerts of the incident are about and that was not looked for yet. */
export function nextSuspect(incident: DriftIncident): Suspect | undefined {
  const looked = incident.status?.confirmation?.looked ?? [];
  if (looked.length >= MAX_LOOKED) return undefined;
  return detectionsOf(incident)
    .flatMap((detection) => suspectOf(incident, detection) ?? [])
    .find((suspect) => !looked.includes(suspectKey(suspect)));
}

/**
 * A program that a comparison of this pod with its images found added or changed, and when: two detectors say so, and nobody
 * has to look again. Undefined: no comparison did.
 */
export function foundByComparison(incident: DriftIncident): (Suspect & { at: string }) | undefined {
  return detectionsOf(incident)
    .filter(({ source }) => source === 'Filesystem')
    .flatMap((detection) => {
      const suspect = suspectOf(incident, detection);
      return suspect ? [{ ...suspect, at: detection.time }] : [];
    })[0];
}

function detectionsOf({ spec: { trigger }, status }: DriftIncident): DetectionSummary[] {
  const reports = Object.values(status?.reports ?? {});
  return [trigger.detection, ...reports.flatMap(({ detections }) => detections)];
}

// A path that was cut, or is relative, names no file.
function suspectOf({ spec: { target } }: DriftIncident, detection: DetectionSummary): Suspect | undefined {
  const { executable: path = '', containerName, containerID } = detection;
  if (!path.startsWith('/') || path.length >= 512) return undefined;
  const { containers } = target;
  const id = containerID !== undefined && containerID.length >= 12 ? containerID : undefined;
  const told =
    containers.find(
      ({ containerID: full = '' }) => id !== undefined && full.split('://')[1]?.startsWith(id),
    ) ??
    containers.find(({ name }) => name === containerName) ??
    (containers.length === 1 ? containers[0] : undefined);
  return told && { container: told.name, path };
}

/** The step that looks for it, once there is something that depends on it. */
export function confirmNext({ incident, facts, pod, actions }: Situation): Decision | undefined {
  if (!actions.ifConfirmed || pod.deletionTimestamp !== undefined) return undefined;
  const run: Decision = { kind: 'Run', work: { step: 'Confirm' } };
  const step = stepOf(incident, 'Confirm');
  if (foundByComparison(incident)) return run;
  switch (step?.state) {
    case undefined:
    case 'Running':
      return run;
    case 'Waiting':
      return due(step, facts.now) ? run : undefined;
    default:
      return nextSuspect(incident) ? run : undefined;
  }
}

/** Why actions that wait for a confirmation are not done; undefined: none waits. */
export function unconfirmed({
  incident,
  actions,
}: Situation): { reason: string; message: string; until: number | undefined } | undefined {
  const { ifConfirmed } = actions;
  const { state = 'Unknown', message = 'nobody has looked yet' } = incident.status?.confirmation ?? {};
  if (!ifConfirmed || state === 'Confirmed') return undefined;
  const reason = state === 'NotConfirmed' ? 'NotConfirmed' : 'ConfirmationUnknown';
  const next = Date.parse(stepOf(incident, 'Confirm')?.nextAttemptAt ?? '');
  return {
    reason,
    message: `not done, as the drift is not confirmed: ${ifConfirmed.join(', ')}; ${message}`,
    until: Number.isNaN(next) ? undefined : next,
  };
}
