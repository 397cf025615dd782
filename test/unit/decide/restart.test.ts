// Restart in the state machine: the manifest first, then the eviction, then the clean copy, and never one without the other.
import { describe, expect, test } from 'vitest';
import type { DriftIncidentStatus, RestartStatus, StepStatus } from '../../../src/api/incident.ts';
import type { Action } from '../../../src/api/policy.ts';
import { plan } from '../../../src/decide/plan.ts';
import { describe as describeIt } from '../../../src/incidents/describe.ts';
import { endsInEviction } from '../../../src/decide/restart.ts';
import { aContribution, aPod, anIncident, NOW, someSettings, T0 } from '../../support/builders.ts';
import { MINUTE, ran, reasonOf, someFacts, step } from './plan-support.ts';

const MANIFEST = { revision: 'r', uid: 'u', sha256: 'f'.repeat(64), keptAt: T0 };
const kept = (ageMs = 0) =>
  step({ name: 'Keep', state: 'Succeeded', finishedAt: new Date(NOW - ageMs).toISOString() });
const EVICTING = step({ name: 'Evict', state: 'Running', reason: 'Evicting' });
const pod = aPod({ ownerReferences: [] });
const facts = (change: object = {}) => someFacts({ pod, ...change });

function anew(steps: StepStatus[], restart?: RestartStatus, change: DriftIncidentStatus = {}) {
  const policies = [aContribution({ actions: ['Restart'] })];
  const incident = anIncident({ policies, status: { steps, ...(restart && { restart }), ...change } });
  const { workload: _workload, ownerReferences: _owners, ...target } = incident.spec.target;
  const { trigger } = incident.spec;
  const settings = someSettings();
  const response = { ...settings, approval: { ...settings.approval, requiredFor: [] } };
  return { ...incident, spec: { ...incident.spec, target, trigger: { ...trigger, response } } };
}

test('Evict and Restart end in an eviction', () => {
  const all: [Action[], boolean][] = [
    [['Evict'], true],
    [['Restart'], true],
    [['Label', 'Isolate', 'Capture'], false],
  ];
  for (const [actions, expected] of all) expect(endsInEviction(actions)).toBe(expected);
});

describe('a bare pod that is to be restarted', () => {
  test('has its manifest kept first', () => {
    expect(ran(plan(anew([]), facts()))).toBe('Keep');
  });

  test.each(['RestartUnpinnable', 'SpecChanged', 'RestartRefused'])('stays while there is %s', (reason) => {
    const nextAttemptAt = new Date(NOW + MINUTE).toISOString();
    const waiting = step({ name: 'Keep', state: 'Waiting', reason, nextAttemptAt });
    expect(reasonOf(plan(anew([waiting]), facts()))).toBe(reason);
    expect(ran(plan(anew([waiting]), facts({ now: NOW + MINUTE })))).toBe('Keep');
  });

  test('stays while its manifest is on record only as a step', () => {
    expect(ran(plan(anew([kept()]), facts()))).not.toBe('Evict');
  });

  test('is evicted, to be made anew, right after the API server said that it would take the copy', () => {
    const decision = plan(anew([kept()], { manifest: MANIFEST }), facts());
    expect(decision).toMatchObject({ kind: 'Run', work: { step: 'Evict', anew: true } });
    expect(ran(plan(anew([kept(2 * MINUTE)], { manifest: MANIFEST }), facts()))).toBe('Keep');
    expect(ran(plan(anew([kept(-2 * MINUTE)], { manifest: MANIFEST }), facts()))).toBe('Keep');
  });

  test('is held by the gates of every eviction', () => {
    const incident = anew([kept()], { manifest: MANIFEST });
    expect(reasonOf(plan(incident, facts({ paused: 'paused' })))).toBe('Paused');
    const ended = facts({ pod: { ...pod, phase: 'Failed' } });
    expect(reasonOf(plan(anew([]), ended))).toBe('Finished');
  });
});

describe('a pod that was evicted to be made anew', () => {
  const begun = { manifest: MANIFEST, begunAt: T0 };
  const gone = (change: object = {}) => facts({ pod: undefined, ...change });

  test('is made anew once it is gone', () => {
    expect(ran(plan(anew([kept(), EVICTING], begun), gone()))).toBe('Restart');
    expect(
      ran(plan(anew([kept(), EVICTING, step({ name: 'Restart', state: 'Running' })], begun), gone())),
    ).toBe('Restart');
  });

  test('is made anew though its policy was changed since, and though everything is paused', () => {
    const stopped = gone({ standing: new Map(), paused: 'paused' });
    expect(ran(plan(anew([kept(), EVICTING], begun), stopped))).toBe('Restart');
  });

  test('is waited for where the API server does not take the copy', () => {
    const nextAttemptAt = new Date(NOW + MINUTE).toISOString();
    const refused = step({ name: 'Restart', state: 'Waiting', reason: 'RestartRefused', nextAttemptAt });
    expect(reasonOf(plan(anew([kept(), EVICTING, refused], begun), gone()))).toBe('RestartRefused');
    expect(ran(plan(anew([kept(), EVICTING, refused], begun), gone({ now: NOW + MINUTE })))).toBe('Restart');
  });

  test.each(['NameTaken', 'ManifestChanged', 'ManifestGone'])('is given up where there is %s', (reason) => {
    const failed = step({ name: 'Restart', state: 'Failed', reason });
    const decision = plan(anew([kept(), EVICTING, failed], begun), gone());
    expect(decision).toMatchObject({ kind: 'Done', phase: 'Failed', reason });
  });

  test('is not made anew twice', () => {
    const made = { ...begun, pod: { name: 'web-1', uid: 'new', createdAt: T0 } };
    expect(ran(plan(anew([kept(), EVICTING], made), gone()))).toBeUndefined();
  });

  test('is not made anew where it went by itself, or without an eviction of ours', () => {
    const reason = (steps: StepStatus[], restart: RestartStatus) =>
      reasonOf(plan(anew(steps, restart), gone()));
    expect(reason([kept()], { manifest: MANIFEST })).toBe('PodGone');
    const refused = step({ name: 'Evict', state: 'Waiting', reason: 'DisruptionBudget' });
    expect(reason([kept(), refused], begun)).toBe('PodGone');
    expect(ran(plan(anew([kept(), EVICTING], { manifest: MANIFEST }), gone()))).not.toBe('Restart');
  });

  test('is not made anew where a person denied it, and the API server never accepted the eviction', () => {
    const unknown = step({ name: 'Evict', state: 'Waiting', reason: 'InternalError' });
    const decision = { action: 'Deny', by: 'eve', reason: 'r' } as const;
    const denied = (change: DriftIncidentStatus = {}) => {
      const incident = anew([kept(), unknown], begun, change);
      return plan({ ...incident, spec: { ...incident.spec, decision } }, gone());
    };
    expect(reasonOf(denied())).toBe('PodGone');
    expect(ran(denied({ eviction: { requestedAt: T0 } }))).toBe('Restart');
  });

  test('is not made anew where it stayed after its eviction, and somebody deletes it later', () => {
    const held = { kind: 'Wait', phase: 'Quarantined', reason: 'Paused', message: 'm' } as const;
    const incident = anew([kept(), EVICTING], begun);
    const at = (ms: number) => describeIt(incident, held, facts({ now: NOW + ms }), T0).status?.restart;
    expect(at(MINUTE - 1)).toEqual(begun);
    expect(at(MINUTE + 1)).toEqual({ manifest: MANIFEST });
  });

  test('is made anew although its incident is deleted meanwhile, unless that was released', () => {
    const incident = anew([kept(), EVICTING], begun);
    incident.metadata = { ...incident.metadata, deletionTimestamp: T0 };
    expect(ran(plan(incident, gone()))).toBe('Restart');
    const going = { ...pod, deletionTimestamp: T0, going: { graceSeconds: 1, containersEnded: false } };
    expect(plan(incident, facts({ pod: going })).kind).toBe('Wait');
    const made = { ...begun, pod: { name: 'web-1', uid: 'new', createdAt: T0 } };
    const over = { ...incident, status: { ...incident.status, restart: made } };
    expect(plan(over, gone())).toEqual({ kind: 'Forget' });
    const decision = { action: 'Release', by: 'eve', reason: 'r' } as const;
    expect(plan({ ...incident, spec: { ...incident.spec, decision } }, gone())).toEqual({ kind: 'Forget' });
    expect(plan(incident, { ...gone(), namespaceTerminating: true })).toEqual({ kind: 'Forget' });
  });

  test('is not made anew once a person released the incident', () => {
    const incident = anew([kept(), EVICTING], begun);
    const decision = { action: 'Release', by: 'eve', reason: 'r' } as const;
    const released = { ...incident, spec: { ...incident.spec, decision } };
    expect(plan(released, gone())).toMatchObject({ kind: 'Done', phase: 'Released' });
  });
});

test('a pod of a workload is evicted as by Evict, after its pin was worked out', () => {
  const incident = anIncident({ policies: [aContribution({ actions: ['Restart'] })] });
  expect(ran(plan(incident, someFacts()))).toBe('Keep');
  const pinned = anIncident({
    policies: [aContribution({ actions: ['Restart'] })],
    status: { steps: [kept(2 * MINUTE)] },
  });
  const decision = plan(pinned, someFacts());
  expect(decision).toMatchObject({ kind: 'Run', work: { step: 'Evict' } });
  expect(decision).not.toHaveProperty('work.anew');
});
