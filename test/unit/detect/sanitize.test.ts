import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanText } from '../../../src/detect/sanitize.ts';

describe('cleanText', () => {
  it.each([
    ['keeps ordinary text', '/usr/bin/curl -s x', '/usr/bin/curl -s x'],
    ['keeps letters of all scripts and emoji', 'é漢😀ñ', 'é漢😀ñ'],
    ['replaces escape sequences', '\u001b[31mred', '\uFFFD[31mred'],
    ['replaces line ends and tabs', 'a\r\n\tb', 'a\uFFFD\uFFFD\uFFFDb'],
    ['replaces NUL and DEL and C1', '\0\x7f\x9b', '\uFFFD\uFFFD\uFFFD'],
    ['replaces bidirectional overrides', 'a\u202Egnp.exe', 'a\uFFFDgnp.exe'],
    ['replaces isolates and marks', '\u2066\u2069\u200E\u061C', '\uFFFD\uFFFD\uFFFD\uFFFD'],
    ['replaces zero-width characters', 'ad\u200Bmin\uFEFF', 'ad\uFFFDmin\uFFFD'],
    ['replaces line and paragraph separators', 'a\u2028b\u2029c', 'a\uFFFDb\uFFFDc'],
    ['replaces lone surrogates', 'a\uD800b\uDC00', 'a\uFFFDb\uFFFD'],
    ['keeps what a sender replaced before', 'cut\uFFFD[...]', 'cut\uFFFD[...]'],
    ['replaces invisible tag characters', 'a\u{E0041}b', 'a\uFFFDb'],
  ])('%s', (_what, text, expected) => {
    expect(cleanText(text, 64)).toBe(expected);
  });

  it.each([
    ['abc', 3, 'abc'],
    ['abcd', 3, 'abc'],
    ['ab😀', 3, 'ab'],
    ['ab😀', 4, 'ab😀'],
    ['😀', 1, ''],
    ['', 5, ''],
  ])('cuts %j at %i without splitting a character', (text, max, expected) => {
    expect(cleanText(text, max)).toBe(expected);
  });

  it('gives well-formed text within the limit that it does not change again', () => {
    const text = fc.string({ unit: 'binary', maxLength: 80 });
    fc.assert(
      fc.property(text, fc.nat(60), (input, max) => {
        const cleaned = cleanText(input, max);
        expect(cleaned.length).toBeLessThanOrEqual(max);
        expect(cleaned.isWellFormed()).toBe(true);
        expect(cleaned).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        expect(cleanText(cleaned, max)).toBe(cleaned);
      }),
      { numRuns: 500 },
    );
  });

  it('gives a text that is never longer than the sender wrote, with unpaired surrogates too', () => {
    const units = fc.array(fc.integer({ min: 0xd700, max: 0xe100 }), { maxLength: 20 });
    fc.assert(
      fc.property(units, fc.nat(20), (codes, max) => {
        const cleaned = cleanText(String.fromCharCode(...codes), max);
        expect(cleaned.length).toBeLessThanOrEqual(Math.min(max, codes.length));
        expect(cleaned.isWellFormed()).toBe(true);
      }),
    );
  });
});
