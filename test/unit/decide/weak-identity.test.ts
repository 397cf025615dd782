// A pod that an alert only names: which one is found, and that a person decides about everything until a detection is sure.
import { describe, expect, test } from 'vitest';
import type { ToldIdentity } from '../../../src/api/detection.ts';
import type { DriftIncident } from '../../../src/api/incident.ts';
import { ACTIONS, type Action } from '../../../src/api/policy.ts';
import type { Facts } from '../../../src/decide/decision.ts';
import { currentHash, outline, situationOf } from '../../../src/decide/form.ts';
import { identify, identifyByName } from '../../../src/decide/identify.ts';
import { plan } from '../../../src/decide/plan.ts';
import { contributionKey } from '../../../src/decide/standing.ts';
import { surePart, weakIdentity } from '../../../src/decide/weak-identity.ts';
import {
  aContribution,
  aDetection,
  anIncident,
  aPod,
  NOW,
  someSettings,
  T0,
} from '../../support/builders.ts';
import { SEVERITY_LABEL } from '../../../src/api/names.ts';
import { about, approve, decide, withDecision } from './approval-support.ts';
import { ISOLATE_DONE, ISOLATED, orphaned, ran, reasonOf, step } from './plan-support.ts';
import { ALL_STAND, now, reported, weak } from './weak-support.ts';

describe('the pod of a name', () => {
  const told: ToldIdentity = { namespace: 'shop', podName: 'web-1' };
  const created = (createdAt: string) => [
    aPod({ createdAt }),
    aPod({ name: 'web-2', uid: 'other', containers: [] }),
  ];
  const SEEN = Date.parse('2026-11-21T10:00:10Z');
  const found = (identity: ToldIdentity, createdAt: string) => {
    const result = identifyByName(identity, created(createdAt), SEEN);
    return result.kind === 'Refused' ? result.reason : [result.kind, result.pod.uid];
  };

  test.each<[string, ToldIdentity, string, unknown]>([
    ['is the one that had it before', told, '2026-11-21T10:00:09Z', ['Weak', 'pod-uid-1']],
    ['is none that is as young as the alert', told, '2026-11-21T10:00:10Z', 'Younger'],
    ['is none that came later', told, '2026-11-21T11:00:00Z', 'Younger'],
    ['is none of an unknown age', told, 'never', 'Younger'],
    ['is none where it is gone', { ...told, podName: 'web-9' }, T0, 'OtherName'],
    ['is none of another namespace', { ...told, namespace: 'bank' }, T0, 'OtherName'],
    ['is none without a namespace', { podName: 'web-1' }, T0, 'NameOnly'],
    [
      'is none on another node than told',
      { ...told, hostname: 'node-9' },
      '2026-11-21T09:00:00Z',
      'OtherNode',
    ],
    [
      'is none whose container is another one',
      { ...told, containerId: 'f'.repeat(64) },
      T0,
      'OtherContainer',
    ],
    ['is none that has another UID', { ...told, podUid: 'old-uid' }, T0, 'OtherUid'],
  ])('%s', (_, identity, createdAt, expected) => {
    expect(found(identity, createdAt)).toEqual(expected);
  });

  test('is certain where a container ID is told', () => {
    const containerId = aDetection().identity.containerId ?? '';
    expect(found({ ...told, containerId }, T0)).toEqual(['Strong', 'pod-uid-1']);
  });

  test('is none for any other detector', () => {
    expect(identify(told, created('2026-11-21T09:00:00Z'))).toMatchObject({ reason: 'NameOnly' });
  });
});

describe('while no detection is sure', () => {
  test.each<Action>([...ACTIONS])('%s waits for a person', (action) => {
    const decision = plan(weak(anIncident(), [action]), now);
    expect(decision).toMatchObject({ kind: 'Wait', phase: 'AwaitingApproval', reason: 'AwaitingApproval' });
    expect(decision).toHaveProperty('message', expect.stringContaining('neither its UID nor a container'));
  });

  test('no policy takes that away, and the plan names it', () => {
    const incident = weak(about({ approval: { requiredFor: [] } }));
    expect(reasonOf(plan(incident, now))).toBe('AwaitingApproval');
    expect(outline(incident, now).needs).toEqual(['WeakIdentity']);
    expect(outline(weak(anIncident(), ['Label']), now).needs).toEqual(['WeakIdentity']);
  });

  test('nobody is asked about what is only audited', () => {
    const audited: Facts = { ...now, standing: new Map() };
    expect(plan(weak(), audited)).toMatchObject({ phase: 'Observed', reason: 'Audit' });
    expect(outline(weak(), audited).needs).toBeUndefined();
  });

  test('a pod that somebody deletes is left alone as well', () => {
    const going = { ...now, pod: aPod({ deletionTimestamp: T0 }) };
    expect(ran(plan(weak(), going))).toBeUndefined();
  });

  test('a pod that was isolated once is not isolated again', () => {
    const incident = weak(anIncident({ status: { isolation: { form: 'Orphan', at: T0 } } }));
    expect(ran(plan(incident, now))).toBeUndefined();
    expect(ran(plan(incident, { ...now, pod: orphaned }))).toBeUndefined();
  });

  test('the plan has another hash', () => {
    const hash = (incident: DriftIncident) => currentHash(situationOf(incident, now, aPod()));
    expect(hash(weak())).not.toBe(hash(anIncident()));
  });

  test('an approval of the plan lets it go on, and one of the plan without the doubt does not', () => {
    const incident = weak();
    expect(ran(plan(approve(incident, now), now))).toBe('Isolate');
    const other = outline(anIncident(), now).hash;
    expect(reasonOf(plan(withDecision(incident, decide('Approve', { planHash: other ?? '' })), now))).toBe(
      'PlanChanged',
    );
  });

  test.each([
    ['Deny', 'EvictionDenied', /denied it: .*; nothing is done to the pod/],
    ['Hold', 'Held', /holds it/],
  ] as const)('%s leaves the pod as it is', (action, reason, message) => {
    const decision = plan(withDecision(weak(), decide(action)), now);
    expect(decision).toMatchObject({ kind: 'Wait', reason, message: expect.stringMatching(message) });
  });

  test('a Release ends it', () => {
    expect(plan(withDecision(weak(), decide('Release')), now)).toMatchObject({
      kind: 'Done',
      phase: 'Released',
    });
  });
});

describe('once a detection is sure', () => {
  const FULL: readonly Action[] = ['Label', 'Isolate', 'Capture', 'Evict'];

  test('and asks for the same, nobody is asked', () => {
    const incident = reported(weak(anIncident(), FULL), { actions: [...FULL] });
    expect(weakIdentity(incident, now.standing)).toBeUndefined();
    expect(ran(plan(incident, now))).toBe('Isolate');
    expect(outline(incident, now).needs).toBeUndefined();
  });

  test('and asks for less, that is done, and the rest waits for a person', () => {
    const incident = reported(weak(anIncident(), FULL), { actions: ['Label'] });
    const first = plan(incident, now);
    expect(first).toMatchObject({ kind: 'Run', work: { step: 'Label', form: 'LabelOnly' } });
    expect(outline(incident, now).needs).toContain('WeakIdentity');
    const labelled = {
      ...incident,
      status: {
        ...incident.status,
        isolation: { form: 'LabelOnly' as const, at: T0 },
        steps: [step({ name: 'Label', state: 'Succeeded' })],
      },
    };
    const pod = aPod({ labels: { ...aPod().labels, [SEVERITY_LABEL]: 'critical' } });
    expect(plan(labelled, { ...now, pod })).toMatchObject({ kind: 'Wait', phase: 'AwaitingApproval' });
  });

  test('and is only recorded, everything waits for a person as before', () => {
    const incident = reported(weak(anIncident(), FULL), { actions: [...FULL], mode: 'Audit' });
    expect(reasonOf(plan(incident, now))).toBe('AwaitingApproval');
  });

  test('but only once the drift is confirmed, what is asked for at once waits', () => {
    const incident = reported(weak(anIncident(), FULL), { actions: [...FULL], confirmed: true });
    const standing = new Map([
      ...ALL_STAND,
      [contributionKey(aContribution({ confirmed: true })), [...ACTIONS]],
    ]);
    expect(weakIdentity(incident, standing)).toMatchObject({ need: 'WeakIdentity' });
  });

  test('a weak one that comes later holds nothing up of it, and adds nothing without a person', () => {
    const sure = anIncident();
    sure.spec.trigger.policies = [aContribution({ actions: ['Label', 'Isolate'] })];
    const incident = reported(sure, { actions: ['Evict'], weak: true });
    expect(ran(plan(incident, now))).toBe('Isolate');
    const isolated = {
      ...incident,
      status: { ...incident.status, ...ISOLATED, steps: [ISOLATE_DONE] },
    };
    expect(plan(isolated, { ...now, pod: orphaned })).toMatchObject({ phase: 'AwaitingApproval' });
    const alone = { ...isolated, status: { ...isolated.status, reports: {} } };
    expect(reasonOf(plan(alone, { ...now, pod: orphaned }))).toBe('Quarantined');
  });

  test('there is no part of it that is sure where none is weak', () => {
    expect(surePart(anIncident())).toBeUndefined();
  });
});

describe('an approval', () => {
  test('of the milder form has that done, also where there is room for the other one by then', () => {
    const status = {
      plan: { mode: 'Enforce' as const, steps: ['Isolate' as const], form: 'Gentle' as const, message: 'm' },
    };
    const incident = weak(anIncident({ status }), ['Isolate']);
    expect(plan(approve(incident, now), now)).toMatchObject({ work: { step: 'Isolate', form: 'Gentle' } });
    expect(plan(approve(weak(anIncident(), ['Isolate']), now), now)).toMatchObject({
      work: { step: 'Isolate', form: 'Orphan' },
    });
  });

  test.each([
    ['a try that failed', { name: 'Isolate', state: 'Waiting' }],
    ['a look', { name: 'Capture', state: 'Succeeded' }],
  ] as const)('that is over was not begun by %s', (_, done) => {
    const expiresAt = new Date(NOW + 1_000).toISOString();
    const incident = approve(weak(anIncident(), ['Isolate', 'Capture']), now, { expiresAt });
    const recorded = { ...incident.status, plan: outline(incident, now) };
    const steps = [step({ ...done, startedAt: new Date(NOW + 500).toISOString() })];
    const decisions = [{ action: 'Approve' as const, by: 'ann', reason: 'r', at: T0, outcome: 'o' }];
    const late: DriftIncident = { ...incident, status: { ...recorded, steps, decisions } };
    expect(reasonOf(plan(late, { ...now, now: NOW + 60_000 }))).toBe('ApprovalExpired');
  });
});

test('settings say nothing of it', () => {
  expect(someSettings().approval.requiredFor).not.toContain('WeakIdentity');
});
