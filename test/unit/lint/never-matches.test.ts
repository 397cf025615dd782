// Selectors, patterns and conditions that nothing can meet are found; those that something can meet are not.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LabelSelector } from '../../../src/api/meta.ts';
import { compileSelector } from '../../../src/decide/selector.ts';
import { imagePatternConflict } from '../../../src/lint/image-pattern.ts';
import { selectorConflict } from '../../../src/lint/selector-conflict.ts';
import { clusterPolicy, codes, DIGEST, driftPolicy, lint, SOUND_EXCEPTION, SOUND_RUNG } from './support.ts';

type Expressions = NonNullable<LabelSelector['matchExpressions']>;
const needs = (operator: Expressions[number]['operator'], ...values: string[]): Expressions[number] => ({
  key: 'app',
  operator,
  ...(values.length > 0 && { values }),
});

describe('selectors', () => {
  test.each<[what: string, selector: LabelSelector]>([
    [
      'two values by matchLabels and In',
      { matchLabels: { app: 'a' }, matchExpressions: [needs('In', 'b', 'c')] },
    ],
    ['two lists without a common value', { matchExpressions: [needs('In', 'a', 'b'), needs('In', 'c')] }],
    ['a value that is excluded', { matchLabels: { app: 'a' }, matchExpressions: [needs('NotIn', 'a', 'b')] }],
    ['there and absent', { matchExpressions: [needs('Exists'), needs('DoesNotExist')] }],
    [
      'a value of a label that is absent',
      { matchLabels: { app: 'a' }, matchExpressions: [needs('DoesNotExist')] },
    ],
  ])('never match: %s', (_what, podSelector) => {
    expect(codes({ match: { podSelector } })).toEqual(['NeverMatches spec.match.podSelector']);
    const cluster = clusterPolicy({ responses: [SOUND_RUNG], namespaceSelector: podSelector });
    expect(lint(cluster).map(({ path }) => path)).toEqual(['spec.namespaceSelector']);
  });

  test.each<[what: string, selector: LabelSelector]>([
    ['nothing is asked', {}],
    ['absent and not one of some', { matchExpressions: [needs('DoesNotExist'), needs('NotIn', 'a')] }],
    ['some of what is excluded', { matchExpressions: [needs('In', 'a', 'b'), needs('NotIn', 'a')] }],
    ['the same twice', { matchLabels: { app: 'a' }, matchExpressions: [needs('In', 'a'), needs('Exists')] }],
  ])('can match: %s', (_what, podSelector) => {
    expect(codes({ match: { podSelector } })).toEqual([]);
  });

  test('agree with what selectors select', () => {
    const value = fc.constantFrom('a', 'b', 'c');
    const requirement = fc.oneof(
      fc.record({
        key: fc.constantFrom('x', 'y'),
        operator: fc.constantFrom('In', 'NotIn'),
        values: fc.uniqueArray(value, { minLength: 1, maxLength: 2 }),
      }),
      fc.record({ key: fc.constantFrom('x', 'y'), operator: fc.constantFrom('Exists', 'DoesNotExist') }),
    );
    const selectors = fc.record({ matchExpressions: fc.array(requirement, { maxLength: 5 }) });
    // `other` stands for every value that no selector names.
    const values = [undefined, 'a', 'b', 'c', 'other'];
    const labels = values.flatMap((x) =>
      values.map((y) => ({ ...(x !== undefined && { x }), ...(y !== undefined && { y }) })),
    );
    fc.assert(
      fc.property(selectors, (selector) => {
        const selects = compileSelector(selector);
        const possible = labels.some((each) => selects(each));
        expect(selectorConflict(selector) === undefined).toBe(possible);
      }),
    );
  });

  test('on labels of die-operator’s own select nothing, as pods do not show them', () => {
    const podSelector = { matchLabels: { 'die-operator.dev/quarantine': 'true' } };
    expect(codes({ match: { podSelector } })).toEqual(['NeverMatches spec.match.podSelector']);
    expect(lint(driftPolicy({}, { namespace: 'die-operator-system' }))).toMatchObject([
      { code: 'NeverMatches', path: 'metadata.namespace' },
    ]);
  });
});

describe('image patterns', () => {
  test.each([
    ['registry.example/Shop/web:*', 'upper-case'],
    ['Web:1.2', 'upper-case'],
    ['registry.example/shop/Web', 'upper-case'],
    ['docker-pullable://registry.example/Web:1', 'upper-case'],
    ['registry.example/shop web', '" "'],
    ['registry.example/{shop,web}:1', '"{"'],
    ['registry.example/shop/we?', '"?"'],
    ['^registry.example/.*$', '"^"'],
    ['registry.example/web@sha256:abc', 'digest'],
    [`registry.example/web@${DIGEST.toUpperCase()}`, 'digest'],
  ])('%s can be no image', (pattern, why) => {
    expect(imagePatternConflict(pattern)).toContain(why);
    expect(codes({ match: { images: [pattern] } })).toContain('NeverMatches spec.match.images[0]');
    const exceptions = [{ ...SOUND_EXCEPTION, image: pattern }];
    expect(codes({ exceptions })).toContain('NeverMatches spec.exceptions[0].image');
  });

  test.each([
    '*',
    'nginx',
    'nginx:1.27-Alpine',
    'Registry.Example/web:*',
    'HOST:5000/web:1',
    'HOST:*',
    '[::1]:5000/web:1',
    'registry.example/*:RC1',
    'registry.example/web*RC1',
    `*@${DIGEST}`,
    'registry.example/web@sha256:a*',
    `docker-pullable://registry.example/web@${DIGEST}`,
    DIGEST,
  ])('%s can be one', (pattern) => {
    expect(imagePatternConflict(pattern)).toBeUndefined();
  });

  test('of which an image is an example are never refused', () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,4}([._-][a-z0-9]{1,3}){0,2}$/);
    const image = fc
      .tuple(
        fc.option(fc.stringMatching(/^[A-Za-z0-9]{1,5}\.[A-Za-z]{2}(:[0-9]{2})?$/)),
        fc.array(part, { minLength: 1, maxLength: 3 }),
        fc.constantFrom('', ':latest', ':V1.2-RC_3', `@${DIGEST}`, `:1@${DIGEST}`),
      )
      .map(([host, path, end]) => `${host === null ? '' : `${host}/`}${path.join('/')}${end}`);
    fc.assert(
      fc.property(image, fc.nat(), fc.nat(), (name, from, length) => {
        const start = from % (name.length + 1);
        const pattern = `${name.slice(0, start)}*${name.slice(start + (length % (name.length - start + 1)))}`;
        expect(imagePatternConflict(pattern)).toBeUndefined();
      }),
      { numRuns: 1000 },
    );
  });
});

describe('rungs', () => {
  test('that want longer names than there are', () => {
    const rung = { ...SOUND_RUNG, rules: ['DIE *', `${'r'.repeat(257)}*`], tags: ['t'.repeat(65)] };
    expect(codes({ responses: [rung] })).toEqual([
      'NeverMatches spec.responses[0].rules[1]',
      'NeverMatches spec.responses[0].tags[0]',
    ]);
    const longest = { ...SOUND_RUNG, rules: ['r'.repeat(256)], tags: [`${'t'.repeat(64)}*`] };
    expect(codes({ responses: [longest] })).toEqual([]);
  });

  test('with a condition against their own severity', () => {
    const condition = 'detection.severity == "Warning" && pod.hostNetwork';
    expect(codes({ responses: [{ ...SOUND_RUNG, condition }] })).toEqual([
      'NeverMatches spec.responses[0].condition',
    ]);
    const rung = { ...SOUND_RUNG, minSeverity: 'Warning', condition };
    expect(codes({ responses: [rung] })).toEqual([]);
  });

  test('and exceptions whose condition no rung’s severity can meet', () => {
    const exceptions = [{ ...SOUND_EXCEPTION, condition: 'detection.priority > 4' }];
    expect(codes({ exceptions })).toEqual(['NeverMatches spec.exceptions[0].condition']);
  });
});
