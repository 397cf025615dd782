// Pods that are being deleted: who did it, until when they run, and what keeps them.
import { describe, expect, test } from 'vitest';
import type { DriftIncident, DriftIncidentStatus } from '../../../src/api/incident.ts';
import type { GoingFacts } from '../../../src/api/pod-end.ts';
import type { NodeState } from '../../../src/decide/decision.ts';
import { isOverdue, terminating } from '../../../src/decide/terminating.ts';
import { anIncident, NOW, T0 } from '../../support/builders.ts';
import { evicted, orphaned, step } from './plan-support.ts';

const podOf = (going?: Partial<GoingFacts>) => ({
  ...orphaned,
  deletionTimestamp: T0,
  ...(going && { going: { graceSeconds: 1, ...going } }),
});
const accepted = (change: DriftIncidentStatus['eviction'] = {}) =>
  evicted({ eviction: { requestedAt: T0, by: 'Eviction', gracePeriodSeconds: 1, ...change } });
const SILENT: NodeState = { ready: false, message: 'Ready is Unknown (NodeStatusUnknown)' };
const WELL: NodeState = { ready: true, message: 'Ready is True' };

function told(
  incident: DriftIncident,
  going: Partial<GoingFacts>,
  { laterMs = 0, node }: { laterMs?: number; node?: NodeState } = {},
) {
  const decision = terminating(incident, podOf(going), { now: NOW + laterMs, node });
  if (decision.kind !== 'Wait') throw new Error('that is no wait');
  const { until, ...rest } = decision;
  return { ...rest, untilMs: until === undefined ? undefined : until - NOW };
}

describe('a pod on its way out', () => {
  test('after our eviction is waited for', () => {
    expect(told(accepted(), {})).toMatchObject({ reason: 'PodTerminating', untilMs: 10_000 });
    expect(told(accepted(), {}, { laterMs: 10_000, node: WELL })).toMatchObject({
      reason: 'PodTerminating',
      untilMs: 60_000,
    });
  });

  test('after a call without an answer is ours if it goes with our grace', () => {
    expect(told(evicted(), { graceSeconds: 1 }).reason).toBe('PodTerminating');
    expect(told(evicted(), { graceSeconds: 30 }).reason).toBe('TerminatingByOthers');
  });

  test.each([
    ['before anything was asked', anIncident()],
    [
      'while the eviction waited for its budget',
      anIncident({
        status: { steps: [step({ name: 'Evict', state: 'Waiting', reason: 'DisruptionBudget' })] },
      }),
    ],
  ])('by another hand %s says how long it may run', (_, incident) => {
    const { reason, message } = told(incident, { graceSeconds: 3600 }, { laterMs: -3_600_000 });
    expect(reason).toBe('TerminatingByOthers');
    expect(message).toContain('with a grace of 3600 s');
    expect(message).toContain(T0);
  });
});

describe('a pod whose containers have ended', () => {
  const since = (ms: number) => accepted({ containedAt: new Date(NOW - ms).toISOString() });

  test('is waited for a moment, since finalizers of controllers come off by themselves', () => {
    const finalizers = ['batch.kubernetes.io/job-tracking'];
    expect(told(accepted(), { containersEnded: true, finalizers })).toMatchObject({
      reason: 'PodTerminating',
      untilMs: 10_000,
    });
  });

  test('and is kept names the finalizers that keep it, also before its grace is over', () => {
    const finalizers = ['example.com/hold', 'example.com/more'];
    const incident = since(10_000);
    const { reason, message, untilMs } = told(incident, { containersEnded: true, finalizers });
    expect([reason, untilMs]).toEqual(['HeldByFinalizer', undefined]);
    expect(message).toContain('example.com/hold, example.com/more');
  });

  test('and stays for nothing is stuck after a minute', () => {
    expect(told(since(59_000), { containersEnded: true }).reason).toBe('PodTerminating');
    expect(told(since(60_000), { containersEnded: true }).reason).toBe('PodStuckTerminating');
  });
});

describe('a pod that should be gone', () => {
  test.each([
    [9_999, SILENT, 'PodTerminating'],
    [10_000, SILENT, 'NodeSilent'],
    [10_000, WELL, 'PodTerminating'],
    [10_000, { ready: undefined, message: 'it could not be read' }, 'PodTerminating'],
    [60_000, WELL, 'NodeSilent'],
    [60_000, undefined, 'NodeSilent'],
  ])('%d ms after its grace, with its node %o, is %s', (laterMs, node, reason) => {
    expect(told(accepted(), {}, { laterMs, ...(node && { node }) }).reason).toBe(reason);
  });

  test('may still run: that is said, with what the node says and what else keeps it', () => {
    const { message } = told(
      accepted(),
      { containersEnded: false, finalizers: ['example.com/hold'] },
      { laterMs: 60_000, node: SILENT },
    );
    expect(message).toContain('MAY STILL RUN');
    expect(message).toContain('Node node-1: Ready is Unknown');
    expect(message).toContain('example.com/hold');
    expect(message).toContain('not deleted by force');
  });

  test.each([
    [{}, 10_000, true],
    [{}, 9_999, false],
    [{ containersEnded: true }, 10_000, false],
  ])('has its node looked at: with %o, %d ms after its grace: %s', (going, laterMs, isAsked) => {
    expect(isOverdue(podOf(going), NOW + laterMs)).toBe(isAsked);
  });

  test('is none that nobody deletes', () => expect(isOverdue(orphaned, NOW)).toBe(false));
});
