// What a rung answers: severity, source, rule, tags and condition, all of them together.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Detection } from '../../../src/api/detection.ts';
import { unreadNamespace } from '../../../src/api/namespace.ts';
import { asking } from '../../../src/decide/cel/budget.ts';
import { conditionInput } from '../../../src/decide/cel/input.ts';
import { matchPolicies, rungMiss, type RungMiss } from '../../../src/decide/match.ts';
import { aDetection, aPod, NOW } from '../../support/builders.ts';
import { matched, rulebookOf } from '../../support/matched.ts';
import { policy } from './builders.ts';

const tagged = (...tags: string[]): Detection => ({ ...aDetection(), tags });
const telling = (fields: Record<string, string>): Detection => ({ ...aDetection(), fields });

function miss(rung: object, detection = aDetection()): RungMiss | undefined {
  const [compiled] = policy({ responses: [{ name: 'r', actions: ['Label'], ...rung }] }).rungs;
  if (!compiled) throw new Error('no rung');
  return rungMiss(
    compiled,
    detection,
    asking(() => conditionInput(detection, aPod(), undefined)),
  );
}

describe('a rung', () => {
  test.each<[string, object, Detection, RungMiss | undefined]>([
    ['a severity that is too low', { minSeverity: 'Emergency' }, aDetection(), 'Severity'],
    ['its source', { sources: ['Falco'] }, aDetection(), undefined],
    ['another rule', { rules: ['Terminal *'] }, aDetection(), 'Rule'],
    ['one of its rules', { rules: ['Terminal *', 'DIE *'] }, aDetection(), undefined],
    ['a tag that matches', { tags: ['mitre_*'] }, tagged('x', 'mitre_execution'), undefined],
    ['no tag that matches', { tags: ['mitre_*'] }, tagged('x', 'not_mitre_execution'), 'Tag'],
    ['no tag at all', { tags: ['*'] }, tagged(), 'Tag'],
    ['a condition that is true', { condition: 'pod.labels["app"] == "web"' }, aDetection(), undefined],
    ['a condition that is false', { condition: 'pod.labels["app"] == "api"' }, aDetection(), 'Condition'],
    [
      'a field of the alert',
      { condition: 'detection.fields["proc.name"] == "nc"' },
      telling({ 'proc.name': 'nc' }),
      undefined,
    ],
    [
      'a field that is not there',
      { condition: 'detection.fields["proc.name"] == "nc"' },
      telling({}),
      'ConditionError',
    ],
    [
      'a field that is asked for before it is used',
      { condition: '"proc.name" in detection.fields && detection.fields["proc.name"] == "nc"' },
      telling({}),
      'Condition',
    ],
  ])('meets %s', (_what, rung, detection, expected) => expect(miss(rung, detection)).toBe(expected));

  test('with several answers only what all of them let through', () => {
    const rung = { rules: ['DIE *'], tags: ['a*'], condition: 'detection.priority <= 2' };
    expect(miss(rung, tagged('abc'))).toBeUndefined();
    expect(miss(rung, tagged('b'))).toBe('Tag');
    expect(miss({ ...rung, rules: ['x'] }, tagged('abc'))).toBe('Rule');
    expect(miss({ ...rung, condition: 'detection.priority > 2' }, tagged('abc'))).toBe('Condition');
  });

  test('with an error in its condition is no match, and is counted', () => {
    const broken = policy({
      responses: [{ name: 'r', actions: ['Evict'], condition: 'detection.fields["absent"] == ""' }],
    });
    const book = rulebookOf([broken], unreadNamespace('shop'));
    expect(matchPolicies(book, { detection: aDetection(), pod: aPod(), at: NOW })).toEqual({
      conditionErrors: 1,
    });
  });
});

describe('the rulebook of a namespace', () => {
  test('finds exactly the policies that a walk through all of them finds', () => {
    const anyLabels = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('1', '2'));
    const anySelector = fc.record({
      matchLabels: fc.option(anyLabels, { nil: undefined }),
      matchExpressions: fc.array(
        fc.record({ key: fc.constantFrom('a', 'b'), operator: fc.constantFrom('Exists', 'DoesNotExist') }),
        { maxLength: 2 },
      ),
    });
    fc.assert(
      fc.property(fc.array(anySelector, { maxLength: 12 }), anyLabels, (selectors, labels) => {
        const policies = selectors.map((podSelector, n) =>
          policy({ match: { podSelector } }, { name: `p${n}`, uid: `p${n}` }),
        );
        const pod = aPod({ labels });
        const book = rulebookOf(policies, unreadNamespace('shop'));
        const found = book.candidates(pod).map(({ uid }) => uid);
        const walked = policies.filter((each) => each.matchesPod(pod)).map(({ uid }) => uid);
        expect(found.toSorted()).toEqual(walked.toSorted());
      }),
    );
  });

  test('gives the same match in whatever order policies were made', () => {
    const responses = [{ name: 'r', actions: ['Label'] }];
    const all = [
      policy({ responses, match: { podSelector: { matchLabels: { app: 'web' } } } }, { name: 'b', uid: 'b' }),
      policy({ responses, limits: { perWorkload: { quarantined: 1 } } }, { name: 'a', uid: 'a' }),
      policy({ responses }, { name: 'a', uid: 'c' }, 'ClusterDriftPolicy'),
    ];
    const expected = matched(all, aPod(), aDetection());
    expect(expected?.contributions).toHaveLength(3);
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: 3 }), (some) => {
        expect(matched(some, aPod(), aDetection())).toEqual(expected);
      }),
    );
  });
});
