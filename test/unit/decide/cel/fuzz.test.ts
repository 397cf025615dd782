// Random conditions on random inputs: compiling never throws, and evaluating always says one of three words.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileCondition } from '../../../../src/decide/cel/condition.ts';
import type { ConditionInput } from '../../../../src/decide/cel/input.ts';
import { compiled, input } from './support.ts';

/** Text of all kinds: words, NUL, halves of characters, much of the same, names that JavaScript knows. */
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string(),
  fc.constantFrom(
    '',
    '\u0000',
    '\ud800',
    'a\udc00',
    '__proto__',
    'constructor',
    'a'.repeat(1024),
    '-1',
    '7',
    '{}',
  ),
  fc.nat(0xffff).map((code) => String.fromCharCode(code)),
);
const texts = fc.array(text, { maxLength: 40 });
const map = fc.dictionary(text, text, { maxKeys: 70 });

const inputs: fc.Arbitrary<ConditionInput> = fc
  .record({ a: text, b: text, texts, map, other: map, priority: fc.integer(), flag: fc.boolean() })
  .map(({ a, b, texts: list, map: fields, other, priority, flag }) =>
    input({
      detection: {
        rule: a,
        executable: b,
        tags: list,
        fields,
        priority,
        time: flag ? a : input().detection.time,
      },
      pod: { name: b, labels: other, images: list, hostNetwork: flag },
      container: { image: a, imageID: b },
    }),
  );

const strings = fc.constantFrom(
  'pod.name',
  'detection.rule',
  'detection.executable',
  'container.image',
  '"a"',
  '""',
  '"constructor"',
  'pod.labels["app"]',
  'detection.fields.__proto__',
  'pod.images[0]',
  'string(detection.priority)',
);
const numbers = fc.constantFrom(
  'detection.priority',
  '7',
  'size(pod.name)',
  'int(detection.rule)',
  '-1',
  'pod.images.size()',
);
const lists = fc.constantFrom(
  'pod.images',
  'detection.tags',
  'pod.labels',
  'detection.fields',
  '["a", "b"]',
  '[]',
);
const terms = fc.oneof(
  fc
    .tuple(strings, fc.constantFrom('==', '!=', 'in'), strings)
    .map(([a, is, b]) => (is === 'in' ? `${a} in [${b}]` : `${a} ${is} ${b}`)),
  fc
    .tuple(strings, fc.constantFrom('startsWith', 'endsWith', 'contains'), strings)
    .map(([a, does, b]) => `${a}.${does}(${b})`),
  fc
    .tuple(strings, fc.constantFrom('^(a+)+$', '.', '^$', '(?i)CON', '(a|b)*c$'))
    .map(([a, is]) => `${a}.matches("${is}")`),
  fc.tuple(numbers, fc.constantFrom('==', '<', '>='), numbers).map(([a, is, b]) => `${a} ${is} ${b} / ${a}`),
  fc
    .tuple(lists, fc.constantFrom('exists', 'all', 'exists_one'), strings)
    .map(([list, quantor, a]) => `${list}.${quantor}(x, x == ${a})`),
  fc.tuple(lists, strings).map(([list, a]) => `${a} in ${list}`),
  fc.constantFrom('pod.hostNetwork', 'true', 'detection.time.getHours() > 7', 'has(pod.labels.app)'),
);
/** Conditions that are well typed. */
const conditions = fc
  .array(fc.tuple(terms, fc.constantFrom('&&', '||')), { minLength: 1, maxLength: 5 })
  .map((parts) =>
    parts.map(([term, and], index) => (index === 0 ? `!(${term})` : `${and} (${term})`)).join(' '),
  )
  .filter((source) => source.length <= 1024);

const mutations = fc.record({
  at: fc.nat(200),
  remove: fc.nat(8),
  insert: fc.oneof(
    fc.string({ maxLength: 6 }),
    fc.constantFrom(
      '(',
      ')',
      '[',
      '"',
      '.',
      '&&',
      '__proto__',
      '.matches(',
      '{',
      '\\',
      '\u0000',
      '\ud800',
      '9'.repeat(40),
    ),
  ),
});

function mutate(
  source: string,
  { at, remove, insert }: { at: number; remove: number; insert: string },
): string {
  const place = at % (source.length + 1);
  return source.slice(0, place) + insert + source.slice(place + remove);
}

/** Fails if anything is thrown, or if anything else is said than the three words. */
function expectAnswers(source: string, given: ConditionInput): void {
  const compilation = compileCondition(source);
  const said = compilation.ok ? compilation.condition.evaluate(given) : `Refused: ${compilation.message}`;
  expect(said).toMatch(/^(True|False|Error|Refused: \S)/);
}

describe('compiling never throws, and evaluating says one of three words', () => {
  test('for any text', () => {
    fc.assert(fc.property(text, inputs, expectAnswers), { numRuns: 300 });
  });

  test('for texts of the tokens of CEL', () => {
    const tokens = fc.constantFrom(
      'pod',
      '.',
      'name',
      '(',
      ')',
      '[',
      ']',
      '"a"',
      '==',
      '&&',
      '!',
      '-',
      '1',
      ',',
      'x',
      '?',
      ':',
      'in',
      '{',
      '}',
      'exists',
      'map',
      'labels',
      'matches',
      'has',
      'size',
      'true',
      'detection',
      'tags',
      ' ',
    );
    const sources = fc.array(tokens, { maxLength: 30 }).map((parts) => parts.join(''));
    fc.assert(fc.property(sources, inputs, expectAnswers), { numRuns: 500 });
  });

  test('for conditions with a mistake in them', () => {
    const mistaken = fc
      .tuple(conditions, fc.array(mutations, { minLength: 1, maxLength: 3 }))
      .map(([source, changes]) => changes.reduce(mutate, source));
    fc.assert(fc.property(mistaken, inputs, expectAnswers), { numRuns: 500 });
  });

  test('for patterns with a mistake in them', () => {
    const patterns = fc
      .tuple(fc.constantFrom('^(a+)+$', '[a-z]{2,3}', '(?i)x|y', String.raw`\pL*\d`), mutations)
      .map(([pattern, change]) => `pod.name.matches(${JSON.stringify(mutate(pattern, change))})`);
    fc.assert(fc.property(patterns, inputs, expectAnswers), { numRuns: 300 });
  });
});

test('a condition that is well typed is taken', () => {
  fc.assert(
    fc.property(conditions, (source) => {
      expect(compiled(source).evaluate(input())).toMatch(/^(True|False|Error)$/);
    }),
    { numRuns: 300 },
  );
});

test('a condition says the same of the same input, whatever it saw in between', () => {
  fc.assert(
    fc.property(conditions, inputs, inputs, (source, one, other) => {
      const condition = compiled(source);
      const first = condition.evaluate(one);
      condition.evaluate(other);
      expect(condition.evaluate(one)).toBe(first);
    }),
    { numRuns: 200 },
  );
});

test('a condition and its negation never both hold', () => {
  fc.assert(
    fc.property(conditions, inputs, (source, given) => {
      const opposite = { True: 'False', False: 'True', Error: 'Error' } as const;
      expect(compiled(`!(${source})`).evaluate(given)).toBe(opposite[compiled(source).evaluate(given)]);
    }),
    { numRuns: 200 },
  );
});
