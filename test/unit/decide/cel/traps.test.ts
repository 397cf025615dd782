// Where the library differs from CEL or is dangerous, and that conditions do not: what changes in a later version shows.
import { describe, expect, test } from 'vitest';
import { celLibrary, compilePattern } from '../../../../src/decide/cel/library.ts';
import { refusal, verdict } from './support.ts';

/** What the library says of an expression, without any guard of ours. */
function unguarded(source: string, bindings: NonNullable<Parameters<typeof run>[1]> = {}): unknown {
  const { isCelError } = celLibrary();
  const value = run(source, bindings);
  return isCelError(value) ? 'Error' : value;
}
const { run } = celLibrary();

describe('the library takes, and conditions refuse', () => {
  test.each([
    ['a number beyond 64 bits', '9223372036854775808 > 1', true],
    ['an unknown name as a value', '__proto__ == "x"', false],
    ['an unknown type as unequal', 'type(1) == int', true],
    ['numbers of other types as equal', '1.0 == 1 && 1u == 1', true],
    ['types that never fit', '1 == "1"', false],
    ['a null that has() does not see', 'has({"a": null}.a)', false],
    ['seconds for milliseconds', 'timestamp(1000) == timestamp("1970-01-01T00:00:01Z")', true],
  ])('%s', (_, source, said) => {
    expect(unguarded(source)).toBe(said);
    expect(refusal(source)).toMatch(/\S/);
  });
});

describe('the library fails late, and conditions are refused', () => {
  test.each([
    '1 + "a" == 2',
    'nix(1)',
    'nix == 1',
    '"a".matches("(?=a)")',
    'duration("1d") == duration("24h")',
  ])('%s', (source) => {
    expect(unguarded(source)).toBe('Error');
    expect(refusal(source)).toMatch(/^at character \d+: /);
  });
});

describe('the library reads as a number, and conditions do not', () => {
  test.each(['', ' ', '0x10', ' 7 '])('%j', (text) => {
    expect(unguarded('int(text) >= 0', { text })).toBe(true);
    expect(verdict('int(detection.rule) >= 0', { detection: { rule: text } })).toBe('Error');
  });
});

test('the library keeps what it matched, and its reset() does nothing', () => {
  const pattern = compilePattern('(a|b)*a(a|b){5}$');
  pattern.test('abaabbbabab'.repeat(9));
  const { stateCount } = pattern.re2().dfa;
  pattern.reset();
  expect(stateCount).toBeGreaterThan(1);
  expect(pattern.re2().dfa.stateCount).toBe(stateCount);
});

test('the library has no limit of how often a comprehension goes round within others', () => {
  const list = Array.from({ length: 20 }, () => 'x');
  const source = 'l.all(a, l.all(b, l.all(c, true)))';
  expect(unguarded(source, { l: list })).toBe(true);
  expect(refusal(source.replaceAll('l.all', 'pod.images.all'))).toMatch(/at most one comprehension/);
});

test('an integer is one only as a BigInt', () => {
  expect(unguarded('n + 1 == 3', { n: 2 })).toBe('Error');
  expect(unguarded('n + 1 == 3', { n: 2n })).toBe(true);
  expect(verdict('detection.priority + 1 == 3')).toBe('True');
});
