// The state machine: what comes next in every situation that a response can be in.
import { describe, expect, test } from 'vitest';
import type { DriftIncident } from '../../../src/api/incident.ts';
import { QUARANTINE_LABEL, SEVERITY_LABEL } from '../../../src/api/names.ts';
import { ACTIONS } from '../../../src/api/policy.ts';
import { plan } from '../../../src/decide/plan.ts';
import type { Standing } from '../../../src/decide/standing.ts';
import { aContribution, anIncident, aPod, NOW, someSettings, T0 } from '../../support/builders.ts';
import {
  afterCapture,
  EVIDENCE,
  evicted,
  ISOLATE_DONE,
  ISOLATED,
  MINUTE,
  orphaned,
  ran,
  reasonOf,
  someFacts,
  step,
} from './plan-support.ts';

describe('the order of the system', () => {
  test('isolates first, label and isolation in one step', () => {
    const decision = plan(anIncident(), someFacts());
    expect(decision).toMatchObject({ kind: 'Run', work: { step: 'Isolate', form: 'Orphan' } });
  });

  test('captures once the pod is isolated', () => {
    expect(ran(plan(anIncident({ status: ISOLATED }), someFacts({ pod: orphaned })))).toBe('Capture');
  });

  test('evicts once the evidence is there, with the grace of the policy', () => {
    const decision = plan(afterCapture(), someFacts({ pod: orphaned }));
    expect(decision).toEqual({ kind: 'Run', work: { step: 'Evict', gracePeriodSeconds: 1 } });
  });

  test('waits while the pod terminates', () => {
    const pod = { ...orphaned, deletionTimestamp: T0 };
    expect(reasonOf(plan(evicted(), someFacts({ pod })))).toBe('PodTerminating');
  });

  test('never evicts before the evidence when capture is asked for', () => {
    const running = anIncident({
      status: { ...ISOLATED, steps: [ISOLATE_DONE, step({ name: 'Capture', state: 'Running' })] },
    });
    expect(ran(plan(running, someFacts({ pod: orphaned })))).toBe('Capture');
  });

  test('goes on without evidence that failed for good', () => {
    const failed = anIncident({
      status: { ...ISOLATED, steps: [ISOLATE_DONE, step({ name: 'Capture', state: 'Failed' })] },
    });
    expect(ran(plan(failed, someFacts({ pod: orphaned })))).toBe('Evict');
  });

  test('isolates although a capture waits to be tried again', () => {
    const capture = step({ name: 'Capture', state: 'Waiting', nextAttemptAt: '2026-11-22T00:00:05Z' });
    expect(ran(plan(anIncident({ status: { steps: [capture] } }), someFacts()))).toBe('Isolate');
  });
});

describe('what the record shows already', () => {
  test('patches once more, in the form that the pod shows, when the answer to the patch was lost', () => {
    const decision = plan(
      anIncident(),
      someFacts({ pod: orphaned, workload: { quarantinedOthers: 9, readyOthers: 0 } }),
    );
    expect(decision).toMatchObject({ work: { step: 'Isolate', form: 'Orphan' } });
  });

  test('puts a quarantine label back that somebody took off', () => {
    expect(ran(plan(anIncident({ status: ISOLATED }), someFacts()))).toBe('Isolate');
  });

  test('keeps the form of a pod that is quarantined, whatever the limits say now', () => {
    const raised = { ...orphaned, labels: { ...orphaned.labels, [SEVERITY_LABEL]: 'warning' } };
    const facts = someFacts({ pod: raised, workload: { quarantinedOthers: 9, readyOthers: 0 } });
    const decision = plan(anIncident({ status: ISOLATED }), facts);
    expect(decision).toMatchObject({ work: { step: 'Isolate', form: 'Orphan' } });
  });

  test.each([
    ['let go of by its set, with labels that others gave it', [], { app: 'decoy', team: 'red' }, 'Orphan'],
    [
      'still in its set, with all labels and one more',
      aPod().ownerReferences,
      { ...aPod().labels, team: 'red' },
      'Gentle',
    ],
    ['still in its set, with a label less', aPod().ownerReferences, { app: 'web' }, 'Gentle'],
  ])('patches once more, without a record, a pod that is %s', (_what, ownerReferences, labels, form) => {
    const pod = { ...orphaned, ownerReferences, labels: { ...orphaned.labels, ...labels } };
    expect(plan(anIncident(), someFacts({ pod }))).toMatchObject({ work: { step: 'Isolate', form } });
  });

  test('evicts again after a crash between the record and the call', () => {
    expect(ran(plan(evicted(), someFacts({ pod: orphaned })))).toBe('Evict');
  });
});

describe('audit and policies that change', () => {
  const audit = anIncident({ policies: [aContribution({ mode: 'Audit' })] });

  test('touches nothing when no policy is in Enforce', () => {
    expect(plan(audit, someFacts())).toMatchObject({ kind: 'Wait', phase: 'Observed', reason: 'Audit' });
  });

  test('never starts because a policy was turned to Enforce later', () => {
    const standing = new Map([['policy-uid Enforce 1', ACTIONS]]);
    expect(reasonOf(plan(audit, someFacts({ standing })))).toBe('Audit');
  });

  test.each([
    ['turned to Audit', new Map([['policy-uid Enforce 1', []]])],
    ['deleted', new Map()],
    ['replaced by one of the same name', new Map([['other-uid Enforce 1', ACTIONS]])],
  ])('stops before the pod is touched when the policy was %s', (_how, standing: Standing) => {
    expect(plan(anIncident(), someFacts({ standing }))).toMatchObject({ kind: 'Wait', phase: 'Observed' });
  });

  test('keeps the quarantine and does not evict when the policy was turned to Audit half-way', () => {
    const facts = someFacts({ pod: orphaned, standing: new Map([['policy-uid Enforce 1', []]]) });
    expect(plan(afterCapture(), facts)).toMatchObject({ phase: 'Quarantined', reason: 'PolicyChanged' });
  });

  test('keeps a quarantine as it is when the policy only asks for the label by now', () => {
    const standing: Standing = new Map([['policy-uid Enforce 1', ['Label']]]);
    const decision = plan(anIncident({ status: ISOLATED }), someFacts({ pod: orphaned, standing }));
    expect(decision).toMatchObject({ kind: 'Wait', phase: 'Quarantined', reason: 'PolicyChanged' });
    const raised = { ...orphaned, labels: { ...orphaned.labels, [SEVERITY_LABEL]: 'warning' } };
    expect(plan(anIncident({ status: ISOLATED }), someFacts({ pod: raised, standing }))).toMatchObject({
      work: { step: 'Isolate', form: 'Orphan' },
    });
  });

  test('only labels when only that is asked for', () => {
    const labels = anIncident({ policies: [aContribution({ actions: ['Label'] })] });
    expect(plan(labels, someFacts())).toMatchObject({ work: { step: 'Label', form: 'LabelOnly' } });
    const labelled = aPod({ labels: { app: 'web', [SEVERITY_LABEL]: 'critical' } });
    const steps = [step({ name: 'Label', state: 'Succeeded' })];
    const done = anIncident({ policies: [aContribution({ actions: ['Label'] })], status: { steps } });
    expect(plan(done, someFacts({ pod: labelled }))).toMatchObject({
      phase: 'Observed',
      reason: 'Recorded',
    });
  });

  test('rests in quarantine when no policy asks for eviction', () => {
    const isolates = anIncident({ policies: [aContribution({ actions: ['Isolate'] })], status: ISOLATED });
    const decision = plan(isolates, someFacts({ pod: orphaned }));
    expect(decision).toMatchObject({ phase: 'Quarantined', reason: 'Quarantined' });
  });
});

describe('limits and owners', () => {
  test.each([
    ['beyond the quarantine limit of the workload', { workload: { quarantinedOthers: 2, readyOthers: 5 } }],
    ['beyond the quarantine limit of the namespace', { namespace: { quarantinedOthers: 10 } }],
    ['on the last Ready copy', { workload: { quarantinedOthers: 0, readyOthers: 0 } }],
  ])('isolates gently %s and says why', (_when, change) => {
    const decision = plan(anIncident(), someFacts(change));
    expect(decision).toMatchObject({ work: { step: 'Isolate', form: 'Gentle' } });
    expect(decision).toHaveProperty('work.message', expect.stringMatching(/limit|last|only|Ready/));
  });

  test('holds the eviction of a bare pod: nothing would replace it', () => {
    const { workload: _none, ...target } = anIncident().spec.target;
    const incident = afterCapture();
    const bare = { ...incident, spec: { ...incident.spec, target: { ...target, ownerReferences: [] } } };
    const pod = aPod({ labels: { app: 'web', [QUARANTINE_LABEL]: 'true', [SEVERITY_LABEL]: 'critical' } });
    expect(plan(bare, someFacts({ pod }))).toMatchObject({
      phase: 'AwaitingApproval',
      reason: 'AwaitingApproval',
      message: expect.stringContaining('no controller would replace the pod'),
    });
  });

  test('does nothing to a protected pod', () => {
    const facts = someFacts({ protection: 'namespace kube-system is protected' });
    expect(plan(anIncident(), facts)).toMatchObject({ kind: 'Wait', reason: 'Protected' });
  });
});

describe('eviction that has to wait', () => {
  const budget = { name: 'Evict', state: 'Waiting', reason: 'DisruptionBudget' } as const;
  const waiting = afterCapture([step({ ...budget, nextAttemptAt: '2026-11-22T00:00:10Z' })]);

  test('waits again and again for reasons that are no budget', () => {
    const reason = { name: 'Evict', state: 'Waiting', reason: 'MissingPermission' } as const;
    const refused = afterCapture([step({ ...reason, nextAttemptAt: '2026-11-22T00:05:00Z' })]);
    expect(ran(plan(refused, someFacts({ pod: orphaned, now: NOW + 60 * MINUTE })))).toBe('Evict');
  });

  test('stays quarantined until the next try', () => {
    const decision = plan(waiting, someFacts({ pod: orphaned }));
    expect(decision).toMatchObject({ phase: 'Quarantined', reason: 'DisruptionBudget', until: NOW + 10_000 });
  });

  test('tries again when it is time', () => {
    expect(ran(plan(waiting, someFacts({ pod: orphaned, now: NOW + 10_000 })))).toBe('Evict');
  });

  const waitedMs = (ms: number, then: 'Hold' | 'Delete' = 'Hold', reason = 'DisruptionBudget') => {
    const settings = someSettings();
    const response = { ...settings, eviction: { ...settings.eviction, then } };
    const { trigger } = anIncident().spec;
    const steps = [ISOLATE_DONE, step({ ...budget, reason, nextAttemptAt: T0 })];
    const eviction = { budget: { since: new Date(NOW - ms).toISOString(), refusedAt: T0 } };
    return anIncident({
      status: { ...ISOLATED, evidence: EVIDENCE, steps, eviction },
      spec: { ...anIncident().spec, trigger: { ...trigger, response } },
    });
  };

  test('holds after the time of the policy is up', () => {
    const facts = someFacts({ pod: orphaned });
    expect(plan(waitedMs(10 * MINUTE), facts)).toMatchObject({ reason: 'EvictionTimeout' });
    expect(plan(waitedMs(10 * MINUTE), facts)).not.toHaveProperty('until');
  });

  test('does not count time in which something else was waited for', () => {
    const facts = someFacts({ pod: orphaned, now: NOW + 60 * MINUTE });
    expect(ran(plan(waitedMs(MINUTE), facts))).toBe('Evict');
    expect(ran(plan(waitedMs(0, 'Hold', 'TooManyRequests'), facts))).toBe('Evict');
  });

  test('may end in a deletion, only then, and only where the policies say so', () => {
    const workOf = (incident: DriftIncident) => plan(incident, someFacts({ pod: orphaned }));
    expect(workOf(waitedMs(10 * MINUTE, 'Delete'))).toMatchObject({
      work: { step: 'Evict', orDelete: true },
    });
    expect(workOf(waitedMs(10 * MINUTE - 1, 'Delete'))).not.toMatchObject({ work: { orDelete: true } });
    expect(workOf(afterCapture())).not.toMatchObject({ work: { orDelete: true } });
  });

  test('ends in no deletion while something else holds the eviction', () => {
    const facts = someFacts({ pod: orphaned, paused: 'paused by ConfigMap' });
    expect(reasonOf(plan(waitedMs(10 * MINUTE, 'Delete'), facts))).toBe('Paused');
  });

  test('goes on asking a budget that nobody keeps up to date, and says that a person is needed', () => {
    const stale = waitedMs(10 * MINUTE, 'Delete', 'BudgetStale');
    const facts = someFacts({ pod: orphaned });
    expect(ran(plan(stale, facts))).toBe('Evict');
    const [, evict] = stale.status?.steps ?? [];
    if (evict) evict.nextAttemptAt = new Date(NOW + 10_000).toISOString();
    expect(plan(stale, facts)).toMatchObject({ reason: 'EvictionTimeout', until: NOW + 10_000 });
  });

  test('evicts nothing while paused, and looks again', () => {
    const decision = plan(afterCapture(), someFacts({ pod: orphaned, paused: 'paused by ConfigMap' }));
    expect(decision).toMatchObject({ phase: 'Quarantined', reason: 'Paused', until: NOW + 15_000 });
  });

  test('isolates also while paused: the switch stops destruction, not containment', () => {
    expect(ran(plan(anIncident(), someFacts({ paused: 'paused' })))).toBe('Isolate');
  });
});

describe('a record that somebody edited', () => {
  test('that names no time for the next try waits for an event', () => {
    const edited = anIncident({ status: { steps: [step({ name: 'Evict', state: 'Failed' })] } });
    const decision = plan(edited, someFacts({ standing: new Map() }));
    expect(decision).toEqual({ kind: 'Wait', phase: 'Responding', reason: 'Test', message: 'test' });
  });

  test('that waits longer than a year is planned all the same', () => {
    const settings = someSettings();
    const response = { ...settings, eviction: { ...settings.eviction, waitForBudget: '99999h' } };
    const incident = afterCapture([
      step({ name: 'Evict', state: 'Waiting', reason: 'DisruptionBudget', nextAttemptAt: T0 }),
    ]);
    const { trigger } = incident.spec;
    const spec = { ...incident.spec, trigger: { ...trigger, response } };
    expect(ran(plan({ ...incident, spec }, someFacts({ pod: orphaned })))).toBe('Evict');
  });
});

describe('a refused relabel', () => {
  const refused = { name: 'Isolate', state: 'Failed', reason: 'Denied' } as const;
  const denied = anIncident({
    status: { steps: [step({ ...refused, nextAttemptAt: '2026-11-22T00:05:00Z' })] },
  });

  test('does not stop evidence and eviction', () => {
    expect(ran(plan(denied, someFacts()))).toBe('Capture');
  });

  test('is tried again later', () => {
    expect(ran(plan(denied, someFacts({ now: NOW + 5 * MINUTE })))).toBe('Isolate');
  });
});

describe('the pod is gone', () => {
  test('ends as TargetGone if it was not our eviction', () => {
    const end = plan(anIncident(), someFacts({ pod: undefined }));
    expect(end).toMatchObject({ kind: 'Done', phase: 'TargetGone' });
  });
});
