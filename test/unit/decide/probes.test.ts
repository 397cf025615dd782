// Which pods in quarantine are probed and when, and what a result is worth later.
import { describe, expect, test } from 'vitest';
import type { DriftIncident, DriftIncidentStatus } from '../../../src/api/incident.ts';
import { QUARANTINE_LABEL } from '../../../src/api/names.ts';
import type { PodFacts } from '../../../src/api/pod.ts';
import { PROBE_VALID_MS, type NodeEnforcement } from '../../../src/decide/isolated.ts';
import { afterProbe, isOutdated, probeDueAt, type ProbeRecord } from '../../../src/decide/probes.ts';
import { anIncident, aPod } from '../../support/builders.ts';

const AT = Date.parse('2026-11-22T10:00:00.000Z');
const iso = (time: number) => new Date(time).toISOString();
const ENFORCED: NodeEnforcement = { verdict: 'Enforced', at: AT, tookMs: 200, establishedCut: true };

type Condition = NonNullable<DriftIncidentStatus['conditions']>[number];
const isolated = (status: Condition['status'], reason: string, at = AT): Condition => ({
  type: 'Isolated',
  status,
  reason,
  message: '',
  lastTransitionTime: iso(at),
});

function incident(status: Partial<DriftIncidentStatus> = {}): DriftIncident {
  const base = anIncident();
  return {
    ...base,
    status: {
      ...base.status,
      isolation: { form: 'Orphan', at: iso(AT) },
      conditions: [isolated('True', 'Enforced')],
      ...status,
    },
  };
}

const TARGET = anIncident().spec.target;
const pod = (change: Partial<PodFacts> = {}): PodFacts => ({
  ...aPod(),
  uid: TARGET.uid,
  phase: 'Running',
  nodeName: 'node-1',
  ip: '10.0.0.7',
  labels: { [QUARANTINE_LABEL]: 'true' },
  ...change,
});
const due = (of: DriftIncident, record?: ProbeRecord, enforcement: NodeEnforcement | undefined = ENFORCED) =>
  probeDueAt(of, pod(), record, enforcement);

const step = (name: 'Evict', state: 'Waiting' | 'Running' | 'Succeeded') => ({
  name,
  state,
  attempts: 1,
  reason: 'Any',
  message: '',
});

describe('a pod is probed', () => {
  test('once the network had its time, and never in the first ten seconds', () => {
    expect(due(incident())).toBe(AT + 10_000);
    expect(due(incident(), undefined, { ...ENFORCED, tookMs: 32_000 })).toBe(AT + 64_000);
    expect(probeDueAt(incident(), pod(), undefined, undefined)).toBe(AT + 60_000);
  });

  test('as long after something was open', () => {
    const conditions = [isolated('Unknown', 'Pending', AT + 90_000)];
    expect(due(incident({ conditions }))).toBe(AT + 100_000);
  });

  test('again before the last result counts no more', () => {
    const at = AT + 20_000;
    expect(due(incident(), { proof: { verdict: 'Closed', at } })).toBe(at + PROBE_VALID_MS / 2);
  });

  test('again soon while it is open, and ever more seldom while nothing is known', () => {
    const at = AT + 20_000;
    const conditions = [isolated('False', 'Unenforced')];
    expect(due(incident({ conditions }), { proof: { verdict: 'Open', at } })).toBe(at + 300_000);
    const after = (failures: number) => due(incident(), { trouble: { at, failures, message: '' } });
    expect([1, 2, 3, 40].map((failures) => (after(failures) ?? 0) - at)).toEqual([
      60_000, 120_000, 240_000, 1_800_000,
    ]);
  });

  test('at once again, with time for the network, where a result was of before something was open', () => {
    const conditions = [isolated('Unknown', 'Pending', AT + 90_000)];
    const record = { proof: { verdict: 'Closed', at: AT + 20_000 } } as const;
    expect(due(incident({ conditions }), record)).toBe(AT + 100_000);
  });

  test('also while its eviction waits', () => {
    const steps = [step('Evict', 'Waiting')];
    expect(due(incident({ plan: plan('Isolate', 'Evict'), steps }))).toBe(AT + 10_000);
  });
});

function plan(...steps: NonNullable<DriftIncidentStatus['plan']>['steps']) {
  return { ...anIncident().status?.plan, steps } as NonNullable<DriftIncidentStatus['plan']>;
}

describe('a pod is not probed', () => {
  const isolation = { form: 'Orphan', at: iso(AT) } as const;
  test.each<[string, Partial<DriftIncidentStatus>]>([
    ['before it was isolated', { isolation: undefined }],
    ['with the label alone', { isolation: { ...isolation, form: 'LabelOnly' } }],
    ['before it was judged', { conditions: [] }],
    ['while a policy lets it through', { conditions: [isolated('False', 'Partial')] }],
    ['where a test showed that nothing is enforced', { conditions: [isolated('False', 'Unenforced')] }],
    ['when it may be evicted next', { plan: plan('Isolate', 'Evict') }],
    ['while it is evicted', { plan: plan('Isolate', 'Evict'), steps: [step('Evict', 'Running')] }],
    ['when a firewall comes', { plan: plan('Isolate', 'Cut') }],
    ['when a firewall is there', { isolation: { ...isolation, cut: { begunAt: iso(AT) } } }],
    ['when it is over', { phase: 'Released' }],
  ])('%s', (_when, status) => {
    expect(due(incident(status))).toBeUndefined();
  });

  test.each<[string, Partial<PodFacts>]>([
    ['ends', { deletionTimestamp: iso(AT) }],
    ['does not run', { phase: 'Pending' }],
    ['is in the network of its node', { hostNetwork: true }],
    ['lost the label', { labels: {} }],
    ['is another one', { uid: 'another' }],
  ])('when it %s', (_when, change) => {
    expect(probeDueAt(incident(), pod(change), undefined, ENFORCED)).toBeUndefined();
  });

  test('when it is gone, or a person released it', () => {
    expect(probeDueAt(incident(), undefined, undefined, ENFORCED)).toBeUndefined();
    const base = incident();
    const decision = { action: 'Release', by: 'admin', reason: 'a test' } as const;
    expect(due({ ...base, spec: { ...base.spec, decision } })).toBeUndefined();
  });
});

describe('a result', () => {
  const closed = { verdict: 'Closed', at: AT + 20_000 } as const;

  test('that found all closed counts no more once something was open', () => {
    expect(isOutdated(incident(), closed)).toBe(false);
    const opened = incident({ conditions: [isolated('False', 'Partial', AT + 30_000)] });
    expect(isOutdated(opened, closed)).toBe(true);
    expect(isOutdated(opened, { ...closed, verdict: 'Open' })).toBe(false);
  });

  test('replaces what was known, unless it says nothing', () => {
    const open = afterProbe({}, { verdict: 'Open', at: AT, message: 'to the API server' });
    expect(open).toEqual({ proof: { verdict: 'Open', at: AT, ways: 'to the API server' } });
    const unknown = { verdict: 'Unknown', at: AT + 1, message: 'why' } as const;
    const twice = afterProbe(afterProbe(open, unknown), unknown);
    expect(twice).toEqual({ ...open, trouble: { at: AT + 1, failures: 2, message: 'why' } });
    expect(afterProbe(twice, { ...unknown, verdict: 'Closed' })).toEqual({
      proof: { verdict: 'Closed', at: AT + 1 },
    });
  });
});
