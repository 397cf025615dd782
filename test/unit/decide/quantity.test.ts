// Numbers of bytes as policies write them.
import { describe, expect, test } from 'vitest';
import { parseQuantity, recordedBytes } from '../../../src/decide/quantity.ts';
import { validateSpec } from '../../../src/decide/validate.ts';

describe('a number of bytes', () => {
  test.each([
    ['1Ki', 1024],
    ['256Mi', 268_435_456],
    ['2Gi', 2_147_483_648],
  ])('%s is %i', (text, bytes) => {
    expect(parseQuantity(text)).toBe(bytes);
    expect(recordedBytes(text)).toBe(bytes);
  });

  test.each(['', '0Mi', '256', '256M', '1.5Gi', '-1Mi', '1 Gi', '256mi', '9999999999Ki', '1Gi\n'])(
    '%j is none, and in a record counts as the most that a policy can ask for',
    (text) => {
      expect(() => parseQuantity(text)).toThrow(RangeError);
      expect(recordedBytes(text)).toBe(64 * 2 ** 30);
    },
  );
});

describe('evidence in a policy', () => {
  const problems = (evidence: object) => {
    const validation = validateSpec({ responses: [{ name: 'r', actions: ['Capture'] }], evidence });
    return validation.valid ? [] : validation.problems.map(({ path }) => path);
  };

  test.each<[string, object, string[]]>([
    ['the defaults', {}, []],
    ['both ends', { deadline: '10s', maxBytes: '1Mi' }, []],
    ['the other ends', { deadline: '9m', maxBytes: '64Gi' }, []],
    ['a deadline that is too short', { deadline: '9s' }, ['spec.evidence.deadline']],
    ['one that is too long', { deadline: '541s' }, ['spec.evidence.deadline']],
    ['too few bytes', { maxBytes: '1023Ki' }, ['spec.evidence.maxBytes']],
    ['too many', { maxBytes: '65Gi' }, ['spec.evidence.maxBytes']],
    ['no bytes at all', { maxBytes: '12' }, ['spec.evidence.maxBytes']],
    ['a collector that there is not', { collectors: ['Memory'] }, ['spec.evidence.collectors[0]']],
    ['a field that there is not', { store: 's3' }, ['spec.evidence.store']],
  ])('may have %s, or is told where it is wrong', (_what, evidence, paths) => {
    expect(problems(evidence)).toEqual(paths);
  });
});
