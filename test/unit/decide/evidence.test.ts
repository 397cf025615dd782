// When an eviction has to wait for evidence, and when that is captured once more.
import { describe, expect, test } from 'vitest';
import type { DriftIncident, DriftIncidentStatus, StepStatus } from '../../../src/api/incident.ts';
import type { Evidence } from '../../../src/api/policy.ts';
import { captureAgainAt, captureDeadline, MAX_ROUNDS, nextCapture } from '../../../src/decide/evidence.ts';
import { effectiveActions, responseOf } from '../../../src/decide/merge.ts';
import { plan } from '../../../src/decide/plan.ts';
import { holdOf } from '../../../src/decide/quarantine-list.ts';
import { aContribution, anIncident, NOW, someSettings, T0 } from '../../support/builders.ts';
import {
  EVIDENCE,
  ISOLATE_DONE,
  ISOLATED,
  MINUTE,
  orphaned,
  ran,
  reasonOf,
  someFacts,
  step,
} from './plan-support.ts';

const FACTS = someFacts({ pod: orphaned });
const HOUR = 60 * MINUTE;
const REQUIRED: Partial<Evidence> = { required: true };
const MISSING = { ...EVIDENCE, missing: ['processes'] };
const at = (ms: number) => new Date(ms).toISOString();
const captured = step({ name: 'Capture', state: 'Succeeded' });
const slow = (nextMs: number) =>
  step({ name: 'Capture', state: 'Waiting', reason: 'EvidenceMissing', nextAttemptAt: at(nextMs) });

function incident(
  evidence: Partial<Evidence>,
  status: DriftIncidentStatus = {},
  ...steps: StepStatus[]
): DriftIncident {
  const settings = someSettings();
  const made = anIncident({ status: { ...ISOLATED, steps: [ISOLATE_DONE, ...steps], ...status } });
  const response = { ...settings, evidence: { ...settings.evidence, ...evidence } };
  return { ...made, spec: { ...made.spec, trigger: { ...made.spec.trigger, response } } };
}
const actionsOf = (one: DriftIncident) => effectiveActions(responseOf(one).contributions, FACTS.standing);

describe('an eviction', () => {
  test.each<[string, DriftIncident]>([
    ['of which a collector gave nothing', incident(REQUIRED, { evidence: MISSING }, slow(NOW + MINUTE))],
    ['that could not be stored', incident(REQUIRED, {}, slow(NOW + MINUTE))],
    [
      'that was given up before it was required',
      incident(REQUIRED, {}, { ...slow(NOW + MINUTE), state: 'Failed' }),
    ],
    [
      'that is lost, also where it is not required',
      incident({}, { evidence: { ...EVIDENCE, lostAt: T0 } }, slow(NOW + MINUTE)),
    ],
    [
      'that a later alert asks for',
      incident({ ...REQUIRED, collectors: ['Processes'] }, { evidence: EVIDENCE }, slow(NOW + MINUTE)),
    ],
  ])(
    'waits for required evidence %s, says what a person can do, and is looked at again in time',
    (_what, one) => {
      expect(plan(one, FACTS)).toMatchObject({
        kind: 'Wait',
        phase: 'Quarantined',
        reason: 'EvidenceMissing',
        message: expect.stringMatching(/release the incident, or delete the pod without it$/),
        until: NOW + MINUTE,
      });
      expect(holdOf(one, FACTS.standing)).toBe('Held');
    },
  );

  test.each<[string, DriftIncident]>([
    ['that is missing and not required', incident({}, { evidence: MISSING }, captured)],
    ['that is there', incident(REQUIRED, { evidence: { ...EVIDENCE, missing: [] } }, captured)],
    [
      'of which parts have problems',
      incident(REQUIRED, { evidence: { ...EVIDENCE, problems: ['x'] } }, captured),
    ],
    ['that an earlier version recorded', incident(REQUIRED, { evidence: EVIDENCE }, captured)],
    ['that was given up and is not required', incident({}, {}, step({ name: 'Capture', state: 'Failed' }))],
  ])('does not wait for evidence %s', (_what, one) => {
    expect(ran(plan(one, FACTS))).toBe('Evict');
    expect(holdOf(one, FACTS.standing)).toBe('Drainable');
  });

  test('does not wait for what no policy asks for any more', () => {
    const standing = new Map([['policy-uid Enforce 1', ['Isolate', 'Evict'] as const]]);
    const one = incident(REQUIRED, { evidence: MISSING }, slow(NOW + MINUTE));
    expect(ran(plan(one, { ...FACTS, standing }))).toBe('Evict');
  });

  test('at the end of a quarantine waits for it, too', () => {
    const settings = someSettings();
    const created = anIncident();
    const now = Date.parse(created.metadata.creationTimestamp) + 2 * MINUTE;
    const status: DriftIncidentStatus = {
      isolation: { form: 'Orphan', at: created.metadata.creationTimestamp },
      evidence: { ...EVIDENCE, lostAt: T0 },
      steps: [ISOLATE_DONE, slow(now + MINUTE)],
      conditions: [
        { type: 'EvidenceComplete', status: 'True', reason: 'Captured', message: '', lastTransitionTime: T0 },
      ],
    };
    const response = {
      ...settings,
      isolation: { ...settings.isolation, ttl: '1m', onExpiry: 'Evict' as const },
    };
    const policies = [aContribution({ actions: ['Isolate', 'Capture'] })];
    const trigger = { ...created.spec.trigger, policies, response };
    const one = (lost: boolean): DriftIncident => ({
      ...created,
      spec: { ...created.spec, trigger },
      status: lost ? status : { ...status, evidence: EVIDENCE },
    });
    const facts = { ...FACTS, now };
    expect(reasonOf(plan(one(true), facts))).toBe('EvidenceMissing');
    expect(ran(plan(one(false), facts))).toBe('Evict');
  });
});

describe('a capture', () => {
  test('is done once more in its time, and never before', () => {
    const one = (ms: number) => incident(REQUIRED, { evidence: MISSING }, slow(ms));
    expect(ran(plan(one(NOW), FACTS))).toBe('Capture');
    expect(reasonOf(plan(one(NOW + 1), FACTS))).toBe('EvidenceMissing');
  });

  test('is done at once where the evidence is lost', () => {
    const lost = step({ name: 'Capture', state: 'Waiting', reason: 'EvidenceLost' });
    expect(ran(plan(incident({}, { evidence: { ...EVIDENCE, lostAt: T0 } }, lost), FACTS))).toBe('Capture');
  });

  test('is done once more where a later alert asks for more, and not twice for the same', () => {
    const asks: Partial<Evidence> = { collectors: ['Processes'] };
    expect(ran(plan(incident(asks, { evidence: EVIDENCE }, captured), FACTS))).toBe('Capture');
    const again = { ...EVIDENCE, collectors: ['Processes' as const] };
    expect(ran(plan(incident(asks, { evidence: again }, captured), FACTS))).toBe('Evict');
  });

  test('is not isolated later for it, nor waited for by anything but the eviction', () => {
    const contained = new Map([['policy-uid Enforce 1', ['Isolate', 'Capture'] as const]]);
    const one = incident(REQUIRED, { evidence: MISSING }, slow(NOW + MINUTE));
    expect(plan(one, { ...FACTS, standing: contained })).toMatchObject({
      reason: 'Quarantined',
      until: NOW + MINUTE,
    });
  });

  test('ends after so many bundles that a store is not filled by one pod', () => {
    const evidence = { ...MISSING, round: MAX_ROUNDS };
    const one = incident(REQUIRED, { evidence }, slow(NOW - MINUTE));
    expect(captureAgainAt(one, actionsOf(one), NOW)).toBeUndefined();
    expect(plan(one, FACTS)).toMatchObject({
      reason: 'EvidenceMissing',
      message: expect.stringContaining('not tried again'),
    });
  });

  test('is planned by a clock that was wrong: it is done now', () => {
    const one = incident(REQUIRED, { evidence: MISSING }, slow(NOW + 48 * HOUR));
    expect(captureAgainAt(one, actionsOf(one), NOW)).toBe(NOW);
  });

  test('is tried every five minutes for an hour, then every hour', () => {
    expect(nextCapture({ startedAt: at(NOW - HOUR) }, NOW) - NOW).toBe(5 * MINUTE);
    expect(nextCapture({ startedAt: at(NOW - HOUR - 1) }, NOW) - NOW).toBe(HOUR);
  });

  test.each([
    ['2m', 120_000],
    ['1s', 10_000],
    ['1h', 540_000],
    ['nonsense', 540_000],
  ])('has a deadline that a policy can ask for, whatever the record says: %s', (deadline, ms) => {
    expect(captureDeadline(incident({ deadline }))).toBe(ms);
  });
});

test('evidence that nobody holds for an eviction changes nothing for a pod that is gone', () => {
  const one = incident(REQUIRED, { evidence: MISSING }, slow(NOW));
  expect(reasonOf(plan(one, { ...FACTS, pod: undefined, snapshotBegun: true }))).toBe('PodGone');
});
