// Who has to be asked, for which plan an answer counts, and how long it is waited for.
import { describe, expect, test } from 'vitest';
import type { DriftIncident } from '../../../src/api/incident.ts';
import { SEVERITY_LABEL } from '../../../src/api/names.ts';
import { approvalNeeds } from '../../../src/decide/approval.ts';
import { verdictOf } from '../../../src/decide/approved.ts';
import type { Facts } from '../../../src/decide/decision.ts';
import { situationOf } from '../../../src/decide/form.ts';
import { plan } from '../../../src/decide/plan.ts';
import { aContribution, anIncident, NOW, T0 } from '../../support/builders.ts';
import {
  about,
  approve,
  decide,
  facts,
  gentlePod,
  HOUR,
  iso,
  LAST,
  STATEFUL,
  waitingSince,
  withDecision,
} from './approval-support.ts';
import { MINUTE, orphaned, ran, reasonOf, step } from './plan-support.ts';

describe('a person has to approve', () => {
  const needs = (incident: DriftIncident, now: Facts) =>
    now.pod ? approvalNeeds(situationOf(incident, now, now.pod)) : [];
  const bare = (() => {
    const { workload: _none, ...target } = anIncident().spec.target;
    const incident = about();
    return { ...incident, spec: { ...incident.spec, target } };
  })();

  test.each<[string, DriftIncident, Facts, string[]]>([
    ['nothing for one of several copies', about(), facts(), []],
    ['a pod of a StatefulSet', about({ target: STATEFUL }), facts(), ['StatefulSet']],
    ['a bare pod', bare, facts(), ['BarePod']],
    ['the last Ready copy', about(), facts(LAST), ['LastReadyCopy']],
    [
      'the only pod of a workload',
      about(),
      facts({ workload: { quarantinedOthers: 0, readyOthers: 0, copies: 0 } }),
      ['SingleReplica', 'LastReadyCopy'],
    ],
    [
      'nothing for a pod that serves nobody, beside others that do not',
      about(),
      facts({ ...LAST, pod: { ...gentlePod, ready: false } }),
      [],
    ],
    ['each, if the policy says so', about({ approval: { requiredFor: ['Always'] } }), facts(), ['Always']],
    [
      'what happened before',
      about(),
      facts({ needs: [{ need: 'Recurrence', message: 'it came back' }] }),
      ['Recurrence'],
    ],
    ['nothing that the policy leaves out', about({ approval: { requiredFor: [] } }), facts(LAST), []],
  ])('for %s', (_, incident, now, expected) => {
    expect(needs(incident, now)).toEqual(expected);
  });

  test('but not for the copies that an orphan has left already', () => {
    const incident = about({ status: { isolation: { form: 'Orphan', at: T0 } } });
    expect(needs(incident, facts({ ...LAST, pod: orphaned }))).toEqual([]);
    const always = about({
      approval: { requiredFor: ['Always', 'LastReadyCopy'] },
      status: { isolation: { form: 'Orphan', at: T0 } },
    });
    expect(needs(always, facts({ ...LAST, pod: orphaned }))).toEqual(['Always']);
  });
});

describe('without an approval the eviction', () => {
  test('waits, and says why, until when, and what to run', () => {
    const decision = plan(about(), facts(LAST));
    expect(decision).toMatchObject({
      kind: 'Wait',
      phase: 'AwaitingApproval',
      reason: 'AwaitingApproval',
      message: expect.stringContaining('die-operator approve -n shop web-1-abcdef0123-1'),
      until: NOW + 23 * HOUR,
    });
    expect(decision).toHaveProperty('message', expect.stringContaining(iso(NOW + 24 * HOUR)));
    expect(decision).toHaveProperty('message', expect.stringContaining('no other copy of the workload'));
  });

  test('goes on by itself once nobody has to be asked any more', () => {
    const incident = about({ status: { ...about().status, ...waitingSince(NOW) } });
    expect(ran(plan(incident, facts()))).toBe('Evict');
  });

  test('is asked for once more before the time is over', () => {
    const incident = about({ status: { ...about().status, ...waitingSince(NOW) } });
    const late = plan(incident, facts({ ...LAST, now: NOW + 23 * HOUR }));
    expect(late).toMatchObject({
      phase: 'AwaitingApproval',
      reason: 'ApprovalEnding',
      until: NOW + 24 * HOUR,
    });
    const early = plan(incident, facts({ ...LAST, now: NOW + 23 * HOUR - 1 }));
    expect(early).toMatchObject({ reason: 'AwaitingApproval' });
  });

  test('counts as denied when the time is over, and stays so; the quarantine does, too', () => {
    const incident = about({ status: { ...about().status, ...waitingSince(NOW) } });
    const over = plan(incident, facts({ ...LAST, now: NOW + 24 * HOUR }));
    expect(over).toMatchObject({ kind: 'Wait', phase: 'Quarantined', reason: 'ApprovalExpired' });
    expect(over).not.toHaveProperty('until');
    const expired = about({
      status: { ...about().status, ...waitingSince(NOW, 'ApprovalExpired', 'False') },
    });
    expect(reasonOf(plan(expired, facts({ ...LAST, now: NOW + 1 })))).toBe('ApprovalExpired');
  });

  test.each([
    ['that is ahead', NOW + 400 * HOUR],
    ['that is behind', NOW - 400 * HOUR],
  ])('neither ends at once nor waits for ever by a clock %s', (_, at) => {
    const incident = about({ status: { ...about().status, ...waitingSince(at) } });
    expect(plan(incident, facts({ ...LAST, now: NOW + HOUR }))).toMatchObject({
      reason: 'AwaitingApproval',
      until: NOW + 23 * HOUR,
    });
  });

  test('of an expired quarantine waits as any other', () => {
    const complete = { type: 'EvidenceComplete', status: 'True', reason: 'Captured', message: '' } as const;
    const conditions = [{ ...complete, lastTransitionTime: T0 }];
    const incident = about({ status: { ...about().status, conditions } });
    incident.spec.trigger.policies = [aContribution({ actions: ['Label', 'Isolate', 'Capture'] })];
    incident.spec.trigger.response.isolation.onExpiry = 'Evict';
    const late = facts({ ...LAST, now: NOW + 1_000 * HOUR });
    expect(reasonOf(plan(incident, late))).toBe('AwaitingApproval');
  });
});

describe('an approval', () => {
  test('of the plan lets the eviction go on', () => {
    const now = facts(LAST);
    expect(ran(plan(approve(about(), now), now))).toBe('Evict');
  });

  test('still counts when the number of copies moves on', () => {
    const now = facts({ workload: { quarantinedOthers: 0, readyOthers: 0, copies: 0 } });
    const incident = approve(about(), now);
    expect(
      ran(plan(incident, facts({ workload: { quarantinedOthers: 3, readyOthers: 0, copies: 4 } }))),
    ).toBe('Evict');
  });

  test('lets a bare pod be evicted', () => {
    const { workload: _none, ...target } = anIncident().spec.target;
    const incident = about();
    const bare = { ...incident, spec: { ...incident.spec, target } };
    expect(reasonOf(plan(bare, facts()))).toBe('AwaitingApproval');
    expect(ran(plan(approve(bare, facts()), facts()))).toBe('Evict');
  });

  test('does not let a pod be evicted that has ended', () => {
    const now = facts({ ...LAST, pod: { ...gentlePod, phase: 'Failed', ready: false } });
    expect(reasonOf(plan(approve(about(), now), now))).toBe('Finished');
  });

  test('of another plan does not count: a person is asked again', () => {
    const now = facts(LAST);
    const incident = approve(about(), now);
    const { reports: _none, ...status } = incident.status ?? {};
    const worse = {
      ...incident,
      status: {
        ...status,
        reports: {
          one: {
            count: 1,
            firstSeen: T0,
            lastSeen: T0,
            highestSeverity: 'Emergency' as const,
            detections: [],
          },
        },
      },
    };
    const pod = { ...gentlePod, labels: { ...gentlePod.labels, [SEVERITY_LABEL]: 'emergency' } };
    expect(plan(worse, facts({ ...LAST, pod }))).toMatchObject({
      phase: 'AwaitingApproval',
      reason: 'PlanChanged',
      until: NOW + 23 * HOUR,
    });
  });

  test('of another plan that nobody renews counts as denied when the time is over, and stays so', () => {
    const other = decide('Approve', { planHash: 'a'.repeat(64) });
    const late = facts({ ...LAST, now: NOW + 24 * HOUR });
    const asked = about({ status: { ...about().status, ...waitingSince(NOW, 'PlanChanged') } });
    expect(reasonOf(plan(withDecision(asked, other), late))).toBe('ApprovalExpired');
    const over = waitingSince(NOW + 24 * HOUR, 'ApprovalExpired', 'False');
    const expired = withDecision(about({ status: { ...about().status, ...over } }), other);
    expect(reasonOf(plan(expired, { ...late, now: NOW + 25 * HOUR }))).toBe('ApprovalExpired');
    // One that comes after that has people asked anew.
    const seen = [{ ...other, at: iso(NOW + 25 * HOUR), outcome: '' }];
    const again = { ...expired, status: { ...expired.status, decisions: seen } };
    expect(reasonOf(plan(again, { ...late, now: NOW + 25 * HOUR }))).toBe('PlanChanged');
  });

  test('that ended before anything was begun counts as denied', () => {
    const now = facts(LAST);
    const incident = approve(about(), now, { expiresAt: iso(NOW + HOUR) });
    expect(ran(plan(incident, { ...now, now: NOW + HOUR - 1 }))).toBe('Evict');
    expect(plan(incident, { ...now, now: NOW + HOUR })).toMatchObject({
      phase: 'Quarantined',
      reason: 'ApprovalExpired',
    });
  });

  test.each([
    ['was begun under it goes on', NOW + 30 * MINUTE, 'Evict'],
    ['was begun under an earlier one does not', NOW - MINUTE, undefined],
    ['was begun after its end does not', NOW + 2 * HOUR, undefined],
  ])('that ended: an eviction that %s', (_, startedAt, expected) => {
    const now = facts(LAST);
    const incident = approve(about(), now, { expiresAt: iso(NOW + HOUR) });
    incident.status?.steps?.push(step({ name: 'Evict', state: 'Running', startedAt: iso(startedAt) }));
    expect(ran(plan(incident, { ...now, now: NOW + 3 * HOUR }))).toBe(expected);
  });

  test('that comes after the time was over counts all the same', () => {
    const now = facts(LAST);
    const expired = about({
      status: { ...about().status, ...waitingSince(NOW, 'ApprovalExpired', 'False') },
    });
    expect(ran(plan(approve(expired, now), now))).toBe('Evict');
  });

  test('that nobody had to give changes nothing', () => {
    const incident = withDecision(about(), decide('Approve', { planHash: 'a'.repeat(64) }));
    expect(ran(plan(incident, facts()))).toBe('Evict');
  });

  test('does not lift what stops every eviction', () => {
    const now = facts({ ...LAST, paused: 'paused' });
    expect(reasonOf(plan(approve(about(), now), now))).toBe('Paused');
  });
});

describe('the verdict', () => {
  test('is the same however often it is asked', () => {
    const now = facts(LAST);
    const situation = situationOf(about(), now, gentlePod);
    expect(verdictOf(situation)).toEqual(verdictOf(situation));
  });
});
