// Patterns: what `*` stands for, that all else is literal, and that no text makes a pattern slow.
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { compileGlob } from '../../../src/decide/glob.ts';

/** The obvious matcher, exponential but right: for short texts only. */
function oracle(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  if (pattern.startsWith('*')) {
    return oracle(pattern.slice(1), text) || (text !== '' && oracle(pattern, text.slice(1)));
  }
  return pattern[0] === text[0] && oracle(pattern.slice(1), text.slice(1));
}

/** Runs the match and returns where each search of a part began and what it found. */
function searches(pattern: string, text: string): { matched: boolean; from: number[]; found: number[] } {
  const matches = compileGlob(pattern);
  const spy = vi.spyOn(String.prototype, 'indexOf');
  const matched = matches(text);
  const from = spy.mock.calls.map(([, at]) => at ?? 0);
  const found = spy.mock.results.map(({ value }) => value as number);
  spy.mockRestore();
  return { matched, from, found };
}

describe('matches', () => {
  test.each([
    ['', ''],
    ['*', ''],
    ['*', 'anything\nat all'],
    ['**', ''],
    ['DIE *', 'DIE Drift'],
    ['DIE *', 'DIE '],
    ['*drift', 'drift'],
    ['a*b*c', 'abc'],
    ['a*b*c', 'a-b-b-c'],
    ['*aa*aa*', 'aaaa'],
    ['ab*ba', 'abba'],
    ['registry.example/shop/*', 'registry.example/shop/web:1'],
    ['a.c', 'a.c'],
    ['[ab]?', '[ab]?'],
    ['$&', '$&'],
    ['*\u{1F600}', 'x\u{1F600}'],
  ])('%j with %j', (pattern, text) => expect(compileGlob(pattern)(text)).toBe(true));
});

describe('does not match', () => {
  test.each([
    ['', 'a'],
    ['a', ''],
    ['DIE *', 'die drift'],
    ['DIE *', 'XDIE drift'],
    ['*drift', 'drifted'],
    ['a.c', 'abc'],
    ['[ab]', 'a'],
    ['a?', 'ab'],
    // Head and tail may not share characters.
    ['ab*ba', 'aba'],
    ['a*a', 'a'],
    ['*aa*aa*', 'aaa'],
    // Nor may a part in the middle reach into the tail.
    ['*ab*b', 'ab'],
    ['a*c*c', 'abc'],
    ['registry.example/shop/*', 'registry.example.evil/shop/web'],
  ])('%j with %j', (pattern, text) => expect(compileGlob(pattern)(text)).toBe(false));
});

test('agrees with the obvious matcher on any short pattern and text', () => {
  const letters = fc.constantFrom('a', 'b', '*');
  const pattern = fc.array(letters, { maxLength: 8 }).map((parts) => parts.join(''));
  const text = fc.array(letters, { maxLength: 9 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(pattern, text, (p, t) => {
      expect(compileGlob(p)(t)).toBe(oracle(p, t));
    }),
    { numRuns: 2000 },
  );
});

test('takes every text without a star literally', () => {
  const literal = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('*'));
  fc.assert(
    fc.property(literal, literal, (a, b) => {
      expect(compileGlob(a)(a)).toBe(true);
      expect(compileGlob(a)(b)).toBe(a === b);
      expect(compileGlob(`*${a}*`)(`${b}${a}${b}`)).toBe(true);
    }),
  );
});

describe('a hostile text of 100 kB', () => {
  const TEXT = 'a'.repeat(100_000);
  afterEach(() => void vi.restoreAllMocks());

  // Each of these takes a backtracking matcher longer than the universe has lasted.
  test.each([
    ['many parts, no end', `${'*a'.repeat(250)}*b`, false],
    ['many parts, another end', `${'a*'.repeat(256)}b`, false],
    ['long parts that nearly match', `*${'a'.repeat(255)}*${'a'.repeat(254)}b*`, false],
    ['many parts that match', '*a'.repeat(256), true],
    ['a first part that is missing', `*b${'*a'.repeat(200)}*`, false],
  ])('is decided: %s', (_, pattern, matched) => expect(compileGlob(pattern)(TEXT)).toBe(matched));

  test('is read once: each part is searched once, from where the one before it ended', () => {
    const parts = 255;
    const { matched, from, found } = searches(`${'*a'.repeat(parts)}*a`, TEXT);
    expect(matched).toBe(true);
    expect(from).toEqual(Array.from({ length: parts }, (_, index) => index));
    expect(found).toEqual(from);
  });

  test('is given up at the first part that is not there', () => {
    const { matched, from } = searches(`*a*b${'*a'.repeat(200)}*`, TEXT);
    expect(matched).toBe(false);
    expect(from).toEqual([0, 1]);
  });

  test('is not searched at all if its end is wrong', () => {
    expect(searches(`${'*a'.repeat(255)}b`, TEXT)).toEqual({ matched: false, from: [], found: [] });
  });

  test('takes as many searches as one of 50 kB', () => {
    const pattern = `${'*ab'.repeat(100)}*a`;
    const text = 'ab'.repeat(50_000) + 'a';
    const half = 'ab'.repeat(25_000) + 'a';
    expect(searches(pattern, text).from).toEqual(searches(pattern, half).from);
  });
});
