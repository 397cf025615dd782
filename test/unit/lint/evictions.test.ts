// Eviction without confirmation, limits, evidence or isolation is found.
import { describe, expect, test } from 'vitest';
import { codes, SOUND_RUNG } from './support.ts';

const { rules: _rules, ...OPEN } = SOUND_RUNG;
const enforce = (...responses: Record<string, unknown>[]) => codes({ mode: 'Enforce', responses });

describe('confirmation', () => {
  test.each<[what: string, rung: Record<string, unknown>]>([
    ['no rules', OPEN],
    ['a pattern for all rules', { ...OPEN, rules: ['DIE *', '**'] }],
    ['a condition that is always true', { ...OPEN, condition: 'detection.priority < 5' }],
  ])('is missed with %s', (_what, rung) => {
    expect(enforce(rung)).toContain('EvictUnconfirmed spec.responses[0]');
  });

  test.each<[what: string, rung: Record<string, unknown>]>([
    ['rules', SOUND_RUNG],
    ['tags', { ...OPEN, tags: ['drift'] }],
    ['a condition', { ...OPEN, condition: '"drift" in detection.tags' }],
    [
      'rules named in full at a low severity',
      { ...OPEN, rules: ['Drop and execute'], minSeverity: 'Notice' },
    ],
    [
      'a condition at a low severity',
      { ...OPEN, minSeverity: 'Notice', condition: '"drift" in detection.tags' },
    ],
  ])('is there with %s', (_what, rung) => {
    expect(enforce(rung)).toEqual([]);
  });

  test('is weak with a pattern below Error', () => {
    expect(enforce({ ...SOUND_RUNG, minSeverity: 'Warning' })).toEqual([
      'EvictAtLowSeverity spec.responses[0].minSeverity',
    ]);
    expect(enforce({ ...SOUND_RUNG, minSeverity: 'Error' })).toEqual([]);
    expect(enforce({ ...OPEN, minSeverity: 'Warning', tags: ['drift'] })).toEqual([
      'EvictAtLowSeverity spec.responses[0].minSeverity',
    ]);
  });

  test('is not asked for in Audit, which evicts nothing', () => {
    expect(codes({ responses: [OPEN] })).toEqual([]);
  });
});

describe('limits', () => {
  test.each([
    [{ perWorkload: { quarantined: 50 }, perNamespace: { quarantined: 50 } }, []],
    [{ perWorkload: { quarantined: 51 } }, ['EvictUnlimited spec.limits.perWorkload.quarantined']],
    [{ perNamespace: { quarantined: 51 } }, ['EvictUnlimited spec.limits.perNamespace.quarantined']],
  ])('%o', (limits, found) => {
    expect(codes({ mode: 'Enforce', limits })).toEqual(found);
    const responses = [{ name: 'note', actions: ['Label'] }];
    expect(codes({ mode: 'Enforce', limits, responses })).toEqual([]);
  });
});

describe('deletion past a budget', () => {
  test.each([
    [{ then: 'Delete', waitForBudget: '9m59s' }, ['DeletePastBudget spec.eviction.waitForBudget']],
    [{ then: 'Delete' }, []],
    [{ then: 'Hold', waitForBudget: '1s' }, []],
  ])('%o', (eviction, found) => {
    expect(codes({ mode: 'Enforce', eviction })).toEqual(found);
    expect(codes({ mode: 'Audit', eviction })).toEqual([]);
  });
});

describe('before eviction', () => {
  test('evidence and isolation are missed', () => {
    expect(codes({ responses: [{ ...SOUND_RUNG, actions: ['Evict'] }] })).toEqual([
      'EvictWithoutEvidence spec.responses[0].actions',
      'EvictWithoutIsolation spec.responses[0].actions',
    ]);
  });

  test('they may come from a rung that is always met with it', () => {
    const contain = { name: 'contain', actions: ['Isolate', 'Capture'] };
    const replace = { ...SOUND_RUNG, actions: ['Evict'] };
    expect(codes({ responses: [contain, replace] })).toEqual([]);
    expect(codes({ responses: [{ ...contain, rules: ['DIE x'] }, replace] })).toEqual([
      'EvictWithoutEvidence spec.responses[1].actions',
      'EvictWithoutIsolation spec.responses[1].actions',
    ]);
    expect(
      codes({
        responses: [
          { ...contain, minSeverity: 'Alert', actions: ['Capture'] },
          { ...replace, actions: ['Isolate', 'Evict'] },
        ],
      }),
    ).toEqual(['EvictWithoutEvidence spec.responses[1].actions']);
  });
});
