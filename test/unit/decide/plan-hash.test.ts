// What an approval is bound to: the hash changes with what is done, and with nothing else.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Contribution, DriftIncident } from '../../../src/api/incident.ts';
import { outline } from '../../../src/decide/form.ts';
import { aContribution, aPod, anIncident, someSettings, T0 } from '../../support/builders.ts';
import { ISOLATED, someFacts } from './plan-support.ts';

const hashOf = (incident: DriftIncident, facts = someFacts()) => outline(incident, facts).hash;
const PLAIN = hashOf(anIncident());

/** The same with what a receiver reported since. */
function reported(change: { severity?: 'Emergency'; policies?: Contribution[] }): DriftIncident {
  const report = {
    count: 5,
    firstSeen: T0,
    lastSeen: T0,
    highestSeverity: change.severity ?? ('Critical' as const),
    detections: [],
    ...(change.policies && { policies: change.policies, response: someSettings() }),
  };
  return anIncident({ status: { reports: { one: report } } });
}

describe('the hash of a plan', () => {
  test('is another one once something happened to other pods that a person has to know of', () => {
    const needs = [{ need: 'BadReplacement', message: 'm' }] as const;
    expect(hashOf(anIncident(), someFacts({ needs: [...needs] }))).not.toBe(PLAIN);
  });

  test('is one of SHA-256, and is recorded with the plan', () => {
    expect(PLAIN).toMatch(/^[0-9a-f]{64}$/);
  });

  test.each<[string, DriftIncident]>([
    ['the severity rises', reported({ severity: 'Emergency' })],
    ['a policy contributes', reported({ policies: [aContribution({ uid: 'other', name: 'other' })] })],
    ['another version of a policy does', reported({ policies: [aContribution({ generation: 2 })] })],
    ['a policy asks for less', anIncident({ policies: [aContribution({ actions: ['Label', 'Capture'] })] })],
    [
      'it is about another pod',
      anIncident({ spec: { ...anIncident().spec, target: { ...anIncident().spec.target, uid: 'x' } } }),
    ],
    [
      'the pod is isolated in another form',
      anIncident({ status: { isolation: { form: 'Gentle', at: T0 } } }),
    ],
    [
      'the eviction is another one',
      (() => {
        const { spec } = anIncident();
        const response = {
          ...someSettings(),
          eviction: { ...someSettings().eviction, gracePeriodSeconds: 77 },
        };
        return anIncident({ spec: { ...spec, trigger: { ...spec.trigger, response } } });
      })(),
    ],
  ])('changes when %s', (_, incident) => {
    expect(hashOf(incident)).not.toBe(PLAIN);
  });

  test('changes when a policy no longer wants the eviction', () => {
    const standing = new Map([['policy-uid Enforce 1', ['Label', 'Isolate', 'Capture'] as const]]);
    expect(hashOf(anIncident(), someFacts({ standing }))).not.toBe(PLAIN);
  });

  test('stays when a policy that only records contributes', () => {
    const audit = aContribution({ uid: 'other', name: 'other', mode: 'Audit', generation: 9 });
    expect(hashOf(reported({ policies: [audit] }))).toBe(PLAIN);
  });

  test('stays while what is told stays: the counts around the pod, its status and the time move on', () => {
    const plan = outline(anIncident(), someFacts());
    fc.assert(
      fc.property(
        fc.tuple(fc.nat(20), fc.nat(20), fc.nat(20)),
        fc.nat(),
        fc.boolean(),
        ([out, ready, all], ms, isReady) => {
          const facts = someFacts({
            now: someFacts().now + ms,
            pod: aPod({ ready: isReady }),
            workload: { quarantinedOthers: out, readyOthers: ready, copies: all },
            namespace: { quarantinedOthers: out },
          });
          expect(hashOf(anIncident({ status: { plan } }), facts)).toBe(PLAIN);
        },
      ),
    );
  });

  test('stays when the pod is isolated as it was planned', () => {
    const plan = outline(anIncident(), someFacts());
    expect(hashOf(anIncident({ status: { ...ISOLATED, plan } }))).toBe(PLAIN);
  });
});
