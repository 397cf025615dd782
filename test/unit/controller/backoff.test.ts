// The wait after a failure doubles, is partly random, and has both ends.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FIRST_WAIT_MS, LONGEST_WAIT_MS, retryDelay } from '../../../src/controller/backoff.ts';

const LEAST = () => 0;
const MOST = () => 1 - Number.EPSILON;

test.each([
  [1, 500, 1000],
  [2, 1000, 2000],
  [5, 8000, 16_000],
  [6, 15_000, 30_000],
  [9, 15_000, 30_000],
  [2000, 15_000, 30_000],
])('after %i failures it is from %i to %i ms', (failures, least, most) => {
  expect(retryDelay(failures, LEAST)).toBe(least);
  expect(retryDelay(failures, MOST)).toBeCloseTo(most, 3);
});

test('it never leaves the range of half a second to half a minute', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5000 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (failures, random) => {
        const delay = retryDelay(failures, () => random);
        expect(delay).toBeGreaterThanOrEqual(FIRST_WAIT_MS);
        expect(delay).toBeLessThanOrEqual(LONGEST_WAIT_MS);
      },
    ),
  );
});
