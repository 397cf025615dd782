// The state machine: how incidents end when people step in, and what a response must not become.
import { describe, expect, test } from 'vitest';
import type { DriftIncidentStatus } from '../../../src/api/incident.ts';
import { QUARANTINE_LABEL, SEVERITY_LABEL } from '../../../src/api/names.ts';
import { plan } from '../../../src/decide/plan.ts';
import { anIncident, aPod, NOW, T0 } from '../../support/builders.ts';
import {
  EVIDENCE,
  evicted,
  ISOLATE_DONE,
  ISOLATED,
  MINUTE,
  orphaned,
  reasonOf,
  ran,
  someFacts,
} from './plan-support.ts';

describe('release and deletion', () => {
  const decision = { action: 'Release', by: 'ann', reason: 'false alarm' } as const;
  const decided = anIncident({ status: ISOLATED, spec: { ...anIncident().spec, decision } });
  const deleted = (status: DriftIncidentStatus = ISOLATED) =>
    anIncident({ status, metadata: { deletionTimestamp: T0 } });

  test('releases a pod that carries our change', () => {
    expect(ran(plan(decided, someFacts({ pod: orphaned })))).toBe('Release');
  });

  test('ends once nothing of ours is on the pod', () => {
    expect(plan(decided, someFacts())).toMatchObject({ kind: 'Done', phase: 'Released' });
  });

  test('ends as released when the pod is gone', () => {
    const ended = plan(decided, someFacts({ pod: undefined }));
    expect(ended).toMatchObject({ phase: 'Released', reason: 'PodGone' });
  });

  test('contains the pod of an incident that is deleted half-way', () => {
    expect(ran(plan(deleted(), someFacts({ pod: orphaned })))).toBe('Contain');
  });

  test('contains nothing while paused', () => {
    expect(reasonOf(plan(deleted(), someFacts({ pod: orphaned, paused: 'paused' })))).toBe('Paused');
  });

  test('takes a mere label back when the incident is deleted', () => {
    const labelled = aPod({ labels: { app: 'web', [SEVERITY_LABEL]: 'notice' } });
    const status = { isolation: { form: 'LabelOnly', at: T0 } } as const;
    expect(ran(plan(deleted(status), someFacts({ pod: labelled })))).toBe('Release');
  });

  test.each([
    ['the pod was never changed', someFacts()],
    ['the pod is gone', someFacts({ pod: undefined })],
    ['the pod is going', someFacts({ pod: { ...orphaned, deletionTimestamp: T0 } })],
    ['the namespace is going', someFacts({ pod: orphaned, namespaceTerminating: true })],
  ])('lets a deleted incident go at once when %s', (_when, facts) => {
    expect(plan(deleted(), facts)).toEqual({ kind: 'Forget' });
  });

  test('leaves an incident alone that is over', () => {
    expect(plan(anIncident({ status: { phase: 'Resolved' } }), someFacts())).toEqual({ kind: 'Forget' });
  });

  test('releases when a person decided that before deleting the incident', () => {
    const both = anIncident({
      status: ISOLATED,
      spec: decided.spec,
      metadata: { deletionTimestamp: T0 },
    });
    expect(ran(plan(both, someFacts({ pod: orphaned })))).toBe('Release');
  });

  test.each([
    ['that another hand quarantined', aPod({ labels: { app: 'web', [QUARANTINE_LABEL]: 'true' } }), {}],
    ['that is protected', aPod(), { protection: 'namespace kube-system is protected' }],
  ])('deletes no pod %s', (_which, pod, facts) => {
    expect(plan(deleted({}), someFacts({ pod, ...facts }))).toEqual({ kind: 'Forget' });
  });

  test('keeps a pod in quarantine that is protected by now, until a person releases it', () => {
    const facts = someFacts({ pod: orphaned, protection: 'namespace kube-system is protected' });
    const kept = plan(deleted({}), facts);
    expect(kept).toMatchObject({ kind: 'Wait', phase: 'Quarantined', reason: 'Protected' });
    expect(kept).toMatchObject({ message: expect.stringContaining('until: die-operator release -n shop') });
    const both = deleted({});
    expect(ran(plan({ ...both, spec: { ...both.spec, ...decided.spec } }, facts))).toBe('Release');
  });

  test('ends although the pod had a label of ours before', () => {
    const before = { app: 'web', [SEVERITY_LABEL]: 'low' };
    const incident = anIncident({ status: ISOLATED, spec: decided.spec });
    incident.spec.target.labels = before;
    expect(plan(incident, someFacts({ pod: aPod({ labels: before }) }))).toMatchObject({ phase: 'Released' });
  });
});

describe('what must not become an outage, or be lost', () => {
  const gentle = aPod({ labels: { app: 'web', [QUARANTINE_LABEL]: 'true', [SEVERITY_LABEL]: 'critical' } });
  const held = anIncident({
    status: { isolation: { form: 'Gentle', at: T0 }, steps: [ISOLATE_DONE], evidence: EVIDENCE },
  });

  test('holds the eviction of the last Ready copy until another one is Ready', () => {
    const last = someFacts({ pod: gentle, workload: { quarantinedOthers: 2, readyOthers: 0 } });
    expect(plan(held, last)).toMatchObject({ phase: 'AwaitingApproval', reason: 'AwaitingApproval' });
    const helped = someFacts({ pod: gentle, workload: { quarantinedOthers: 2, readyOthers: 1 } });
    expect(ran(plan(held, helped))).toBe('Evict');
  });

  test('evicts a gently isolated pod that is not Ready anyway', () => {
    const unready = { ...gentle, ready: false };
    const facts = someFacts({ pod: unready, workload: { quarantinedOthers: 0, readyOthers: 0 } });
    expect(ran(plan(held, facts))).toBe('Evict');
  });

  test('stores the snapshot of a pod that somebody deleted before it was captured', () => {
    const incident = anIncident({ status: ISOLATED });
    expect(ran(plan(incident, someFacts({ pod: undefined, snapshotBegun: true })))).toBe('Capture');
    expect(plan(incident, someFacts({ pod: undefined }))).toMatchObject({ phase: 'TargetGone' });
  });

  test('names a pod that does not go', () => {
    const pod = { ...orphaned, deletionTimestamp: T0 };
    expect(reasonOf(plan(evicted(), someFacts({ pod, now: NOW + MINUTE })))).toBe('NodeSilent');
  });
});
