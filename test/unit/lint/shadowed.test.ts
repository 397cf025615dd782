// A rung that adds nothing is found; taking it away changes no answer.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asking } from '../../../src/decide/cel/budget.ts';
import { SOURCES } from '../../../src/api/detection.ts';
import { ACTIONS } from '../../../src/api/policy.ts';
import { SEVERITIES } from '../../../src/api/severity.ts';
import { conditionInput } from '../../../src/decide/cel/input.ts';
import { rungMiss } from '../../../src/decide/match.ts';
import { lintPolicies } from '../../../src/lint/lint.ts';
import { detection, mayStand, pod, policy } from '../decide/builders.ts';
import { codes, driftPolicy, NOW } from './support.ts';

const rung = (name: string, fields: Record<string, unknown> = {}) => ({
  name,
  actions: ['Label'],
  ...fields,
});

describe('shadowed', () => {
  test.each<[what: string, shadowed: number, rungs: Record<string, unknown>[]]>([
    ['the later one of two equal ones', 1, [rung('a'), rung('b')]],
    ['the stricter one, wherever it stands', 0, [rung('a', { minSeverity: 'Error' }), rung('b')]],
    [
      'one with fewer rules',
      1,
      [rung('a', { rules: ['DIE *', 'x'] }), rung('b', { rules: ['DIE a*b', 'x'] })],
    ],
    ['one with rules beside one without', 1, [rung('a'), rung('b', { rules: ['*'] })]],
    ['one with fewer tags', 1, [rung('a', { tags: ['*'] }), rung('b', { tags: ['mitre'] })]],
    ['one with sources of which the other has all', 1, [rung('a', { sources: [...SOURCES] }), rung('b')]],
    ['one with a source beside one with all', 0, [rung('a', { sources: ['Falco'] }), rung('b')]],
    ['one with a condition', 1, [rung('a'), rung('b', { condition: 'pod.hostNetwork' })]],
    [
      'one with the same condition',
      1,
      [
        rung('a', { condition: 'pod.hostNetwork' }),
        rung('b', { condition: ' pod.hostNetwork', minSeverity: 'Error' }),
      ],
    ],
    [
      'one whose actions two others have',
      2,
      [
        rung('a'),
        rung('b', { actions: ['Isolate'] }),
        rung('c', { actions: ['Label', 'Isolate'], minSeverity: 'Error' }),
      ],
    ],
  ])('%s', (_what, shadowed, responses) => {
    expect(codes({ responses })).toEqual([`Shadowed spec.responses[${shadowed}]`]);
  });

  test.each<[what: string, rungs: Record<string, unknown>[]]>([
    ['a ladder', [rung('a', { minSeverity: 'Notice' }), rung('b', { actions: ['Label', 'Isolate'] })]],
    ['other rules', [rung('a', { rules: ['DIE *'] }), rung('b', { rules: ['DIE*'], minSeverity: 'Error' })]],
    ['tags beside rules', [rung('a', { tags: ['*'] }), rung('b', { minSeverity: 'Error' })]],
    [
      'other conditions',
      [rung('a', { condition: 'pod.hostNetwork' }), rung('b', { condition: '!pod.hostNetwork' })],
    ],
    [
      'a condition below one without',
      [rung('a', { condition: 'pod.hostNetwork' }), rung('b', { minSeverity: 'Error' })],
    ],
  ])('is not said of %s', (_what, responses) => {
    expect(codes({ responses })).toEqual([]);
  });

  test('names the rung that does it all, else all that do a part', () => {
    const message = (...responses: Record<string, unknown>[]) =>
      lintPolicies([driftPolicy({ responses })], NOW).findings.map((finding) => finding.message);
    const strict = rung('c', { actions: ['Label', 'Isolate'], minSeverity: 'Error' });
    expect(message(rung('a'), rung('b', { actions: ['Label', 'Isolate'] }), strict)).toContain(
      'rung "c" adds nothing: every detection that meets it also meets "b", which does Label, Isolate',
    );
    expect(message(rung('a'), rung('b', { actions: ['Isolate'] }), strict)).toEqual([
      'rung "c" adds nothing: every detection that meets it also meets "a" and "b", which do Label, Isolate',
    ]);
  });
});

const patterns = fc.option(
  fc.uniqueArray(fc.constantFrom('*', 'a*', 'ab', 'b', 'a*b'), { minLength: 1, maxLength: 2 }),
  {
    nil: undefined,
  },
);
const ladder = fc.array(
  fc.record(
    {
      minSeverity: fc.constantFrom('Notice', 'Warning', 'Error'),
      rules: patterns,
      tags: patterns,
      condition: fc.option(fc.constantFrom('pod.hostNetwork', '!pod.hostNetwork'), { nil: undefined }),
      actions: fc.uniqueArray(fc.constantFrom(...ACTIONS), { minLength: 1, maxLength: 2 }).filter(mayStand),
    },
    { requiredKeys: ['minSeverity', 'actions'] },
  ),
  { minLength: 2, maxLength: 4 },
);

test('without every rung that is called shadowed, each detection gets the same actions', () => {
  const texts = ['a', 'ab', 'b', 'acb', 'c'];
  const seen = SEVERITIES.slice(1, 6).flatMap((severity) =>
    texts.flatMap((rule) =>
      [[], ['ab'], ['c']].flatMap((tags) =>
        [true, false].map((hostNetwork) => ({
          detection: { ...detection({ severity, rule }), tags },
          hostNetwork,
        })),
      ),
    ),
  );
  fc.assert(
    fc.property(ladder, (drawn) => {
      const responses = drawn.map((one, index) => ({ ...one, name: `r${index}` }));
      const { findings } = lintPolicies([driftPolicy({ responses })], NOW);
      const shadowed = new Set(findings.flatMap(({ code, path }) => (code === 'Shadowed' ? [path] : [])));
      const { rungs } = policy({ responses });
      const left = rungs.filter((_rung, index) => !shadowed.has(`spec.responses[${index}]`));
      for (const { detection: one, hostNetwork } of seen) {
        const input = () => conditionInput(one, pod({ hostNetwork }), undefined);
        const actions = (of: typeof rungs) =>
          new Set(
            of
              .filter((each) => rungMiss(each, one, asking(input)) === undefined)
              .flatMap((each) => each.actions),
          );
        expect(actions(left)).toEqual(actions(rungs));
      }
    }),
    { numRuns: 150 },
  );
});
