// When a firewall goes into the network of a pod, what waits for it, and that a release takes it away.
import { describe, expect, test } from 'vitest';
import type { DriftIncident, DriftIncidentStatus } from '../../../src/api/incident.ts';
import { QUARANTINE_LABEL } from '../../../src/api/names.ts';
import type { PodFacts } from '../../../src/api/pod.ts';
import type { Action } from '../../../src/api/policy.ts';
import type { Facts } from '../../../src/decide/decision.ts';
import { isCut } from '../../../src/decide/cut.ts';
import { outline } from '../../../src/decide/form.ts';
import { judgeIsolation, type IsolationEvidence } from '../../../src/decide/isolated.ts';
import { plan } from '../../../src/decide/plan.ts';
import { anIncident, aPod, NOW, T0 } from '../../support/builders.ts';
import { EVIDENCE, ISOLATE_DONE, orphaned, ran, reasonOf, someFacts, step } from './plan-support.ts';

const IP = '10.244.0.7';
const running: PodFacts = { ...orphaned, ip: IP };
const IN_PLACE = { begunAt: T0, at: T0, podIP: IP };
const later = (ms: number) => new Date(NOW + ms).toISOString();

function incident(
  status: DriftIncidentStatus = {},
  cut: 'None' | 'PodFirewall' = 'PodFirewall',
): DriftIncident {
  const base = anIncident({
    status: { isolation: { form: 'Orphan', at: T0 }, steps: [ISOLATE_DONE], ...status },
  });
  const { trigger } = base.spec;
  const isolation = { ...trigger.response.isolation, cut };
  return {
    ...base,
    spec: { ...base.spec, trigger: { ...trigger, response: { ...trigger.response, isolation } } },
  };
}
const next = (one: DriftIncident, change: Partial<Facts> = {}) =>
  ran(plan(one, someFacts({ pod: running, ...change })));
const isolated = (cut: object | undefined): DriftIncidentStatus => ({
  isolation: { form: 'Orphan', at: T0, ...(cut && { cut: cut as typeof IN_PLACE }) },
});

describe('a firewall', () => {
  test('goes in after the isolation and before evidence', () => {
    const { [QUARANTINE_LABEL]: _label, ...labels } = running.labels;
    expect(next(anIncident(), { pod: { ...running, labels, annotations: {} } })).toBe('Isolate');
    expect(next(incident())).toBe('Cut');
    expect(next(incident(isolated(IN_PLACE)))).toBe('Capture');
  });

  test.each<[what: string, one: DriftIncident, change: Partial<Facts>]>([
    ['nobody asks for it', incident({}, 'None'), {}],
    ['the pod has the network of its node', incident(), { pod: { ...running, hostNetwork: true } }],
    ['the pod has no network yet', incident(), { pod: orphaned }],
    ['the pod has ended', incident(), { pod: { ...running, phase: 'Succeeded' } }],
    ['it is there', incident(isolated(IN_PLACE)), {}],
    [
      'nobody wants the isolation any more',
      incident(),
      { standing: new Map([['policy-uid Enforce 1', ['Capture'] as Action[]]]) },
    ],
  ])('does not go in when %s', (_what, one, change) => {
    expect(next(one, change)).toBe('Capture');
  });

  test('goes in again when the pod got another network', () => {
    const one = incident({
      ...isolated(IN_PLACE),
      steps: [ISOLATE_DONE, step({ name: 'Cut', state: 'Succeeded' })],
    });
    expect(next(one, { pod: { ...running, ip: '10.244.0.8' } })).toBe('Cut');
  });

  test('that was begun and not finished by a process that died is begun again', () => {
    const one = incident({
      ...isolated({ begunAt: T0 }),
      steps: [ISOLATE_DONE, step({ name: 'Cut', state: 'Running' })],
    });
    expect(next(one)).toBe('Cut');
  });

  test('waits for a record of the isolation, as a release knows of it by nothing else', () => {
    // The answer to the patch was lost, and the next tries were refused: the pod is in quarantine all the same.
    const refused = step({ name: 'Isolate', state: 'Failed', nextAttemptAt: later(5_000) });
    const { isolation: _isolation, ...status } = incident({ steps: [refused] }).status ?? {};
    expect(next({ ...incident(), status })).toBe('Capture');
  });

  test('holds the rest up for a short trouble, and no longer', () => {
    const failing = (state: 'Waiting' | 'Failed', ms: number) =>
      incident({ steps: [ISOLATE_DONE, step({ name: 'Cut', state, nextAttemptAt: later(ms) })] });
    expect(plan(failing('Waiting', 1_000), someFacts({ pod: running }))).toMatchObject({
      kind: 'Wait',
      until: NOW + 1_000,
    });
    expect(next(failing('Failed', 1_000))).toBe('Capture');
    expect(next(failing('Failed', -1))).toBe('Cut');
  });

  test('that was refused is tried again when the rest is done', () => {
    const refused = step({
      name: 'Cut',
      state: 'Failed',
      reason: 'HelperMissing',
      nextAttemptAt: later(5_000),
    });
    const one = incident({ evidence: EVIDENCE, steps: [ISOLATE_DONE, refused] });
    const facts = someFacts({
      pod: running,
      standing: new Map([['policy-uid Enforce 1', ['Isolate'] as Action[]]]),
    });
    expect(plan(one, facts)).toMatchObject({ kind: 'Wait', reason: 'HelperMissing', until: NOW + 5_000 });
  });

  test('is part of the plan that people are told, also where it is only recorded', () => {
    expect(outline(incident({ steps: [] }), someFacts({ pod: running })).steps).toContain('Cut');
    const audited = { ...someFacts({ pod: running }), standing: new Map() };
    expect(outline(incident({ steps: [] }), audited)).toMatchObject({ mode: 'Audit' });
    expect(outline(incident({ steps: [] }, 'None'), someFacts({ pod: running })).steps).not.toContain('Cut');
  });
});

describe('a release', () => {
  const released = (one: DriftIncident): DriftIncident => ({
    ...one,
    spec: { ...one.spec, decision: { action: 'Release', by: 'dev', reason: 'false alarm' } },
  });
  const untouched = aPod({ ip: IP });

  test.each<[what: string, cut: object]>([
    ['is in place', IN_PLACE],
    ['may be there, as it was begun', { begunAt: T0 }],
  ])('takes a firewall away that %s, also when nothing else of ours is left', (_what, cut) => {
    expect(next(released(incident(isolated(cut))), { pod: untouched })).toBe('Release');
    expect(next(released(incident(isolated(cut))))).toBe('Release');
  });

  test('asks a node that does not answer again in a while, and not before', () => {
    const waiting = (ms: number) => [
      step({ name: 'Release', state: 'Waiting', reason: 'FirewallRemains', nextAttemptAt: later(ms) }),
    ];
    const held = released(incident({ ...isolated(IN_PLACE), steps: waiting(15_000) }));
    expect(plan(held, someFacts({ pod: running }))).toMatchObject({
      kind: 'Wait',
      reason: 'FirewallRemains',
      until: NOW + 15_000,
    });
    expect(next(released(incident({ ...isolated(IN_PLACE), steps: waiting(0) })))).toBe('Release');
  });

  test('is over when there is none', () => {
    expect(reasonOf(plan(released(incident()), someFacts({ pod: untouched })))).toBe('Released');
  });

  test('has nothing to take away from a pod that is gone', () => {
    const one = released(incident(isolated(IN_PLACE)));
    expect(reasonOf(plan(one, someFacts({ pod: undefined })))).toBe('PodGone');
  });

  test('is what becomes of a deleted incident whose pod has nothing of ours but a firewall', () => {
    const one = incident(isolated(IN_PLACE));
    const deleted = { ...one, metadata: { ...one.metadata, deletionTimestamp: T0 } };
    expect(next(deleted, { pod: untouched })).toBe('Release');
    expect(next(deleted)).toBe('Contain');
  });
});

describe('what is said of a firewall', () => {
  const evidence: IsolationEvidence = {
    now: NOW,
    form: 'Orphan',
    hostNetwork: false,
    nodeName: 'node-1',
    deniedBy: undefined,
    paths: [],
    morePaths: 0,
    blind: undefined,
    enforcement: { verdict: 'Unenforced', at: NOW, tookMs: 0, establishedCut: false },
    probe: undefined,
    closedSince: NOW,
  };

  test.each<[what: string, change: Partial<IsolationEvidence>, said: string]>([
    ['counts on a network that enforces nothing', { firewall: { passedBy: undefined } }, 'True/Enforced'],
    ['does not count when somebody gets around it', { firewall: { passedBy: 'x' } }, 'False/Unenforced'],
    [
      'does not count when a probe got through',
      { firewall: { passedBy: undefined }, probe: { verdict: 'Open', at: NOW } },
      'False/Unenforced',
    ],
    [
      'changes nothing for a pod in its Services',
      { firewall: { passedBy: undefined }, deniedBy: 'vap' },
      'False/Denied',
    ],
  ])('it %s', (_what, change, said) => {
    const { status, reason } = judgeIsolation({ ...evidence, ...change });
    expect(`${status}/${reason}`).toBe(said);
  });

  test('names who gets around it, in every verdict', () => {
    for (const enforcement of [evidence.enforcement, undefined])
      expect(
        judgeIsolation({ ...evidence, enforcement, firewall: { passedBy: 'container web is privileged' } })
          .message,
      ).toContain('container web is privileged');
  });

  test('it is there only while the pod has the network that it was put into', () => {
    expect(isCut(incident(isolated(IN_PLACE)), running)).toBe(true);
    expect(isCut(incident(isolated(IN_PLACE)), { ...running, ip: '10.244.0.8' })).toBe(false);
    expect(isCut(incident(isolated(IN_PLACE)), orphaned)).toBe(false);
    expect(isCut(incident(isolated({ begunAt: T0 })), running)).toBe(false);
  });

  test('it is gone with the sandbox of the pod, also where the next one has the same address', () => {
    const made = incident(isolated({ ...IN_PLACE, sandboxAt: T0 }));
    expect(isCut(made, { ...running, sandboxAt: T0 })).toBe(true);
    expect(isCut(made, { ...running, sandboxAt: later(1_000) })).toBe(false);
    expect(isCut(made, running)).toBe(false);
  });
});
