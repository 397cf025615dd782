// A quarantine that expires: who is told, whose pod goes, and what no clock can do.
import { describe, expect, test } from 'vitest';
import type { Contribution, DriftIncident } from '../../../src/api/incident.ts';
import type { Isolation } from '../../../src/api/policy.ts';
import type { Facts } from '../../../src/decide/decision.ts';
import { plan } from '../../../src/decide/plan.ts';
import { aContribution, anIncident, T0 } from '../../support/builders.ts';
import { EVIDENCE, ISOLATE_DONE, MINUTE, orphaned, ran, reasonOf, someFacts, step } from './plan-support.ts';

const HOUR = 60 * MINUTE;
const CREATED = Date.parse(T0);
const CONTAIN: Contribution = aContribution({ actions: ['Label', 'Isolate', 'Capture'] });

interface Given {
  at: string;
  evidence: 'True' | 'False';
  policies: Contribution[];
}

/** In quarantine since it was created, with complete evidence, under a policy that evicts after an hour. */
function quarantined(
  isolation: Partial<Isolation> = {},
  { at = T0, evidence = 'True', policies = [CONTAIN] }: Partial<Given> = {},
): DriftIncident {
  const incident = anIncident({
    policies,
    status: {
      isolation: { form: 'Orphan', at },
      evidence: EVIDENCE,
      steps: [ISOLATE_DONE, step({ name: 'Capture', state: 'Succeeded' })],
      conditions: [
        {
          type: 'EvidenceComplete',
          status: evidence,
          reason: 'Test',
          message: '',
          lastTransitionTime: T0,
        },
      ],
    },
  });
  const { trigger } = incident.spec;
  const settings = { ...trigger.response.isolation, ttl: '1h', onExpiry: 'Evict', ...isolation } as const;
  const response = { ...trigger.response, isolation: settings };
  const metadata = { ...incident.metadata, creationTimestamp: T0 };
  return { ...incident, metadata, spec: { ...incident.spec, trigger: { ...trigger, response } } };
}

function after(ms: number, change: Partial<Facts> = {}): Facts {
  return someFacts({ now: CREATED + ms, pod: orphaned, ...change });
}

describe('a quarantine', () => {
  test('rests until its time is over, and is looked at then', () => {
    const decision = plan(quarantined(), after(HOUR - 1));
    expect(decision).toMatchObject({ kind: 'Wait', reason: 'Quarantined', until: CREATED + HOUR });
  });

  test('that is over has its pod evicted, and says why', () => {
    expect(plan(quarantined(), after(HOUR))).toMatchObject({
      kind: 'Run',
      work: { step: 'Evict', because: expect.stringMatching(/longer than 1h.*evidence is complete/) },
    });
  });

  test.each<[string, DriftIncident, Partial<Facts>]>([
    ['the policy asks to be told', quarantined({ onExpiry: 'Notify' }), {}],
    ['its evidence is not complete', quarantined({}, { evidence: 'False' }), {}],
    ['its policy is in Audit by now', quarantined(), { standing: new Map() }],
    ['its policy does not isolate any more', quarantined(), { standing: standing('Capture') }],
    ['an exception caps what its policy does', quarantined({}, { policies: [{ ...CONTAIN, cap: CAP }] }), {}],
  ])('that is over is only told of where %s', (_, incident, facts) => {
    expect(plan(incident, after(HOUR - 1, facts)).kind).toBe('Wait');
    expect(reasonOf(plan(incident, after(HOUR - 1, facts)))).not.toBe('QuarantineExpired');
    const decision = plan(incident, after(HOUR, facts));
    expect(decision).toMatchObject({
      kind: 'Wait',
      phase: 'Quarantined',
      reason: 'QuarantineExpired',
      message: expect.stringMatching(/release the incident, or delete the pod$/),
    });
    expect(decision).not.toHaveProperty('until');
  });

  test.each<[string, Partial<Facts>, DriftIncident]>([
    ['Paused', { paused: 'because' }, quarantined()],
    ['AwaitingApproval', {}, withoutController(quarantined())],
    [
      'AwaitingApproval',
      { workload: { quarantinedOthers: 0, readyOthers: 0 }, pod: { ...orphaned, ready: true } },
      gentle(quarantined()),
    ],
  ])('that is over is held as any eviction: %s', (reason, facts, incident) => {
    expect(reasonOf(plan(incident, after(HOUR, facts)))).toBe(reason);
  });

  test('that was released is not evicted', () => {
    const incident = quarantined();
    incident.spec.decision = { action: 'Release', by: 'ann', reason: 'clean' };
    expect(ran(plan(incident, after(2 * HOUR)))).toBe('Release');
  });

  test('whose eviction was asked for is followed to its end', () => {
    const incident = quarantined();
    incident.status?.steps?.push(step({ name: 'Evict', state: 'Running' }));
    const eviction = { requestedAt: T0, goneAt: new Date(CREATED + HOUR).toISOString() };
    const gone = { ...incident, status: { ...incident.status, eviction } };
    expect(reasonOf(plan(gone, after(HOUR, { pod: undefined })))).toBe('WaitingForReplacement');
  });
});

describe('a clock that was wrong', () => {
  test('and wrote a time to come keeps no pod longer than its policy says', () => {
    const incident = quarantined({}, { at: new Date(CREATED + 9_000 * HOUR).toISOString() });
    expect(reasonOf(plan(incident, after(HOUR - 1)))).toBe('Quarantined');
    expect(ran(plan(incident, after(HOUR)))).toBe('Evict');
  });

  test('and wrote a time before the incident was created evicts none too soon', () => {
    const incident = quarantined({}, { at: new Date(CREATED - 9_000 * HOUR).toISOString() });
    expect(reasonOf(plan(incident, after(HOUR - 1)))).toBe('Quarantined');
  });

  test('and what is no duration waits for a year', () => {
    expect(reasonOf(plan(quarantined({ ttl: 'soon' }), after(8_000 * HOUR)))).toBe('Quarantined');
  });
});

const CAP = { by: 'Exception', name: 'x', maxAction: 'Capture', reason: 'r', until: T0 } as const;

function standing(...actions: Contribution['actions']): Facts['standing'] {
  return new Map([['policy-uid Enforce 1', actions]]);
}

function gentle(incident: DriftIncident): DriftIncident {
  return { ...incident, status: { ...incident.status, isolation: { form: 'Gentle', at: T0 } } };
}

function withoutController(incident: DriftIncident): DriftIncident {
  const { workload: _, ...target } = incident.spec.target;
  return { ...incident, spec: { ...incident.spec, target } };
}
