// The responder's part of the status: steps, summary conditions, and the patch that writes the difference.
import { describe, expect, test } from 'vitest';
import { findCondition } from '../../../src/api/conditions.ts';
import type { DriftIncident } from '../../../src/api/incident.ts';
import type { Decision } from '../../../src/decide/decision.ts';
import { statusPatch, withDecision, withStatus, withStep } from '../../../src/incidents/status.ts';
import { anIncident, T0 } from '../../support/builders.ts';

const LATER = '2026-11-22T00:01:00.000Z';

function conditionOf(incident: DriftIncident, type: string): string | undefined {
  return findCondition(incident.status?.conditions, type)?.status;
}

describe('steps', () => {
  const change = { name: 'Evict', reason: 'Running', message: 'asking', tried: true } as const;

  test('count each try and keep the time of the first', () => {
    const once = withStep(anIncident(), { ...change, state: 'Running' }, T0);
    const twice = withStep(once, { ...change, state: 'Running' }, LATER);
    expect(twice.status?.steps).toMatchObject([{ attempts: 2, startedAt: T0 }]);
  });

  test('stay countable however large a count somebody wrote', () => {
    const once = withStep(anIncident(), { ...change, state: 'Running' }, T0);
    const [step] = once.status?.steps ?? [];
    if (!step) throw new Error('no step');
    const steps = [{ ...step, attempts: Number.MAX_SAFE_INTEGER }];
    const edited = { ...once, status: { ...once.status, reports: {}, steps } };
    const next = withStep(edited, { ...change, state: 'Running' }, LATER);
    expect(next.status?.steps).toMatchObject([{ attempts: Number.MAX_SAFE_INTEGER }]);
  });

  test('have an end once they succeeded, failed or were skipped', () => {
    const ends = (['Running', 'Waiting', 'Succeeded', 'Failed', 'Skipped'] as const).map(
      (state) =>
        withStep(anIncident(), { ...change, state }, T0).status?.steps?.[0]?.finishedAt !== undefined,
    );
    expect(ends).toEqual([false, false, true, true, true]);
  });

  test('keep their order when one changes', () => {
    let incident = withStep(anIncident(), { ...change, name: 'Isolate', state: 'Succeeded' }, T0);
    incident = withStep(incident, { ...change, name: 'Capture', state: 'Running' }, T0);
    incident = withStep(incident, { ...change, name: 'Isolate', state: 'Failed' }, LATER);
    expect(incident.status?.steps?.map((step) => step.name)).toEqual(['Isolate', 'Capture']);
  });

  test('cut a message that would not fit the schema', () => {
    const long = withStep(anIncident(), { ...change, state: 'Failed', message: 'x'.repeat(5000) }, T0);
    expect(long.status?.steps?.[0]?.message).toHaveLength(1024);
  });
});

describe('the summary', () => {
  const wait = (phase: 'Responding' | 'Quarantined', reason: string): Decision => ({
    kind: 'Wait',
    phase,
    reason,
    message: 'm',
  });

  test.each<[string, Decision, { ready: string; busy?: true; stalled?: true }]>([
    ['a step that runs', { kind: 'Run', work: { step: 'Capture' } }, { ready: 'False', busy: true }],
    ['a wait in a response', wait('Responding', 'PodTerminating'), { ready: 'False', busy: true }],
    ['a quarantine by plan', wait('Quarantined', 'Quarantined'), { ready: 'False' }],
    ['a wait for a person', wait('Quarantined', 'EvictionTimeout'), { ready: 'False', stalled: true }],
    ['success', { kind: 'Done', phase: 'Resolved', reason: 'Replaced', message: 'm' }, { ready: 'True' }],
    [
      'failure',
      { kind: 'Done', phase: 'Failed', reason: 'NoReplacement', message: 'm' },
      { ready: 'False', stalled: true },
    ],
  ])('of %s', (_what, decision, { ready, busy, stalled }) => {
    const incident = withDecision(anIncident(), decision, T0);
    expect(conditionOf(incident, 'Ready')).toBe(ready);
    expect(conditionOf(incident, 'Reconciling')).toBe(busy ? 'True' : undefined);
    expect(conditionOf(incident, 'Stalled')).toBe(stalled ? 'True' : undefined);
  });

  test('keeps the time of a condition that did not turn', () => {
    const first = withDecision(anIncident(), wait('Responding', 'PodTerminating'), T0);
    const second = withDecision(first, wait('Responding', 'Other'), LATER);
    expect(findCondition(second.status?.conditions, 'Ready')).toMatchObject({
      reason: 'Other',
      lastTransitionTime: T0,
    });
  });
});

describe('the patch', () => {
  test('is empty when nothing differs', () => {
    expect(statusPatch(anIncident(), anIncident())).toEqual([]);
  });

  test('tests the UID and writes only what differs', () => {
    const after = withStatus(anIncident(), { phase: 'Responding' });
    expect(statusPatch(anIncident(), after)).toEqual([
      { op: 'test', path: '/metadata/uid', value: 'incident-uid' },
      { op: 'test', path: '/status/phase', value: null },
      { op: 'test', path: '/status/steps', value: null },
      { op: 'add', path: '/status/phase', value: 'Responding' },
    ]);
  });

  test('never touches the reports of receivers', () => {
    const report = {
      count: 1,
      firstSeen: T0,
      lastSeen: T0,
      highestSeverity: 'Error',
      detections: [],
    } as const;
    const stale = withStatus(anIncident(), { reports: {} });
    const fresh = withStatus(anIncident(), { reports: { r1: { ...report, detections: [] } } });
    expect(statusPatch(stale, fresh)).toEqual([]);
    expect(statusPatch(fresh, withStatus(stale, { phase: 'Responding' })).map((op) => op.path)).toEqual([
      '/metadata/uid',
      '/status/phase',
      '/status/steps',
      '/status/phase',
    ]);
  });
});
