// Which quarantined pods are strays, of which kind, by whose record they can be put back, and what people are told.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FINAL_PHASES, PHASES, type DriftIncident, type Phase } from '../../../src/api/incident.ts';
import { INCIDENT_ANNOTATION, QUARANTINE_LABEL } from '../../../src/api/names.ts';
import type { PodFacts } from '../../../src/api/pod.ts';
import { recordOf, strayOf, strayWords } from '../../../src/decide/stray.ts';
import { anIncident, aPod, T0 } from '../../support/builders.ts';

const NAME = 'web-1-abcdef0123-1';
const ISOLATED = { form: 'Orphan', at: T0 } as const;

function quarantined(change: Partial<PodFacts> = {}): PodFacts {
  return aPod({
    labels: { [QUARANTINE_LABEL]: 'true' },
    annotations: { [INCIDENT_ANNOTATION]: NAME },
    ...change,
  });
}

function inPhase(phase: Phase, name = NAME): DriftIncident {
  return anIncident({ status: { phase, isolation: ISOLATED }, metadata: { name } });
}

function ofAnotherPod(phase: Phase): DriftIncident {
  const { target } = anIncident().spec;
  return anIncident({
    status: { phase, isolation: ISOLATED },
    spec: { target: { ...target, uid: 'other' } },
  });
}

describe('a stray', () => {
  test.for<[what: string, pod: PodFacts, incidents: DriftIncident[], kind: string | undefined]>([
    ['no label', aPod(), [], undefined],
    ['a label, and nothing else', quarantined({ annotations: {} }), [], 'Foreign'],
    ['a label of another value', quarantined({ labels: { [QUARANTINE_LABEL]: 'no' } }), [], undefined],
    ['an annotation that names nothing', quarantined(), [], 'Unrecorded'],
    [
      'an annotation that names the incident of another pod',
      quarantined(),
      [ofAnotherPod('Failed')],
      'Unrecorded',
    ],
    ['an open incident of another pod', quarantined(), [ofAnotherPod('Quarantined')], 'Unrecorded'],
    ['an incident that is over', quarantined(), [inPhase('Failed')], 'Recorded'],
    ['another that is over than the named', quarantined(), [inPhase('Failed', 'x')], 'Unrecorded'],
    [
      'an incident that is over, and no annotation',
      quarantined({ annotations: {} }),
      [inPhase('Released')],
      'Foreign',
    ],
    [
      'one that is over and one that is open',
      quarantined(),
      [inPhase('Released'), inPhase('Observed', 'x')],
      undefined,
    ],
    ['a deletion under way', quarantined({ deletionTimestamp: T0 }), [], undefined],
  ])('with %s: %o', ([, pod, incidents, kind]) => {
    expect(strayOf(pod, incidents)?.kind).toBe(kind);
  });

  test('never has an open incident, nor one without a status', () => {
    const phase = fc.option(fc.constantFrom(...PHASES), { nil: undefined });
    fc.assert(
      fc.property(fc.array(phase, { maxLength: 4 }), fc.boolean(), (phases, annotated) => {
        const incidents = phases.map((one, n) =>
          anIncident({ metadata: { name: `i-${n}` }, ...(one && { status: { phase: one } }) }),
        );
        const annotations: Record<string, string> = annotated ? { [INCIDENT_ANNOTATION]: 'i-0' } : {};
        const open = phases.some((one) => !(FINAL_PHASES as readonly unknown[]).includes(one));
        expect(strayOf(quarantined({ annotations }), incidents) === undefined).toBe(open);
      }),
    );
  });
});

describe('the record of a pod', () => {
  test('is the incident that it names, before any other', () => {
    const all = [inPhase('Quarantined', 'other'), inPhase('Released')];
    expect(recordOf(quarantined(), all)?.metadata.name).toBe(NAME);
  });

  test('is an open incident that changed it, where somebody took the annotation away', () => {
    const pod = quarantined({ annotations: {} });
    expect(recordOf(pod, [inPhase('Quarantined')])?.metadata.name).toBe(NAME);
    expect(recordOf(pod, [inPhase('Released')])).toBeUndefined();
  });

  test('is none that changed nothing, and none of another UID', () => {
    const pod = quarantined({ annotations: {} });
    expect(recordOf(pod, [anIncident({ status: { phase: 'Observed' } })])).toBeUndefined();
    expect(recordOf(quarantined({ uid: 'another' }), [inPhase('Quarantined')])).toBeUndefined();
  });
});

describe('people are told', () => {
  const words = (pod: PodFacts, incidents: DriftIncident[] = []) => {
    const stray = strayOf(pod, incidents);
    if (!stray) throw new Error('it is no stray');
    return strayWords(stray, pod);
  };

  test('where the labels are recorded', () => {
    const { what, cure } = words(quarantined(), [inPhase('Resolved')]);
    expect(what).toBe(`quarantined, though its DriftIncident ${NAME} is over: nobody releases or evicts it`);
    expect(cure).toContain('spec.target.labels');
  });

  test('that the labels of an orphan are lost, and of another pod that nobody knows', () => {
    expect(words(quarantined()).what).toMatch(/the labels that it had are lost$/);
    const gentle = quarantined({ labels: { app: 'web', [QUARANTINE_LABEL]: 'true' } });
    expect(words(gentle).what).toMatch(/nobody knows which labels it had$/);
  });

  test('how to take off a label that nobody of us set', () => {
    const { cure } = words(quarantined({ annotations: {} }));
    expect(cure).toContain('kubectl label pod web-1 -n shop die-operator.dev/quarantine-');
  });
});
