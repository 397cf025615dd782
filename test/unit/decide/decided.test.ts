// What a Deny, a Hold and a Resume stop, and a policy that asks before the isolation.
import { describe, expect, test } from 'vitest';
import type { Approval } from '../../../src/api/approval.ts';
import type { DriftIncident } from '../../../src/api/incident.ts';
import { SEVERITY_LABEL } from '../../../src/api/names.ts';
import { approvedCondition } from '../../../src/decide/approved.ts';
import { situationOf } from '../../../src/decide/form.ts';
import { plan } from '../../../src/decide/plan.ts';
import { aPod, anIncident, NOW, T0 } from '../../support/builders.ts';
import {
  about,
  approve,
  decide,
  facts,
  gentlePod,
  HOUR,
  LAST,
  waitingSince,
  withDecision,
} from './approval-support.ts';
import { EVIDENCE, ISOLATE_DONE, orphaned, ran, reasonOf, someFacts, spent, step } from './plan-support.ts';

const OPEN = { breaker: { message: 'open', until: NOW + HOUR } };

describe('a Deny', () => {
  test('holds the eviction, says who and why, and leaves the quarantine', () => {
    expect(plan(about({ decision: decide('Deny') }), facts())).toMatchObject({
      kind: 'Wait',
      phase: 'Quarantined',
      reason: 'EvictionDenied',
      message: expect.stringContaining('ann denied the eviction: looked at it'),
    });
  });

  test('has a pod isolated gently that would be taken out of its workload', () => {
    const incident = anIncident({ spec: { ...anIncident().spec, decision: decide('Deny') } });
    expect(plan(incident, someFacts())).toMatchObject({ work: { step: 'Isolate', form: 'Gentle' } });
  });

  test('has the incident keep its pod also when it is deleted', () => {
    const incident = about({ decision: decide('Deny') });
    incident.metadata.deletionTimestamp = T0;
    expect(plan(incident, facts())).toMatchObject({ kind: 'Wait', reason: 'EvictionDenied' });
  });
});

describe('a Hold', () => {
  const held = (status: DriftIncident['status'] = {}) =>
    anIncident({ status, spec: { ...anIncident().spec, decision: decide('Hold') } });

  test('has a pod isolated gently that would be taken out of its workload', () => {
    expect(plan(held(), someFacts())).toMatchObject({ work: { step: 'Isolate', form: 'Gentle' } });
  });

  test('does not put a pod back that was taken out before', () => {
    const incident = held({ isolation: { form: 'Orphan', at: T0 }, steps: [ISOLATE_DONE] });
    expect(ran(plan(incident, someFacts({ pod: orphaned })))).toBe('Capture');
  });

  test('lets evidence go on, and then waits', () => {
    const isolated = { isolation: { form: 'Gentle', at: T0 }, steps: [ISOLATE_DONE] } as const;
    expect(ran(plan(held({ ...isolated, steps: [ISOLATE_DONE] }), facts()))).toBe('Capture');
    expect(plan(held({ ...isolated, steps: [ISOLATE_DONE], evidence: EVIDENCE }), facts())).toMatchObject({
      kind: 'Wait',
      phase: 'Held',
      reason: 'Held',
      message: expect.stringContaining('die-operator resume -n shop web-1-abcdef0123-1'),
    });
  });

  test('has the incident keep its pod also when it is deleted', () => {
    const incident = held({ isolation: { form: 'Gentle', at: T0 }, steps: [ISOLATE_DONE] });
    incident.metadata.deletionTimestamp = T0;
    expect(plan(incident, facts())).toMatchObject({ kind: 'Wait', phase: 'Held' });
  });

  test('stops no time for an answer from being over: none runs', () => {
    const incident = withDecision(
      about({ status: { ...about().status, ...waitingSince(NOW) } }),
      decide('Hold'),
    );
    const now = facts({ ...LAST, now: NOW + 100 * HOUR });
    const condition = approvedCondition(situationOf(incident, now, gentlePod), plan(incident, now));
    expect(condition).toMatchObject({ status: 'Unknown' });
  });
});

describe('an open circuit breaker', () => {
  test('stops no time for an answer from being over: nobody is asked meanwhile', () => {
    const incident = about({ status: { ...about().status, ...waitingSince(NOW) } });
    const now = facts({ ...LAST, spent: spent([], OPEN), now: NOW + 100 * HOUR });
    const decision = plan(incident, now);
    expect(reasonOf(decision)).toBe('BreakerOpen');
    const condition = approvedCondition(situationOf(incident, now, gentlePod), decision);
    expect(condition).toMatchObject({ status: 'Unknown' });
  });
});

describe('a Resume', () => {
  test('goes on as if nobody had decided, and revives no earlier approval', () => {
    const incident = withDecision(about(), decide('Resume'));
    expect(ran(plan(incident, facts()))).toBe('Evict');
    expect(reasonOf(plan(incident, facts(LAST)))).toBe('AwaitingApproval');
  });
});

describe('a policy that asks before the isolation', () => {
  const before = { before: 'Isolate' } as const;
  const fresh = (approval: Partial<Approval> = {}) =>
    about({
      approval: { ...before, ...approval },
      status: { isolation: undefined, steps: [], evidence: undefined },
    });
  const last = someFacts(LAST);

  test.each<[string, object]>([
    ['in a storm', { spent: spent([], OPEN) }],
    ['of a pod that somebody else deleted', { pod: aPod({ deletionTimestamp: T0 }) }],
  ])('is not asked %s: the pod is isolated gently', (_, change) => {
    expect(plan(fresh(), { ...last, ...change })).toMatchObject({
      work: { step: 'Isolate', form: 'Gentle' },
    });
  });

  test('has the pod labelled, and its evidence kept, and then waits', () => {
    expect(plan(fresh(), last)).toMatchObject({ work: { step: 'Label', form: 'LabelOnly' } });
    const labelled = aPod({ labels: { app: 'web', [SEVERITY_LABEL]: 'critical' } });
    const status = {
      isolation: { form: 'LabelOnly', at: T0 } as const,
      steps: [step({ name: 'Label', state: 'Succeeded' })],
    };
    const kept = about({ approval: before, status: { ...status, evidence: undefined } });
    expect(ran(plan(kept, { ...last, pod: labelled }))).toBe('Capture');
    const waits = about({ approval: before, status: { ...status, evidence: EVIDENCE } });
    expect(plan(waits, { ...last, pod: labelled })).toMatchObject({
      phase: 'AwaitingApproval',
      reason: 'AwaitingApproval',
    });
    const approved = approve(waits, { ...last, pod: labelled });
    expect(plan(approved, { ...last, pod: labelled })).toMatchObject({
      work: { step: 'Isolate', form: 'Gentle' },
    });
    const denied = withDecision(waits, decide('Deny'));
    expect(plan(denied, { ...last, pod: labelled })).toMatchObject({
      phase: 'Observed',
      reason: 'EvictionDenied',
    });
  });

  test('isolates at once where nobody has to be asked', () => {
    expect(ran(plan(fresh(), someFacts()))).toBe('Isolate');
  });

  test('isolates a pod again that was isolated already and freed by another hand', () => {
    const incident = about({ approval: before });
    expect(ran(plan(incident, someFacts(LAST)))).toBe('Isolate');
  });
});
