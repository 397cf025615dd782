// Incidents that wait for a person, for tests of decisions.
import { INCIDENT_CONDITIONS } from '../../../src/api/conditions.ts';
import type { DriftIncident, Target } from '../../../src/api/incident.ts';
import type { Approval } from '../../../src/api/approval.ts';
import { QUARANTINE_LABEL, SEVERITY_LABEL } from '../../../src/api/names.ts';
import type { PersonsDecision } from '../../../src/decide/decided.ts';
import type { Facts } from '../../../src/decide/decision.ts';
import { outline } from '../../../src/decide/form.ts';
import { aPod, anIncident, someSettings, T0 } from '../../support/builders.ts';
import { EVIDENCE, ISOLATE_DONE, MINUTE, someFacts } from './plan-support.ts';

export const HOUR = 60 * MINUTE;
export const iso = (at: number) => new Date(at).toISOString();
export const gentlePod = aPod({
  labels: { app: 'web', [QUARANTINE_LABEL]: 'true', [SEVERITY_LABEL]: 'critical' },
});
export const LAST: Partial<Facts> = { workload: { quarantinedOthers: 0, readyOthers: 0, copies: 2 } };

export interface Case {
  approval?: Partial<Approval>;
  target?: Partial<Target>;
  decision?: PersonsDecision;
  status?: DriftIncident['status'];
}

/** An isolated pod whose evidence is kept: its eviction is next. */
export function about({ approval, target, decision, status }: Case = {}): DriftIncident {
  const base = anIncident();
  const settings = someSettings();
  const response = { ...settings, approval: { ...settings.approval, ...approval } };
  return anIncident({
    spec: {
      ...base.spec,
      target: { ...base.spec.target, ...target },
      trigger: { ...base.spec.trigger, response },
      ...(decision && { decision }),
    },
    status: {
      isolation: { form: 'Gentle', at: T0 },
      steps: [ISOLATE_DONE],
      evidence: EVIDENCE,
      ...status,
    },
  });
}

export const facts = (change: Partial<Facts> = {}) => someFacts({ pod: gentlePod, ...change });
export const STATEFUL = { workload: { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'sts' } };

export function decide(
  action: PersonsDecision['action'],
  more: Partial<PersonsDecision> = {},
): PersonsDecision {
  return { action, by: 'ann', reason: 'looked at it', ...more };
}

/** The incident with an approval of what is planned now. */
export function approve(
  incident: DriftIncident,
  now: Facts,
  more: Partial<PersonsDecision> = {},
): DriftIncident {
  const { hash } = outline(incident, now);
  return withDecision(incident, decide('Approve', { planHash: hash ?? '', ...more }));
}

export function withDecision(incident: DriftIncident, decision: PersonsDecision): DriftIncident {
  return {
    ...incident,
    spec: { ...incident.spec, decision },
    status: { ...incident.status, decisions: [{ ...decision, at: T0, outcome: '' }] },
  };
}

export function waitingSince(
  at: number,
  reason = 'AwaitingApproval',
  status: 'Unknown' | 'False' = 'Unknown',
) {
  const condition = { type: INCIDENT_CONDITIONS.Approved, status, reason, message: '' };
  return { conditions: [{ ...condition, lastTransitionTime: iso(at) }] };
}
