// What a workload can spare decides on the form of isolation, and holds evictions.
import { describe, expect, test } from 'vitest';
import type { DriftIncident } from '../../../src/api/incident.ts';
import { QUARANTINE_LABEL, SEVERITY_LABEL, INCIDENT_ANNOTATION } from '../../../src/api/names.ts';
import type { Availability } from '../../../src/decide/availability.ts';
import type { Facts } from '../../../src/decide/decision.ts';
import { outline } from '../../../src/decide/form.ts';
import { plan } from '../../../src/decide/plan.ts';
import { anIncident, aPod, T0 } from '../../support/builders.ts';
import { EVIDENCE, ISOLATE_DONE, orphaned, ran, reasonOf, someFacts, step } from './plan-support.ts';

const STRICT = { name: 'strict', healthy: 3, desired: 3, expected: 3, unreadyMayGo: false };
const FULL = { quota: 'small', resource: 'pods', hard: '3', used: '3' };

function having(change: Partial<Availability> = {}): Availability {
  return { share: { size: 8, missing: 0, gentle: 0 }, budgets: [], quota: {}, unread: [], ...change };
}
const share = (size: number, missing: number, gentle = 0) => having({ share: { size, missing, gentle } });

function facts(availability: Availability, change: Partial<Facts> = {}): Facts {
  return someFacts({
    workload: { quarantinedOthers: 0, readyOthers: 2, copies: 7 },
    availability,
    ...change,
  });
}

const { labels } = aPod();
const gentle = aPod({
  labels: { ...labels, [QUARANTINE_LABEL]: 'true', [SEVERITY_LABEL]: 'critical' },
  annotations: { [INCIDENT_ANNOTATION]: 'web-1-abcdef0123-1' },
});
const captured = (form: 'Gentle' | 'Orphan'): DriftIncident =>
  anIncident({ status: { isolation: { form, at: T0 }, evidence: EVIDENCE, steps: [ISOLATE_DONE] } });

describe('isolation', () => {
  const formOf = (availability: Availability) => {
    const decision = plan(anIncident(), facts(availability));
    return decision.kind === 'Run' && decision.work.step === 'Isolate' ? decision.work : undefined;
  };

  test.for<[string, Availability, 'Orphan' | 'Gentle']>([
    ['nothing is missing', share(8, 0), 'Orphan'],
    ['one of eight is missing, and two may be', share(8, 1), 'Orphan'],
    ['two of eight are missing', share(8, 2), 'Gentle'],
    ['one of eight is missing and one is quarantined', share(8, 1, 1), 'Gentle'],
    ['a quarter of seven, rounded down, is missing already', share(7, 1), 'Gentle'],
    ['a quarter is less than one: one may be missing all the same', share(1, 0), 'Orphan'],
    ['and not two', share(2, 1), 'Gentle'],
    ['a budget has none to spare', having({ budgets: [STRICT] }), 'Gentle'],
    ['a budget has one to spare', having({ budgets: [{ ...STRICT, desired: 2 }] }), 'Orphan'],
    ['no quota has room for two', having({ quota: { beside: FULL } }), 'Gentle'],
    ['more is used than a quota allows', having({ quota: { after: FULL } }), 'Orphan'],
  ])('%s', ([, availability, form]) => {
    expect(formOf(availability)?.form).toBe(form);
  });

  test.for<[string, Availability, RegExp]>([
    [
      'share',
      share(8, 2),
      /^Of the 8 pods of the workload 2 besides this one are .*limits\.perWorkload\.maxUnavailable of 25% lets 2 be: it is isolated gently/,
    ],
    [
      'budget',
      having({ budgets: [STRICT] }),
      /^Disruption budget strict needs 3 healthy pods, and of 3 there are 3/,
    ],
    [
      'quota',
      having({ quota: { beside: FULL } }),
      /quota small allows 3 of pods, and 3 are used: it is isolated gently/,
    ],
  ])('gently names its reason: the %s', ([, availability, words]) => {
    expect(formOf(availability)?.message).toMatch(words);
  });
});

describe('an eviction', () => {
  const next = (
    availability: Availability,
    form: 'Gentle' | 'Orphan' = 'Gentle',
    incident = captured(form),
  ) => plan(incident, facts(availability, { pod: form === 'Orphan' ? orphaned : gentle }));

  test('waits while too many others are missing, until an event', () => {
    const held = next(share(8, 2));
    expect(reasonOf(held)).toBe('MaxUnavailable');
    expect(held).toMatchObject({ phase: 'Quarantined' });
    expect(held.kind === 'Wait' && held.until).toBe(undefined);
  });

  test('does not wait for others in gentle quarantine, which would wait for it', () => {
    expect(ran(next(share(8, 1, 5)))).toBe('Evict');
  });

  test('of an orphan takes nothing more away', () => {
    expect(next(having({ share: { size: 8, missing: 7, gentle: 0 }, budgets: [STRICT] }), 'Orphan')).toEqual({
      kind: 'Run',
      work: { step: 'Evict', gracePeriodSeconds: 1 },
    });
  });

  test('is not asked for where by our own count a budget is against it', () => {
    expect(next(having({ budgets: [STRICT] }))).toMatchObject({
      kind: 'Run',
      work: { step: 'Evict', refusal: expect.stringContaining('disruption budget strict') as string },
    });
  });

  test('is asked for where a budget allows it', () => {
    expect(next(having({ budgets: [{ ...STRICT, desired: 2 }] }))).toMatchObject({
      work: { step: 'Evict', gracePeriodSeconds: 1 },
    });
  });

  test('that was refused so waits for its next try', () => {
    const waiting = step({
      name: 'Evict',
      state: 'Waiting',
      reason: 'DisruptionBudget',
      nextAttemptAt: new Date(Date.parse(T0) + 10_000).toISOString(),
    });
    const incident = captured('Gentle');
    const refused = { ...incident, status: { ...incident.status, steps: [ISOLATE_DONE, waiting] } };
    expect(reasonOf(next(having({ budgets: [STRICT] }), 'Gentle', refused))).toBe('DisruptionBudget');
  });
});

describe('a plan', () => {
  const told = (availability: Availability) => outline(anIncident(), facts(availability)).message;

  test('says what could not be read', () => {
    expect(told(having({ unread: ['disruption budgets', 'quotas'] }))).toMatch(
      /What disruption budgets say is not looked at.*What quotas say is not looked at/,
    );
  });

  test('says that a replacement could not be started', () => {
    expect(told(having({ quota: { after: FULL } }))).toContain(
      'A replacement could not be started: quota small allows 3 of pods, and 3 are used.',
    );
  });
});
