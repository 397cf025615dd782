// Text of others is made safe, and cut where a character ends.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cleanText } from '../../../src/kube/text.ts';

describe('cleaning text', () => {
  test.each([
    ['keeps plain text', 'pods "web" not found', 'pods "web" not found'],
    ['joins lines', 'one\r\ntwo\tthree', 'one two three'],
    ['removes escape sequences', '\u001b[31mred\u001b[0m', '[31mred [0m'],
    ['removes text that reorders what follows', 'safe\u202egnp.exe', 'safe gnp.exe'],
    ['removes C1 controls and zero-width characters', 'a\u0085b\u200bc', 'a b c'],
    ['trims', '\n done \u0000', 'done'],
    ['keeps other scripts', 'Übung 日本 😀', 'Übung 日本 😀'],
    ['repairs half characters', 'x\ud800y', 'x\ufffdy'],
    ['keeps nothing of nothing', '\u0000\u0001', ''],
  ])('%s', (_, given, expected) => {
    expect(cleanText(given, 256)).toBe(expected);
  });

  test.each([
    ['at a byte', 'abcdefgh', 6, 'abc…'],
    ['before a two-byte character', 'abéfgh', 6, 'ab…'],
    ['before a four-byte character', '😀😀😀', 10, '😀…'],
    ['to nothing but the mark', '😀😀', 5, '…'],
  ])('cuts %s', (_, given, max, expected) => {
    expect(cleanText(given, max)).toBe(expected);
  });

  test('does not cut what just fits', () => {
    expect(cleanText('é'.repeat(128), 256)).toBe('é'.repeat(128));
  });

  test('never exceeds the limit, leaves no control character, and is done after once', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 300 }),
        fc.integer({ min: 3, max: 300 }),
        (text, max) => {
          const clean = cleanText(text, max);
          expect(Buffer.byteLength(clean)).toBeLessThanOrEqual(max);
          expect(clean).not.toMatch(/\p{Cc}|\p{Cf}/u);
          expect(clean.isWellFormed()).toBe(true);
          expect(cleanText(clean, max)).toBe(clean);
        },
      ),
    );
  });
});
