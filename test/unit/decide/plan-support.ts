// Situations for tests of the state machine.
import type { DriftIncident, DriftIncidentStatus, StepStatus } from '../../../src/api/incident.ts';
import { INCIDENT_ANNOTATION, QUARANTINE_LABEL, SEVERITY_LABEL } from '../../../src/api/names.ts';
import type { PodFacts } from '../../../src/api/pod.ts';
import { ACTIONS } from '../../../src/api/policy.ts';
import type { Decision, Facts } from '../../../src/decide/decision.ts';
import type { Spent } from '../../../src/decide/spending.ts';
import { aPod, anIncident, NOW, T0 } from '../../support/builders.ts';
import { NO_LIMITS } from '../../support/limits.ts';

export const MINUTE = 60_000;

export function someFacts(change: Partial<Facts> = {}): Facts {
  return {
    now: NOW,
    pod: aPod(),
    namespaceTerminating: false,
    protection: undefined,
    paused: undefined,
    standing: new Map([['policy-uid Enforce 1', ACTIONS]]),
    workload: { quarantinedOthers: 0, readyOthers: 2 },
    namespace: { quarantinedOthers: 0 },
    snapshotBegun: false,
    bystanders: [],
    replacement: undefined,
    ...change,
  };
}

export function step(change: Partial<StepStatus> & Pick<StepStatus, 'name' | 'state'>): StepStatus {
  return { attempts: 1, startedAt: T0, reason: 'Test', message: 'test', ...change };
}

export const orphaned: PodFacts = aPod({
  labels: { [QUARANTINE_LABEL]: 'true', [SEVERITY_LABEL]: 'critical' },
  annotations: { [INCIDENT_ANNOTATION]: 'web-1-abcdef0123-1' },
  ownerReferences: [],
});
export const ISOLATE_DONE = step({ name: 'Isolate', state: 'Succeeded' });
export const ISOLATED: DriftIncidentStatus = { isolation: { form: 'Orphan', at: T0 }, steps: [ISOLATE_DONE] };
export const EVIDENCE = { location: '/e', manifestSha256: 'f'.repeat(64), files: 1, bytes: 1, problems: [] };

export function afterCapture(steps: StepStatus[] = []): DriftIncident {
  return anIncident({ status: { ...ISOLATED, evidence: EVIDENCE, steps: [ISOLATE_DONE, ...steps] } });
}

export function evicted(status: DriftIncidentStatus = {}): DriftIncident {
  const steps = [ISOLATE_DONE, step({ name: 'Evict', state: 'Running' })];
  return anIncident({ status: { ...ISOLATED, evidence: EVIDENCE, steps, ...status } });
}

export function ran(decision: Decision): string | undefined {
  return decision.kind === 'Run' ? decision.work.step : undefined;
}

export function reasonOf(decision: Decision): string | undefined {
  return decision.kind === 'Wait' || decision.kind === 'Done' ? decision.reason : undefined;
}

/** What was spent, with nothing else in the way. */
export const spent = (acts: Spent['acts'], change: Partial<Spent> = {}): Spent => ({
  limits: NO_LIMITS,
  acts,
  courses: new Map(),
  takenOut: { node: 0, cluster: 0 },
  ...change,
});
