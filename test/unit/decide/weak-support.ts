// Incidents that an alert opened which only names its pod.
import type { Contribution, DriftIncident, Report } from '../../../src/api/incident.ts';
import { ACTIONS, type Action } from '../../../src/api/policy.ts';
import { contributionKey } from '../../../src/decide/standing.ts';
import { aContribution, aDetection, anIncident, someSettings, T0 } from '../../support/builders.ts';
import { someFacts } from './plan-support.ts';

export const LOW = { source: 'Defender', confidence: 'Low' } as const;

/** The incident as an alert of Defender alone opens it. */
export function weak(
  incident: DriftIncident = anIncident(),
  actions: readonly Action[] = ACTIONS,
): DriftIncident {
  const { spec } = incident;
  const trigger = {
    ...spec.trigger,
    detection: { ...spec.trigger.detection, ...LOW },
    policies: [aContribution({ actions: [...actions], weak: true })],
  };
  return { ...incident, spec: { ...spec, trigger } };
}

/** The same with what another detection asked for. */
export function reported(incident: DriftIncident, change: Partial<Contribution>): DriftIncident {
  const report: Report = {
    count: 1,
    firstSeen: T0,
    lastSeen: T0,
    highestSeverity: 'Critical',
    detections: [aDetection().summary],
    policies: [aContribution(change)],
    response: someSettings(),
  };
  return { ...incident, status: { ...incident.status, reports: { r1: report } } };
}

/** Policies that still want all that they asked for, whoever asked. */
export const ALL_STAND = new Map(
  [{}, { weak: true }].flatMap((change) => {
    const one = aContribution(change);
    return [[contributionKey(one), [...ACTIONS]] as const];
  }),
);
export const now = someFacts({ standing: ALL_STAND });
