// What is left to do when the pod has its labels back, or is gone and its StatefulSet does not start it anew.
import { describe, expect, test } from 'vitest';
import type { DriftIncident, StepStatus } from '../../../src/api/incident.ts';
import { DELETION_COST_ANNOTATION, INCIDENT_ANNOTATION, QUARANTINE_LABEL } from '../../../src/api/names.ts';
import { podFacts, type PodFacts } from '../../../src/api/pod.ts';
import type { Facts } from '../../../src/decide/decision.ts';
import { isSettling, KEPT_COST } from '../../../src/decide/marks.ts';
import { plan } from '../../../src/decide/plan.ts';
import { aPod, anIncident, NOW, T0 } from '../../support/builders.ts';
import { evicted, ISOLATED, ISOLATE_DONE, ran, reasonOf, someFacts, step } from './plan-support.ts';

const MARK = { [INCIDENT_ANNOTATION]: 'web-1-abcdef0123-1' };
const released: PodFacts = aPod({ annotations: MARK, deletionCost: KEPT_COST });

function decided(steps: StepStatus[] = []): DriftIncident {
  const incident = anIncident({ status: { ...ISOLATED, steps: [ISOLATE_DONE, ...steps] } });
  incident.spec.decision = { action: 'Release', by: 'ann', reason: 'clean' };
  return incident;
}

function at(ms: number): string {
  return new Date(NOW + ms).toISOString();
}

function settling(startedMs: number, nextMs?: number): DriftIncident {
  const nextAttemptAt = nextMs === undefined ? {} : { nextAttemptAt: at(nextMs) };
  const reason = 'ReplicaSetUnsettled';
  const waiting = { name: 'Settle', state: 'Waiting', reason, startedAt: at(startedMs) } as const;
  return decided([step({ ...waiting, ...nextAttemptAt })]);
}

describe('a released pod that holds what its release lent', () => {
  const facts = someFacts({ pod: released });

  test('is settled before the incident is over', () => {
    expect(plan(decided(), facts)).toEqual({ kind: 'Run', work: { step: 'Settle', atOnce: false } });
    expect(plan(decided(), someFacts({ pod: aPod() }))).toMatchObject({ kind: 'Done', phase: 'Released' });
  });

  test('waits for its ReplicaSet between two looks', () => {
    expect(plan(settling(-1_000, 500), facts)).toMatchObject({
      kind: 'Wait',
      phase: 'Responding',
      reason: 'ReplicaSetUnsettled',
      until: NOW + 500,
    });
  });

  test.each([
    ['within its time', -9_999, false],
    ['after ten seconds', -10_000, true],
    ['after a start that is yet to come, by a clock that was wrong', 60_000, true],
  ])('%s is settled %i ms', (_, startedMs, atOnce) => {
    expect(plan(settling(startedMs), facts)).toEqual({ kind: 'Run', work: { step: 'Settle', atOnce } });
  });

  test('is settled also when its incident is deleted', () => {
    const incident = decided();
    incident.metadata.deletionTimestamp = T0;
    expect(ran(plan(incident, facts))).toBe('Settle');
  });

  test.each<[string, Partial<PodFacts>]>([
    ['is quarantined', { labels: { [QUARANTINE_LABEL]: 'true' } }],
    ['has a cost of its own', { deletionCost: '5' }],
    ['is of another incident', { annotations: { [INCIDENT_ANNOTATION]: 'web-1-abcdef0123-2' } }],
    ['carries nothing of ours', { annotations: {} }],
  ])('is told from one that %s', (_, change) => {
    expect(isSettling(decided(), released)).toBe(true);
    expect(isSettling(decided(), { ...released, ...change })).toBe(false);
  });

  test('is known by its annotation, whoever reads it', () => {
    const metadata = {
      name: 'web-1',
      namespace: 'shop',
      uid: 'u',
      resourceVersion: '1',
      creationTimestamp: T0,
      annotations: { [DELETION_COST_ANNOTATION]: KEPT_COST },
    };
    expect(podFacts({ metadata }).deletionCost).toBe(KEPT_COST);
  });
});

describe('a StatefulSet whose pod is gone', () => {
  const WORKLOAD = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'set-uid' };
  const gone = (ms: number, steps: StepStatus[] = [], workload = WORKLOAD): DriftIncident => {
    const incident = evicted();
    const { status, spec } = incident;
    return {
      ...incident,
      metadata: { ...incident.metadata, creationTimestamp: at(-3_600_000) },
      spec: { ...spec, target: { ...spec.target, workload } },
      status: {
        ...status,
        eviction: { requestedAt: T0, goneAt: at(-ms) },
        steps: [...(status?.steps ?? []), ...steps],
      },
    };
  };
  const facts = (change: Partial<Facts> = {}) => someFacts({ pod: undefined, ...change });
  const touched = (state: StepStatus['state'], change: Partial<StepStatus> = {}) => [
    step({ name: 'Touch', state, ...change }),
  ];

  test('is given five seconds, then touched', () => {
    expect(plan(gone(4_999), facts())).toMatchObject({ reason: 'WaitingForReplacement', until: NOW + 1 });
    expect(ran(plan(gone(5_000), facts()))).toBe('Touch');
  });

  test('is not touched while its new pod starts', () => {
    const replacement: Facts['replacement'] = {
      pod: aPod({ ready: false }),
      proof: { verdict: 'Unpinned', containers: [], message: '' },
    };
    expect(reasonOf(plan(gone(60_000), facts({ replacement })))).toBe('WaitingForReplacement');
  });

  test.each<StepStatus['state']>(['Succeeded', 'Failed'])('is touched once: %s', (state) => {
    expect(reasonOf(plan(gone(60_000, touched(state)), facts()))).toBe('WaitingForReplacement');
  });

  test('is touched again after a trouble that passed, and waited for meanwhile', () => {
    const later = touched('Waiting', { nextAttemptAt: at(1_000) });
    expect(reasonOf(plan(gone(60_000, later), facts()))).toBe('WaitingForReplacement');
    const now = touched('Waiting', { nextAttemptAt: at(0) });
    expect(ran(plan(gone(60_000, now), facts()))).toBe('Touch');
  });

  test.each(['ReplicaSet', 'DaemonSet'])('is told from a %s, which needs no touch', (kind) => {
    const incident = gone(60_000, [], { ...WORKLOAD, kind });
    expect(reasonOf(plan(incident, facts()))).toBe('WaitingForReplacement');
  });

  test('that had let go of it is touched, too, where somebody else deleted the pod', () => {
    const incident = gone(0);
    const orphan = { ...incident, status: { ...ISOLATED, steps: [ISOLATE_DONE] } };
    expect(ran(plan(orphan, facts()))).toBe('Touch');
    const steps = [ISOLATE_DONE, ...touched('Succeeded')];
    const done = { ...orphan, status: { ...ISOLATED, steps } };
    expect(plan(done, facts())).toMatchObject({ kind: 'Done', phase: 'TargetGone' });
  });
});
