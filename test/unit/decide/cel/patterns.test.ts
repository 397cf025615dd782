// Regular expressions: RE2's, written out, checked when they are compiled, and harmless whatever text they read.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createPatterns, patternSize } from '../../../../src/decide/cel/patterns.ts';
import { compiled, input, refusal, verdict } from './support.ts';

describe('a pattern', () => {
  test.each(['(?=a)', '(?!a)', '(?<=a)', String.raw`(a)\1`, '(', '[', 'a**', '*', String.raw`\p{Nix}`])(
    '%s is refused, as RE2 has no such',
    (pattern) => {
      const message = refusal(`pod.name.matches(${JSON.stringify(pattern)})`);
      expect(message).toMatch(/^at character 18: error parsing regexp/);
    },
  );

  test.each(['detection.rule', 'pod.labels.app', '"a" + "b"', 'string(1)', 'pod.images[0]'])(
    '%s is refused, as it is not written out',
    (pattern) => {
      expect(refusal(`pod.name.matches(${pattern})`)).toMatch(/the pattern of matches must be written out/);
    },
  );

  test('is not taken from a list that is written out either', () => {
    expect(refusal('["a", "b"].exists(p, pod.name.matches(p))')).toMatch(/must be written out/);
  });

  test.each(['(a{100}){100}', `(${String.raw`\pL`.repeat(20)}){500}`, '(a?){100}a{100}'])(
    '%s is refused before it is compiled, as its counts make it too large',
    (pattern) => {
      expect(refusal(`pod.name.matches(${JSON.stringify(pattern)})`)).toMatch(/its counts, as in \{64\}/);
    },
  );

  test.each([
    [String.raw`^sha256:[0-9a-f]{64}$`, `sha256:${'a'.repeat(64)}`],
    [String.raw`[0-9a-f]{8}(-[0-9a-f]{4}-[0-9a-f]{4})`, '01234567-0123-4567'],
    ['^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{12}$', '01234567-0123-0123456789ab'],
    [String.raw`^([0-9]{1,3}\.){3}[0-9]{1,3}$`, '10.0.0.1'],
    [String.raw`\.(sh|py|pl)$`, '/tmp/run.py'],
    [String.raw`^.$`, '😀'],
    ['(?i)straße', 'STRAßE'],
  ])('%s of ordinary size is taken and matches', (pattern, text) => {
    const condition = compiled(`detection.executable.matches(${JSON.stringify(pattern)})`);
    expect(condition.evaluate(input({ detection: { executable: text } }))).toBe('True');
    expect(condition.evaluate(input({ detection: { executable: '\n\n' } }))).toBe('False');
  });

  test('may be part of several terms', () => {
    expect(verdict('pod.images.exists(i, i.matches("^nginx")) && !pod.name.matches("^nginx")')).toBe('True');
  });

  test('is not matched with what is joined to more than a condition sees of one text', () => {
    expect(refusal('(detection.rule + detection.executable).matches("a")')).toMatch(
      /at most 1024 characters/,
    );
    expect(verdict('(pod.images[0] + container.image).matches("nginx")')).toBe('True');
  });
});

describe('text that would stop a backtracking engine', () => {
  test.each(['^(a+)+$', '^(a|a)*$', '^(a|aa)+$', '(.*a){5}$', '^(a?){20}a{20}$'])('%s ends', (pattern) => {
    const executable = `${'a'.repeat(1023)}!`;
    expect(verdict(`detection.executable.matches("${pattern}")`, { detection: { executable } })).toBe(
      'False',
    );
  });
});

describe('matching', () => {
  test('keeps nothing of the text in memory', () => {
    const patterns = createPatterns();
    const pattern = patterns.add('(a|b)*a(a|b){9}$');
    expect(patterns.compile('(a|b)*a(a|b){9}$').test('aabbabab'.repeat(99))).toBe(true);
    const { dfa } = pattern.re2();
    expect([dfa.stateCache.size, dfa.stateCount, dfa.startState]).toEqual([0, 0, null]);
  });

  test('would keep it otherwise', () => {
    const pattern = createPatterns().add('(a|b)*a(a|b){9}$');
    pattern.test('aabbabab'.repeat(99));
    expect(pattern.re2().dfa.stateCount).toBeGreaterThan(8);
  });

  test('never makes so many states that the library falls back to quadratic time', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ab]{1,1024}$/), (text) => {
        const patterns = createPatterns();
        const { dfa } = patterns.add('(a|b)*a(a|b){14}$').re2();
        for (let round = 0; round < 12; round++)
          patterns.compile('(a|b)*a(a|b){14}$').test(text + 'b'.repeat(round));
        expect([dfa.cacheClears, dfa.failed]).toEqual([0, false]);
      }),
      { numRuns: 20 },
    );
  });

  test('says what JavaScript says where both know the pattern', () => {
    const sources = [
      '^(a+)+$',
      'a.c',
      '(ab|a)(c|bcd)(d*)',
      '^[^a]*$',
      String.raw`\bab\b`,
      'a{2,3}b?',
      '^$',
      '(a|b)*c$',
    ];
    const patterns = createPatterns();
    for (const source of sources) patterns.add(source);
    fc.assert(
      fc.property(fc.constantFrom(...sources), fc.stringMatching(/^[abcd ]{0,20}$/), (source, text) => {
        expect(patterns.compile(source).test(text)).toBe(new RegExp(source).test(text));
      }),
    );
  });

  test('has no pattern that was not written out', () => {
    expect(() => createPatterns().compile('a')).toThrow('the pattern is no literal of the condition');
  });
});

test('the size of a pattern is that of its program', () => {
  const patterns = createPatterns();
  expect(patternSize(patterns.add('(a{100})'))).toBeGreaterThan(100);
  expect(patternSize(patterns.add('a'))).toBeLessThan(10);
});
