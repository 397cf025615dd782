// A pattern that is said to stand for whole texts matches nothing else.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matchesOneText } from '../../../src/lint/whole-text.ts';

test.each([
  ['^/a$', true],
  ['\\A/a\\z', true],
  ['^/a\\.b$', true],
  ['^(/a|/b)$', true],
  ['^(?:/a|/b)$', true],
  ['/a', false],
  ['^/a', false],
  ['/a$', false],
  ['^/a.b$', false],
  ['^/a\\$', false],
  ['^/a|/b$', false],
  ['^(/a|/b)/c$', false],
  ['^/[ab]$', false],
  ['^/a{2}$', false],
  ['^/a?$', false],
  ['^/\\w$', false],
  ['(?i)^/a$', false],
  ['^(?i)/a$', false],
  ['', false],
])('%s: %s', (pattern, whole) => {
  expect(matchesOneText(pattern)).toBe(whole);
});

const CHARACTERS = ['/', 'a', '.'];
const strings = (length: number): string[] =>
  length === 0 ? [''] : strings(length - 1).flatMap((text) => CHARACTERS.map((each) => text + each));
const TEXTS = [0, 1, 2, 3, 4].flatMap(strings);

test('of all short texts it matches at most as many as it writes', () => {
  const token = fc.constantFrom(
    '^',
    '$',
    '(',
    ')',
    '(?:',
    '|',
    '/',
    'a',
    '\\.',
    '.',
    '*',
    '+',
    '?',
    '[a/]',
    '\\w',
    '{2}',
  );
  fc.assert(
    fc.property(fc.array(token, { maxLength: 8 }), fc.boolean(), (tokens, anchored) => {
      const pattern = anchored ? `^${tokens.join('')}$` : tokens.join('');
      const compiled = compile(pattern);
      if (compiled === undefined || !matchesOneText(pattern)) return;
      const matched = TEXTS.filter((text) => compiled.test(text));
      expect(matched.length).toBeLessThanOrEqual(pattern.split('|').length);
    }),
    { numRuns: 5000 },
  );
});

function compile(pattern: string): RegExp | undefined {
  try {
    return new RegExp(pattern, 'v');
  } catch {
    return undefined;
  }
}
