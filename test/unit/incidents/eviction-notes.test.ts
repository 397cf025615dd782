// What the record says of an eviction and of the end of its pod: no more than was seen, or must be so.
import { describe, expect, test } from 'vitest';
import { findCondition } from '../../../src/api/conditions.ts';
import type { DriftIncident, StepStatus } from '../../../src/api/incident.ts';
import { EvictionSchema } from '../../../src/api/policy.ts';
import type { Facts } from '../../../src/decide/decision.ts';
import {
  noteBudgetRefusal,
  noteEnd,
  noteEvictionAccepted,
  wasSilent,
} from '../../../src/incidents/eviction-notes.ts';
import { noteFailed } from '../../../src/incidents/notes.ts';
import { anIncident, NOW, someSettings, T0 } from '../../support/builders.ts';
import { evicted, orphaned, someFacts, step } from '../decide/plan-support.ts';

const LATER = '2026-11-22T03:00:00.000Z';
const TAKEN = { by: 'Eviction', gracePeriodSeconds: 1 } as const;
const gone = (lastSeen?: Facts['lastSeen']) => someFacts({ pod: undefined, lastSeen });
const contained = (incident: DriftIncident) => findCondition(incident.status?.conditions, 'Contained');

describe('an accepted eviction', () => {
  test('says how the pod was taken away, and with which grace', () => {
    const { status } = noteEvictionAccepted(evicted(), TAKEN, LATER);
    expect(status?.eviction).toEqual({ requestedAt: LATER, ...TAKEN });
    const deleted = noteEvictionAccepted(evicted(), { by: 'Delete' }, LATER);
    expect(deleted.status?.eviction).toEqual({ requestedAt: LATER, by: 'Delete' });
    expect(deleted.status?.steps?.at(-1)?.message).toContain('past its disruption budget');
  });
});

describe('the end of a pod', () => {
  const ours = noteEvictionAccepted(evicted(), TAKEN, T0);
  const byUid = noteEvictionAccepted(evicted(), { by: 'Eviction' }, T0);

  test.each<[string, DriftIncident, Facts['lastSeen'], string]>([
    ['that we evicted with our grace', ours, undefined, 'True/Evicted'],
    ['that we evicted and that was seen to end', ours, 'Ended', 'True/Terminated'],
    ['that was forced away after we evicted it', ours, 'Running', 'Unknown/NotObserved'],
    ['that somebody else may have begun to delete before us', byUid, undefined, 'Unknown/NotObserved'],
    ['that may have gone by our eviction', evicted(), undefined, 'Unknown/NotObserved'],
    ['that may have gone by our eviction and was seen to end', evicted(), 'Ended', 'True/Terminated'],
    ['that somebody else deleted', anIncident(), undefined, 'none'],
    ['that somebody else deleted by force', anIncident(), 'Running', 'none'],
    ['that somebody else deleted and that was seen to end', anIncident(), 'Ended', 'True/Terminated'],
  ])('%s', (_, incident, lastSeen, expected) => {
    const next = noteEnd(incident, { facts: gone(lastSeen), silent: false }, LATER);
    const { status, reason } = contained(next) ?? {};
    expect(status ? `${status}/${reason}` : 'none').toBe(expected);
    expect(next.status?.eviction?.goneAt).toBe(LATER);
  });

  test('whose node was silent is not confirmed by anybody', () => {
    const next = noteEnd(ours, { facts: gone(), silent: true }, LATER);
    expect(contained(next)).toMatchObject({ status: 'Unknown', reason: 'NotObserved' });
    const [type, lastTransitionTime] = ['Ready', T0];
    const condition = {
      type,
      status: 'False',
      reason: 'NodeSilent',
      message: 'm',
      lastTransitionTime,
    } as const;
    expect([ours, anIncident({ status: { conditions: [condition] } })].map(wasSilent)).toEqual([false, true]);
  });

  test('is not waited for: the containers ended while the object stays', () => {
    const pod = { ...orphaned, deletionTimestamp: T0, going: { graceSeconds: 1, containersEnded: true } };
    const next = noteEnd(ours, { facts: someFacts({ pod }), silent: false }, LATER);
    expect(contained(next)).toMatchObject({ status: 'True', reason: 'Terminated' });
    expect(next.status?.eviction).toMatchObject({ containedAt: LATER });
    expect(next.status?.eviction?.goneAt).toBeUndefined();
    // Once more changes nothing, and the end of the object neither.
    expect(noteEnd(next, { facts: someFacts({ pod }), silent: false }, '2026-11-22T04:00:00.000Z')).toEqual(
      next,
    );
    expect(contained(noteEnd(next, { facts: gone(), silent: false }, LATER))).toMatchObject({
      reason: 'Terminated',
    });
  });

  test('while a container runs says nothing', () => {
    const pod = { ...orphaned, deletionTimestamp: T0, going: { graceSeconds: 1, containersEnded: false } };
    expect(noteEnd(ours, { facts: someFacts({ pod }), silent: false }, LATER)).toBe(ours);
  });

  test('that is told late is noted late, and not forgotten with the process that saw it', () => {
    const first = noteEnd(ours, { facts: gone(), silent: false }, T0);
    const second = noteEnd(first, { facts: gone('Running'), silent: false }, LATER);
    expect(contained(second)).toMatchObject({ status: 'Unknown', reason: 'NotObserved' });
    expect(second.status?.eviction?.goneAt).toBe(T0);
    expect(noteEnd(second, { facts: gone(), silent: false }, LATER)).toEqual(second);
  });
});

describe('a refusal by a budget', () => {
  const settings = {
    ...someSettings(),
    eviction: EvictionSchema.parse({ waitForBudget: '1m', then: 'Delete' }),
  };
  const denied = { kind: 'waiting', reason: 'DisruptionBudget', message: 'm', afterMs: 10_000 } as const;
  const waited = (ms: number) => {
    const incident = anIncident({
      status: {
        steps: [step({ name: 'Evict', state: 'Running', reason: 'Running', attempts: 3 })],
        eviction: {
          budget: { since: new Date(NOW - ms).toISOString(), refusedAt: new Date(NOW).toISOString() },
        },
      },
    });
    const { trigger } = incident.spec;
    return { ...incident, spec: { ...incident.spec, trigger: { ...trigger, response: settings } } };
  };
  const nextOf = (incident: DriftIncident | undefined) => {
    const evict: StepStatus | undefined = incident?.status?.steps?.find(({ name }) => name === 'Evict');
    return {
      reason: evict?.reason,
      attempts: evict?.attempts,
      inMs: Date.parse(evict?.nextAttemptAt ?? '') - NOW,
    };
  };

  test('is tried again soon, and does not count as another try', () => {
    expect(nextOf(noteBudgetRefusal(waited(20_000), denied, NOW))).toMatchObject({
      reason: 'DisruptionBudget',
      attempts: 3,
      inMs: expect.toSatisfy((ms: number) => ms >= 10_000 && ms <= 12_500),
    });
  });

  test('of a pod that is to be deleted past it is followed by that at once', () => {
    expect(nextOf(noteBudgetRefusal(waited(60_000), denied, NOW)).inMs).toBe(0);
  });

  test('whose status nobody keeps up to date waits as it says, also then', () => {
    const stale = { ...denied, reason: 'BudgetStale' } as const;
    expect(nextOf(noteBudgetRefusal(waited(60_000), stale, NOW)).inMs).toBeGreaterThanOrEqual(10_000);
  });

  test('is none if the API server is only busy: that does not count as waited for the budget', () => {
    const busy = { kind: 'retry', reason: 'TooManyRequests', message: 'm', afterMs: 30_000 } as const;
    expect(noteBudgetRefusal(waited(0), busy, NOW)).toBeUndefined();
    const next = noteFailed(waited(0), 'Evict', busy, NOW);
    expect(nextOf(next)).toMatchObject({ reason: 'TooManyRequests', inMs: 30_000 });
    expect(next.status?.eviction).toEqual(waited(0).status?.eviction);
  });

  test('by a server that wants to be left alone for days waits ten minutes: a later time counts as wrong', () => {
    const busy = { kind: 'retry', reason: 'TooManyRequests', message: 'm', afterMs: 9e8 } as const;
    expect(nextOf(noteFailed(waited(0), 'Evict', busy, NOW)).inMs).toBe(600_000);
  });

  test('for want of a right is tried again soon at first: an API server that just began refuses what it allows', () => {
    const refused = { kind: 'slow', reason: 'MissingPermission', message: 'm', afterMs: 300_000 } as const;
    const waits = [0, 1, 2, 3, 4, 9].map((attempts) => {
      const steps = [step({ name: 'Evict', state: 'Running', reason: 'Running', attempts })];
      return nextOf(noteFailed(anIncident({ status: { steps } }), 'Evict', refused, NOW)).inMs;
    });
    expect(waits).toEqual([2_000, 4_000, 8_000, 16_000, 300_000, 300_000]);
  });
});
