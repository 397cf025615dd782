// What a sure detector asks for beside an alert that only names the pod.
import { describe, expect, test } from 'vitest';
import type { DriftIncident } from '../../../src/api/incident.ts';
import { outline } from '../../../src/decide/form.ts';
import { responseOf } from '../../../src/decide/merge.ts';
import { plan } from '../../../src/decide/plan.ts';
import { surePart } from '../../../src/decide/weak-identity.ts';
import { anIncident, someSettings } from '../../support/builders.ts';
import { approve } from './approval-support.ts';
import { EVIDENCE, ISOLATED, orphaned, ran } from './plan-support.ts';
import { now, reported, weak } from './weak-support.ts';

describe('beside what a sure detector asks for', () => {
  const isolates = { ...ISOLATED, evidence: EVIDENCE };
  /** A person approved the isolation that only a name asked for, and it was done. */
  const approved = () => {
    const before = weak(anIncident(), ['Label', 'Isolate']);
    const done = approve(before, now);
    return { ...done, status: { ...isolates, plan: outline(before, now) } };
  };
  const later = { ...now, pod: orphaned };

  test('nobody is asked about the eviction after an isolation that somebody approved', () => {
    const both = reported(approved(), { actions: ['Evict'] });
    expect(ran(plan(both, later))).toBe('Evict');
  });

  test.each(['Deny', 'Hold'] as const)('a %s stops what the sure one asks for, too', (action) => {
    const both = reported(approved(), { actions: ['Evict'] });
    const decision = { action, by: 'ann', reason: 'leave it', planHash: both.status?.plan?.hash ?? '' };
    const said = { ...both, spec: { ...both.spec, decision } } as DriftIncident;
    expect(plan(said, later).kind).toBe('Wait');
  });

  test('the settings are those of the sure one: collectors and firewall of the other were asked of nobody', () => {
    const wide = {
      ...someSettings(),
      evidence: { ...someSettings().evidence, collectors: ['Checkpoint' as const] },
    };
    const only = weak(anIncident(), ['Label', 'Isolate', 'Capture']);
    const trigger = { ...only.spec.trigger, response: wide };
    const named = { ...only, spec: { ...only.spec, trigger } } as DriftIncident;
    expect(responseOf(named).settings.evidence.collectors).toEqual(['Checkpoint']);
    const both = reported(named, { actions: ['Label', 'Isolate', 'Capture'] });
    expect(responseOf(both).settings).toEqual(responseOf(reported(only, {})).settings);
    expect(responseOf(reported(named, { weak: true })).settings.evidence.collectors).toEqual(['Checkpoint']);
  });

  test('a name is one also where the record lost the mark', () => {
    const incident = weak();
    const policies = incident.spec.trigger.policies.map(({ weak: _weak, ...rest }) => rest);
    const lost = { ...incident, spec: { ...incident.spec, trigger: { ...incident.spec.trigger, policies } } };
    expect(plan(lost, now)).toEqual(plan(incident, now));
    expect(surePart(lost)?.spec.trigger.policies).toEqual([]);
  });
});
