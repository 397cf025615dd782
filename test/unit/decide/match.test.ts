// Matching: which rungs a detection meets, what they add up to, and in which order it is told.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_CONTRIBUTIONS } from '../../../src/api/incident.ts';
import { QUARANTINE_LABEL } from '../../../src/api/names.ts';
import { SEVERITIES } from '../../../src/api/severity.ts';
import { matched } from '../../support/matched.ts';
import { detection, pod, policy, settings } from './builders.ts';

const LADDER = [
  { name: 'replace', minSeverity: 'Error', rules: ['DIE *'], actions: ['Evict', 'Capture'] },
  { name: 'note', minSeverity: 'Notice', actions: ['Label'] },
  { name: 'contain', minSeverity: 'Warning', actions: ['Isolate', 'Label'] },
];

describe('rungs', () => {
  test.each([
    ['Informational', 'DIE Drift', undefined],
    ['Notice', 'DIE Drift', { rungs: ['note'], actions: ['Label'] }],
    ['Warning', 'DIE Drift', { rungs: ['note', 'contain'], actions: ['Label', 'Isolate'] }],
    [
      'Error',
      'DIE Drift',
      { rungs: ['replace', 'note', 'contain'], actions: ['Label', 'Isolate', 'Capture', 'Evict'] },
    ],
    ['Emergency', 'Other rule', { rungs: ['note', 'contain'], actions: ['Label', 'Isolate'] }],
  ] as const)('for %s of %j', (severity, rule, expected) => {
    const match = matched([policy({ responses: LADDER })], pod(), detection({ severity, rule }));
    expect(match?.contributions).toEqual(
      expected && [
        { kind: 'DriftPolicy', name: 'web', uid: 'policy-1', generation: 1, mode: 'Audit', ...expected },
      ],
    );
  });

  test('are met by a severity as high as theirs or higher, for every pair', () => {
    for (const [needed, minSeverity] of SEVERITIES.entries()) {
      const only = policy({ responses: [{ name: 'r', minSeverity, actions: ['Label'] }] });
      for (const [given, severity] of SEVERITIES.entries()) {
        const match = matched([only], pod(), detection({ severity }));
        expect(match !== undefined, `${severity} for ${minSeverity}`).toBe(given >= needed);
      }
    }
  });
});

describe('policies', () => {
  test('none, or none that is about the pod, is no match', () => {
    expect(matched([], pod(), detection())).toBeUndefined();
    expect(matched([policy()], pod({ namespace: 'other' }), detection())).toBeUndefined();
    const other = policy({ match: { podSelector: { matchLabels: { app: 'api' } } } });
    expect(matched([other], pod(), detection())).toBeUndefined();
  });

  test('of which no rung is met contribute neither actions nor settings', () => {
    const strict = policy({
      responses: [{ name: 'r', minSeverity: 'Emergency', actions: ['Evict'] }],
      limits: { perWorkload: { quarantined: 0 } },
    });
    const met = policy({}, { name: 'met', uid: 'met' });
    const match = matched([strict, met], pod(), detection());
    expect(match?.contributions.map(({ name }) => name)).toEqual(['met']);
    expect(match?.settings).toEqual(settings());
  });

  test('contribute each under its own mode; those in Audit have no say in how the others are carried out', () => {
    const audit = policy(
      { eviction: { gracePeriodSeconds: 3600 }, limits: { perWorkload: { quarantined: 0 } } },
      { name: 'b', uid: 'b' },
    );
    const enforce = policy(
      { mode: 'Enforce', limits: { perNamespace: { quarantined: 3 } } },
      { name: 'a', uid: 'a' },
    );
    const match = matched([audit, enforce], pod(), detection());
    expect(match?.contributions.map(({ name, mode }) => [name, mode])).toEqual([
      ['a', 'Enforce'],
      ['b', 'Audit'],
    ]);
    expect(match?.settings).toEqual(settings({ perNamespace: 3 }));
    const recorded = matched([audit], pod(), detection());
    expect(recorded?.settings).toEqual(settings({ gracePeriodSeconds: 3600, perWorkload: 0 }));
  });

  test('see the pod without our own labels', () => {
    const unlabelled = policy({
      match: { podSelector: { matchExpressions: [{ key: QUARANTINE_LABEL, operator: 'DoesNotExist' }] } },
    });
    const labels = { app: 'web', [QUARANTINE_LABEL]: 'true' };
    expect(matched([unlabelled], pod({ labels }), detection())).toBeDefined();
  });
});

describe('contributions', () => {
  const many = (count: number, mode: 'Audit' | 'Enforce', prefix: string) =>
    Array.from({ length: count }, (_, index) => {
      const name = `${prefix}-${String(index).padStart(3, '0')}`;
      return policy({ mode, limits: { perWorkload: { quarantined: index + 1 } } }, { name, uid: name });
    });

  test('beyond the cap keep those in Enforce, then the first by name, and stay sorted', () => {
    const policies = [...many(40, 'Audit', 'a'), ...many(10, 'Enforce', 'z')];
    const names = matched(policies, pod(), detection())?.contributions.map(({ name }) => name) ?? [];
    expect(names).toHaveLength(MAX_CONTRIBUTIONS);
    expect(names.filter((name) => name.startsWith('z'))).toHaveLength(10);
    expect(names.filter((name) => name.startsWith('a')).at(-1)).toBe('a-021');
    expect(names).toEqual(names.toSorted());
  });

  test('beyond the cap still make the settings careful', () => {
    const careful = policy(
      { mode: 'Enforce', limits: { perWorkload: { quarantined: 0 } } },
      { name: 'zz', uid: 'zz' },
    );
    const match = matched([...many(40, 'Enforce', 'a'), careful], pod(), detection());
    expect(match?.contributions.some(({ name }) => name === 'zz')).toBe(false);
    expect(match?.settings.limits.perWorkload.quarantined).toBe(0);
  });

  test('do not depend on the order of the policies', () => {
    const policies = [
      ...many(20, 'Audit', 'p'),
      ...many(20, 'Enforce', 'q'),
      policy({ responses: LADDER, eviction: { waitForBudget: '600s' } }, { name: 'p', uid: 'p' }),
    ];
    const expected = matched(policies, pod(), detection());
    fc.assert(
      fc.property(fc.shuffledSubarray(policies, { minLength: policies.length }), (shuffled) => {
        expect(matched(shuffled, pod(), detection())).toEqual(expected);
      }),
    );
  });

  test('are sorted the same on every machine, capitals first', () => {
    const policies = ['b', 'A', 'a', 'B'].map((name) => policy({}, { name, uid: name }));
    const match = matched(policies, pod(), detection());
    expect(match?.contributions.map(({ name }) => name)).toEqual(['A', 'B', 'a', 'b']);
  });
});
