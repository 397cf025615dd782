// Limits: when a pod that could be taken out of its workload is isolated gently instead.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { limitForm, type LimitInput, type LimitReason } from '../../../src/decide/limits.ts';
import { settings } from './builders.ts';

function input(
  counts: { workload?: number; namespace?: number; ready?: number },
  limits: { perWorkload?: number; perNamespace?: number } = {},
): LimitInput {
  return {
    form: 'Orphan',
    reason: 'ReplicaSet',
    settings: settings(limits).limits,
    workload: { quarantinedOthers: counts.workload ?? 0, readyOthers: counts.ready ?? 3 },
    namespace: { quarantinedOthers: counts.namespace ?? 0 },
  };
}

describe('an orphan', () => {
  test.each<[string, LimitInput, LimitReason | undefined]>([
    ['first of its workload', input({}), undefined],
    ['the last within the limit of its workload', input({ workload: 1 }), undefined],
    ['one beyond the limit of its workload', input({ workload: 2, namespace: 2 }), 'PerWorkload'],
    ['far beyond it', input({ workload: 9, namespace: 9 }), 'PerWorkload'],
    ['any, under a limit of 0', input({}, { perWorkload: 0 }), 'PerWorkload'],
    ['the last within the limit of its namespace', input({ namespace: 9 }), undefined],
    ['one beyond the limit of its namespace', input({ namespace: 10 }), 'PerNamespace'],
    ['any, under a namespace limit of 0', input({}, { perNamespace: 0 }), 'PerNamespace'],
    ['with one other Ready copy', input({ ready: 1 }), undefined],
    ['with no other Ready copy', input({ ready: 0 }), 'LastReadyCopy'],
    ['under every limit at once', input({ workload: 5, namespace: 50, ready: 0 }), 'PerWorkload'],
  ])('%s', (_, given, limitedBy) => {
    const result = limitForm(given);
    expect(result.form).toBe(limitedBy ? 'Gentle' : 'Orphan');
    expect(result.limitedBy).toBe(limitedBy);
    expect(result.message === undefined).toBe(limitedBy === undefined);
  });

  test('beyond a limit is told which setting and which count made it gentle', () => {
    expect(limitForm(input({ workload: 3 })).message).toBe(
      '3 other pods of the workload are in quarantine and limits.perWorkload.quarantined is 2: it is isolated gently: a label is added, nothing is taken away.',
    );
    expect(limitForm(input({ namespace: 10 })).message).toContain('limits.perNamespace.quarantined is 10');
    expect(limitForm(input({ ready: 0 })).message).toContain('No other copy of the workload is Ready');
  });

  test('of a Job needs no other Ready copy: its pods serve nobody', () => {
    expect(limitForm({ ...input({ ready: 0 }), reason: 'Job' })).toEqual({ form: 'Orphan' });
    expect(limitForm({ ...input({ ready: 0, workload: 2 }), reason: 'Job' }).limitedBy).toBe('PerWorkload');
    expect(limitForm({ ...input({ ready: 0 }), reason: 'DaemonSet' }).limitedBy).toBe('LastReadyCopy');
  });

  test('without a workload is counted in its namespace only', () => {
    const bare = (namespace: number) => ({
      ...input({ namespace }, { perWorkload: 0 }),
      workload: undefined,
    });
    expect(limitForm(bare(9))).toEqual({ form: 'Orphan' });
    expect(limitForm(bare(10))).toMatchObject({ form: 'Gentle', limitedBy: 'PerNamespace' });
  });
});

describe('for any counts', () => {
  const anyInput = fc
    .record({
      workload: fc.nat({ max: 5 }),
      namespace: fc.nat({ max: 5 }),
      ready: fc.nat({ max: 3 }),
      perWorkload: fc.nat({ max: 5 }),
      perNamespace: fc.nat({ max: 5 }),
    })
    .map(({ perWorkload, perNamespace, ...counts }) => input(counts, { perWorkload, perNamespace }));

  test('the gentle form is never limited', () => {
    fc.assert(
      fc.property(anyInput, (given) => {
        expect(limitForm({ ...given, form: 'Gentle' })).toEqual({ form: 'Gentle' });
      }),
    );
  });

  test('an orphan leaves a Ready copy and keeps both counts within their limits', () => {
    fc.assert(
      fc.property(anyInput, (given) => {
        if (limitForm(given).form !== 'Orphan') return;
        expect(given.workload?.readyOthers).toBeGreaterThan(0);
        expect((given.workload?.quarantinedOthers ?? 0) + 1).toBeLessThanOrEqual(
          given.settings.perWorkload.quarantined,
        );
        expect(given.namespace.quarantinedOthers + 1).toBeLessThanOrEqual(
          given.settings.perNamespace.quarantined,
        );
      }),
    );
  });

  test('one more pod in quarantine never turns a gentle form into an orphan', () => {
    fc.assert(
      fc.property(anyInput, (given) => {
        if (limitForm(given).form === 'Orphan') return;
        const more = { ...given, namespace: { quarantinedOthers: given.namespace.quarantinedOthers + 1 } };
        expect(limitForm(more).form).toBe('Gentle');
      }),
    );
  });
});
