// Label selectors: the semantics of Kubernetes, also for absent labels, and what makes one invalid.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LabelSelector } from '../../../src/api/meta.ts';
import { compileSelector, selectorProblems } from '../../../src/decide/selector.ts';

type Requirement = NonNullable<LabelSelector['matchExpressions']>[number];

const matches = (requirement: Requirement, labels: Record<string, string>) =>
  compileSelector({ matchExpressions: [requirement] })(labels);

describe('requirements', () => {
  const key = 'tier';
  const values = ['web', ''];
  // The table of the Kubernetes documentation, absent labels included.
  test.each<[Requirement['operator'], Record<'listed' | 'empty' | 'other' | 'absent', boolean>]>([
    ['In', { listed: true, empty: true, other: false, absent: false }],
    ['NotIn', { listed: false, empty: false, other: true, absent: true }],
    ['Exists', { listed: true, empty: true, other: true, absent: false }],
    ['DoesNotExist', { listed: false, empty: false, other: false, absent: true }],
  ])('%s', (operator, expected) => {
    const requirement = { key, operator, values };
    expect({
      listed: matches(requirement, { tier: 'web' }),
      empty: matches(requirement, { tier: '' }),
      other: matches(requirement, { tier: 'db' }),
      absent: matches(requirement, { app: 'web' }),
    }).toEqual(expected);
  });

  test('are case-sensitive in key and value', () => {
    expect(matches({ key: 'tier', operator: 'In', values: ['web'] }, { tier: 'Web' })).toBe(false);
    expect(matches({ key: 'tier', operator: 'Exists' }, { Tier: 'web' })).toBe(false);
  });
});

describe('selectors', () => {
  test('select everything when empty', () => {
    for (const selector of [{}, { matchLabels: {} }, { matchExpressions: [] }]) {
      expect(compileSelector(selector)({})).toBe(true);
      expect(compileSelector(selector)({ app: 'web' })).toBe(true);
    }
  });

  test('need every label and every requirement', () => {
    const selects = compileSelector({
      matchLabels: { app: 'web', team: 'shop' },
      matchExpressions: [
        { key: 'tier', operator: 'In', values: ['front'] },
        { key: 'canary', operator: 'DoesNotExist' },
      ],
    });
    const labels = { app: 'web', team: 'shop', tier: 'front', extra: 'x' };
    expect(selects(labels)).toBe(true);
    expect(selects({ ...labels, app: 'api' })).toBe(false);
    expect(selects({ ...labels, team: '' })).toBe(false);
    expect(selects({ ...labels, tier: 'back' })).toBe(false);
    expect(selects({ ...labels, canary: 'true' })).toBe(false);
    expect(selects({ app: 'web', tier: 'front' })).toBe(false);
  });

  test('do not take what every object inherits for a label', () => {
    for (const key of ['constructor', 'toString', 'hasOwnProperty']) {
      expect(matches({ key, operator: 'Exists' }, {})).toBe(false);
      expect(matches({ key, operator: 'NotIn', values: ['x'] }, {})).toBe(true);
      expect(compileSelector({ matchLabels: { [key]: 'x' } })({ [key]: 'x' })).toBe(true);
    }
  });

  const labels = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('', 'x', 'y'));
  const values = fc.array(fc.constantFrom('', 'x', 'y'), { minLength: 1, maxLength: 3 });

  test('say the opposite with the opposite operator', () => {
    fc.assert(
      fc.property(labels, values, fc.constantFrom('a', 'b', 'c'), (present, listed, key) => {
        expect(matches({ key, operator: 'NotIn', values: listed }, present)).toBe(
          !matches({ key, operator: 'In', values: listed }, present),
        );
        expect(matches({ key, operator: 'DoesNotExist' }, present)).toBe(
          !matches({ key, operator: 'Exists' }, present),
        );
      }),
    );
  });

  test('select an object by all of its own labels, and matchLabels means In with one value', () => {
    fc.assert(
      fc.property(labels, labels, (wanted, present) => {
        expect(compileSelector({ matchLabels: wanted })(wanted)).toBe(true);
        const requirements = Object.entries(wanted).map(([key, value]) => ({
          key,
          operator: 'In' as const,
          values: [value],
        }));
        expect(compileSelector({ matchLabels: wanted })(present)).toBe(
          compileSelector({ matchExpressions: requirements })(present),
        );
      }),
    );
  });
});

describe('problems', () => {
  test.each<[string, LabelSelector]>([
    ['an empty selector', {}],
    ['plain keys', { matchLabels: { app: 'web', A_b: 'v1.2_3-x', '9': '' } }],
    ['a prefix', { matchLabels: { 'app.kubernetes.io/name': 'web' } }],
    ['the longest name', { matchLabels: { ['a'.repeat(63)]: 'v'.repeat(63) } }],
    ['values for In', { matchExpressions: [{ key: 'a', operator: 'In', values: ['x', ''] }] }],
    ['no values for Exists', { matchExpressions: [{ key: 'a', operator: 'Exists', values: [] }] }],
  ])('none for %s', (_, selector) => expect(selectorProblems(selector)).toEqual([]));

  test.each([
    '',
    ' app',
    '-app',
    'app-',
    'a b',
    'a*',
    'ä',
    '/app',
    'example.com/',
    'a/b/c',
    'Example.com/app',
    'example..com/app',
    '-x.com/app',
    'a'.repeat(64),
    `${'a'.repeat(254)}/app`,
    'app\n',
  ])('for the key %j, in both forms', (key) => {
    expect(selectorProblems({ matchLabels: { [key]: 'x' } })).toEqual([
      { path: `matchLabels[${JSON.stringify(key)}]`, message: expect.stringContaining('is not a label key') },
    ]);
    expect(selectorProblems({ matchExpressions: [{ key, operator: 'Exists' }] })).toEqual([
      { path: 'matchExpressions[0].key', message: expect.stringContaining('write up to 63 letters') },
    ]);
  });

  test.each(['-x', 'x-', 'a b', 'a/b', 'é', 'x'.repeat(64), '\n'])(
    'for the value %j, in both forms',
    (value) => {
      expect(selectorProblems({ matchLabels: { app: value } })).toEqual([
        { path: 'matchLabels["app"]', message: expect.stringContaining('is not a label value') },
      ]);
      const values = ['fine', value];
      expect(selectorProblems({ matchExpressions: [{ key: 'app', operator: 'NotIn', values }] })).toEqual([
        { path: 'matchExpressions[0].values[1]', message: expect.stringContaining('or nothing') },
      ]);
    },
  );

  test.each<[Requirement['operator'], string[] | undefined, string]>([
    ['In', undefined, 'In needs values: list at least one'],
    ['NotIn', [], 'NotIn needs values: list at least one'],
    ['Exists', ['x'], 'Exists takes no values: remove them'],
    ['DoesNotExist', ['x'], 'DoesNotExist takes no values: remove them'],
  ])('for %s with %j', (operator, values, message) => {
    const requirement = { key: 'app', operator, ...(values && { values }) };
    expect(selectorProblems({ matchExpressions: [{ key: 'ok', operator: 'Exists' }, requirement] })).toEqual([
      { path: 'matchExpressions[1].values', message },
    ]);
  });

  test('are all told at once', () => {
    const problems = selectorProblems({
      matchLabels: { 'bad key': 'bad value' },
      matchExpressions: [{ key: '-', operator: 'In' }],
    });
    expect(problems.map(({ path }) => path)).toEqual([
      'matchLabels["bad key"]',
      'matchLabels["bad key"]',
      'matchExpressions[0].key',
      'matchExpressions[0].values',
    ]);
  });

  test('do not take long to find in a long text', () => {
    const long = 'a-'.repeat(50_000);
    expect(selectorProblems({ matchLabels: { [`${long}/${long}`]: long } })).toHaveLength(2);
  });
});
