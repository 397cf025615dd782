// Merging: the most careful setting wins, escalations add, and a later change can stop a response but never start one.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ResponseSettingsSchema, type Contribution } from '../../../src/api/incident.ts';
import { ACTIONS, type Mode } from '../../../src/api/policy.ts';
import { effectiveActions, inSystemOrder, mergeSettings, responseOf } from '../../../src/decide/merge.ts';
import type { Standing } from '../../../src/decide/standing.ts';
import { contribution, incident, settings } from './builders.ts';

const durations = fc.constantFrom(
  '0s',
  '1s',
  '59s',
  '60s',
  '1m',
  '90s',
  '1m30s',
  '1h',
  '60m',
  '3600s',
  '24h',
);
const anySettings = fc
  .record({
    gracePeriodSeconds: fc.integer({ min: 1, max: 3600 }),
    waitForBudget: durations,
    require: fc.constantFrom('Baseline' as const, 'Pinned' as const),
    readyWithin: durations,
    perWorkload: fc.nat({ max: 1000 }),
    perNamespace: fc.nat({ max: 10_000 }),
  })
  .map(settings);

describe('of two settings the more careful wins:', () => {
  test.each([
    ['the longer grace', { gracePeriodSeconds: 1 }, { gracePeriodSeconds: 30 }],
    ['the longer wait for a budget', { waitForBudget: '59s' }, { waitForBudget: '1m' }],
    ['the longer wait, whatever its words', { waitForBudget: '90m' }, { waitForBudget: '2h' }],
    ['the stronger proof', { require: 'Baseline' as const }, { require: 'Pinned' as const }],
    ['the longer time to become Ready', { readyWithin: '9m' }, { readyWithin: '10m' }],
    ['the smaller limit of a workload', { perWorkload: 2 }, { perWorkload: 0 }],
    ['the smaller limit of a namespace', { perNamespace: 10 }, { perNamespace: 1 }],
  ])('%s', (_, hasty, careful) => {
    expect(mergeSettings([settings(hasty), settings(careful)])).toEqual(settings(careful));
    expect(mergeSettings([settings(careful), settings(hasty)])).toEqual(settings(careful));
  });

  test('each setting by itself', () => {
    const a = settings({ gracePeriodSeconds: 9, perWorkload: 7, readyWithin: '1m' });
    const b = settings({ gracePeriodSeconds: 3, perWorkload: 5, readyWithin: '1h' });
    expect(mergeSettings([a, b])).toEqual(
      settings({ gracePeriodSeconds: 9, perWorkload: 5, readyWithin: '1h' }),
    );
  });
});

describe('merging settings', () => {
  test('gives the same in any order, also for one length in different words', () => {
    const shuffled = fc
      .array(anySettings, { minLength: 1, maxLength: 6 })
      .chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })));
    fc.assert(
      fc.property(shuffled, ([all, other]) => {
        expect(mergeSettings(other)).toEqual(mergeSettings(all));
      }),
    );
  });

  test('changes nothing when repeated, grouped, or given one', () => {
    fc.assert(
      fc.property(anySettings, anySettings, anySettings, (a, b, c) => {
        expect(mergeSettings([a])).toEqual(a);
        expect(mergeSettings([a, a])).toEqual(a);
        const all = mergeSettings([a, b, c]);
        expect(mergeSettings([mergeSettings([a, b]), c])).toEqual(all);
        expect(mergeSettings([all, a, b, c, all])).toEqual(all);
      }),
    );
  });

  test('gives settings of the schema and does not change its input', () => {
    fc.assert(
      fc.property(fc.array(anySettings, { minLength: 1, maxLength: 4 }), (all) => {
        const before = structuredClone(all);
        expect(ResponseSettingsSchema.parse(mergeSettings(all))).toEqual(mergeSettings(all));
        expect(all).toEqual(before);
      }),
    );
  });

  test('refuses to invent settings out of none', () => {
    expect(() => mergeSettings([])).toThrow(
      new RangeError('no settings to merge: a response has at least one policy'),
    );
  });
});

describe('the response of an incident', () => {
  test('is that of its trigger while nothing was reported', () => {
    expect(responseOf(incident())).toEqual({
      contributions: [contribution()],
      settings: settings(),
      severity: 'Warning',
    });
    expect(responseOf(incident({}, {}))).toEqual(responseOf(incident()));
  });

  test('adds rungs and actions of an escalation of the same policy, mode and generation', () => {
    const escalated = contribution({ rungs: ['replace', 'contain'], actions: ['Capture', 'Evict'] });
    const response = responseOf(incident({}, { r1: { policies: [escalated], highestSeverity: 'Critical' } }));
    expect(response.contributions).toEqual([
      contribution({ rungs: ['contain', 'replace'], actions: ['Label', 'Capture', 'Evict'] }),
    ]);
    expect(response.severity).toBe('Critical');
  });

  test.each<[string, Partial<Contribution>]>([
    ['mode', { mode: 'Audit' }],
    ['generation', { generation: 2 }],
    ['UID', { uid: 'policy-2' }],
  ])('keeps an escalation under another %s apart', (_, change) => {
    const first = contribution({ actions: ['Label', 'Isolate'] });
    const later = contribution({ ...change, actions: ['Evict'] });
    const { contributions } = responseOf(incident({ policies: [first] }, { r1: { policies: [later] } }));
    expect(contributions).toHaveLength(2);
    expect(contributions).toEqual(expect.arrayContaining([first, later]));
  });

  test('never lowers its severity, and takes the highest of all receivers', () => {
    const reports = {
      r1: { highestSeverity: 'Notice' as const },
      r2: { highestSeverity: 'Alert' as const },
      r3: { highestSeverity: 'Error' as const },
    };
    expect(responseOf(incident({ severity: 'Warning' }, reports)).severity).toBe('Alert');
    expect(responseOf(incident({ severity: 'Emergency' }, reports)).severity).toBe('Emergency');
  });

  test('merges the settings of trigger and escalations', () => {
    const reports = {
      r1: { policies: [contribution()], response: settings({ perWorkload: 0 }) },
      r2: { policies: [contribution()], response: settings({ gracePeriodSeconds: 60 }) },
      r3: {},
      // What is only recorded has no say in how the rest is carried out.
      r4: { policies: [contribution({ mode: 'Audit' })], response: settings({ gracePeriodSeconds: 3600 }) },
    };
    expect(responseOf(incident({ response: settings({ readyWithin: '1h' }) }, reports)).settings).toEqual(
      settings({ perWorkload: 0, gracePeriodSeconds: 60, readyWithin: '1h' }),
    );
  });

  test('is the same in whatever order receivers reported', () => {
    const reports = Object.entries({
      r1: { policies: [contribution({ rungs: ['z', 'b'], actions: ['Evict'] })] },
      r2: { policies: [contribution({ rungs: ['a'] }), contribution({ name: 'b', uid: 'b' })] },
      r3: { policies: [contribution({ mode: 'Audit' }), contribution({ generation: 9 })] },
    });
    const expected = responseOf(incident({}, Object.fromEntries(reports)));
    fc.assert(
      fc.property(fc.shuffledSubarray(reports, { minLength: reports.length }), (shuffled) => {
        expect(responseOf(incident({}, Object.fromEntries(shuffled)))).toEqual(expected);
      }),
    );
    expect(expected.contributions.map(({ name, generation, mode }) => [name, generation, mode])).toEqual([
      ['b', 1, 'Enforce'],
      ['web', 1, 'Audit'],
      ['web', 1, 'Enforce'],
      ['web', 9, 'Enforce'],
    ]);
  });

  test('does not change the incident', () => {
    const given = incident({}, { r1: { policies: [contribution({ actions: ['Evict'] })] } });
    const before = structuredClone(given);
    responseOf(given);
    expect(given).toEqual(before);
  });
});

describe('effective actions', () => {
  const modes = (...entries: [string, Mode][]): Standing =>
    new Map(entries.map(([uid, mode]) => [`${uid} Enforce 1`, mode === 'Enforce' ? ACTIONS : []]));
  const isolate = contribution({ actions: ['Isolate', 'Label'] });

  test.each<[string, Mode, Standing, 'enforce' | 'audit']>([
    ['the policy still enforces', 'Enforce', modes(['policy-1', 'Enforce']), 'enforce'],
    ['the policy went to Audit', 'Enforce', modes(['policy-1', 'Audit']), 'audit'],
    ['the policy is gone', 'Enforce', modes(), 'audit'],
    ['another policy enforces', 'Enforce', modes(['policy-2', 'Enforce']), 'audit'],
    ['it only audited then', 'Audit', modes(['policy-1', 'Audit']), 'audit'],
    ['it only audited then and enforces now', 'Audit', modes(['policy-1', 'Enforce']), 'audit'],
  ])('when %s', (_, mode, current, expected) => {
    const { [expected]: listed, ...other } = effectiveActions([{ ...isolate, mode }], current);
    expect(listed).toEqual(['Label', 'Isolate']);
    expect(Object.values(other)).toEqual([[]]);
  });

  test('that are enforced by one policy and audited by another are enforced, once', () => {
    const audited = contribution({ uid: 'b', mode: 'Audit', actions: ['Evict', 'Isolate'] });
    expect(effectiveActions([audited, isolate], modes(['policy-1', 'Enforce'], ['b', 'Audit']))).toEqual({
      enforce: ['Label', 'Isolate'],
      audit: ['Evict'],
    });
  });

  test('stop for one policy without stopping for the other', () => {
    const evict = contribution({ uid: 'b', actions: ['Evict'] });
    expect(effectiveActions([isolate, evict], modes(['policy-1', 'Audit'], ['b', 'Enforce']))).toEqual({
      enforce: ['Evict'],
      audit: ['Label', 'Isolate'],
    });
  });

  test('are none without contributions', () => {
    expect(effectiveActions([], modes(['policy-1', 'Enforce']))).toEqual({ enforce: [], audit: [] });
  });

  const uids = ['p', 'q', 'r'] as const;
  const anyMode = fc.constantFrom<Mode>('Audit', 'Enforce');
  const anyContributions = fc.array(
    fc.record({
      uid: fc.constantFrom(...uids),
      mode: anyMode,
      actions: fc.subarray([...ACTIONS]),
    }),
  );
  const anyModes = fc
    .dictionary(fc.constantFrom(...uids), fc.subarray([...ACTIONS]))
    .map(
      (all): Standing => new Map(Object.entries(all).map(([uid, wanted]) => [`${uid} Enforce 1`, wanted])),
    );

  test('list each asked action exactly once, in the order of the system', () => {
    fc.assert(
      fc.property(anyContributions, anyModes, (partial, current) => {
        const contributions = partial.map(contribution);
        const { enforce, audit } = effectiveActions(contributions, current);
        expect(inSystemOrder([...enforce, ...audit])).toEqual(
          inSystemOrder(partial.flatMap((one) => one.actions)),
        );
        expect(enforce.filter((action) => audit.includes(action))).toEqual([]);
        expect(enforce).toEqual(inSystemOrder(enforce));
        expect(audit).toEqual(inSystemOrder(audit));
      }),
    );
  });

  test('are never more than was asked in Enforce then, however policies change later', () => {
    fc.assert(
      fc.property(anyContributions, anyModes, (partial, current) => {
        const contributions = partial.map(contribution);
        const most = contributions.filter(({ mode }) => mode === 'Enforce').flatMap(({ actions }) => actions);
        const { enforce } = effectiveActions(contributions, current);
        expect(most).toEqual(expect.arrayContaining(enforce));
        // Taking a policy away never adds an action.
        for (const key of current.keys()) {
          const fewer = new Map(current);
          fewer.delete(key);
          expect(enforce).toEqual(expect.arrayContaining(effectiveActions(contributions, fewer).enforce));
        }
      }),
    );
  });
});
