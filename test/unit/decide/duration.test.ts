// Durations: what is read, in which units, and what is refused.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDuration, recordedDuration } from '../../../src/decide/duration.ts';

describe('reads', () => {
  test.each([
    ['0s', 0],
    ['90s', 90_000],
    ['10m', 600_000],
    ['24h', 86_400_000],
    ['1h30m', 5_400_000],
    ['1h1s', 3_601_000],
    ['1h2m3s', 3_723_000],
    ['007s', 7000],
    ['8760h', 31_536_000_000],
  ])('%s as %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

  test('any hours, minutes and seconds as their sum', () => {
    const part = fc.nat({ max: 8000 });
    fc.assert(
      fc.property(part, part, part, (hours, minutes, seconds) => {
        expect(parseDuration(`${hours}h${minutes}m${seconds}s`)).toBe(
          ((hours * 60 + minutes) * 60 + seconds) * 1000,
        );
      }),
    );
  });
});

describe('refuses', () => {
  test.each([
    '',
    's',
    '5',
    '10',
    '1.5h',
    '-1h',
    '+1s',
    '1d',
    '10ms',
    '1m1h',
    '1h1h',
    ' 1h',
    '1h ',
    '1h 1m',
    '1H',
    '1h\n',
    '١s',
    '123456s',
    '99999h99999m99999s',
    '__proto__',
  ])('%j, and says how to write one', (text) => {
    expect(() => parseDuration(text)).toThrow(RangeError);
    expect(() => parseDuration(text)).toThrow(/is not a duration: write .* 1h30m/);
  });

  test.each(['8760h1s', '99999h', '8761h'])('%s, as it is longer than a year', (text) => {
    expect(() => parseDuration(text)).toThrow(RangeError);
    expect(() => parseDuration(text)).toThrow(`"${text}" is longer than a year`);
  });

  test('a long text without repeating all of it', () => {
    expect(() => parseDuration('9'.repeat(100_000))).toThrow(/^"9{32}" is not/);
  });
});

/** What becomes of a text: milliseconds, or the refusal. */
function outcome(text: string): unknown {
  try {
    return parseDuration(text);
  } catch (error) {
    return error;
  }
}

test('answers any text with a number of its range or a RangeError', () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^([0-9]{0,6}[hmsd]){0,4}$/));
  fc.assert(
    fc.property(text, (any) => {
      const read = outcome(any);
      const inRange = typeof read === 'number' && read >= 0 && read <= 31_536_000_000;
      expect(inRange || read instanceof RangeError).toBe(true);
    }),
  );
});

describe('a duration in a record', () => {
  test.each(['0s', '90s', '8760h'])('of %s is what it says', (text) => {
    expect(recordedDuration(text)).toBe(parseDuration(text));
  });

  test.each(['8761h', '99999h99999m99999s', '', 'soon'])('of %j counts as a year', (text) => {
    expect(recordedDuration(text)).toBe(365 * 24 * 3_600_000);
  });
});
