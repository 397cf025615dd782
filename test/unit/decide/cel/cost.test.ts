// Estimates of time: what reads more is never said to cost less, and what yields more is never said to be smaller.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { callBounds, callCost, matchCost, NOTHING, type Bounds } from '../../../../src/decide/cel/cost.ts';

const NAMES = [
  '_==_',
  '_+_',
  '@in',
  '_[_]',
  'size',
  'contains',
  'startsWith',
  'string',
  'timestamp',
  'getHours',
];
const bounds: fc.Arbitrary<Bounds> = fc.record({ size: fc.nat(128), length: fc.nat(1024) });
const larger = ({ size, length }: Bounds): Bounds => ({ size: size + 1, length: length + 1 });

test('more to read never costs less', () => {
  fc.assert(
    fc.property(fc.constantFrom(...NAMES), fc.array(bounds, { minLength: 1, maxLength: 2 }), (name, args) => {
      expect(callCost(name, args.map(larger))).toBeGreaterThanOrEqual(callCost(name, args));
      expect(callCost(name, args)).toBeGreaterThan(0);
    }),
  );
});

test('a longer text or pattern costs more to match', () => {
  fc.assert(
    fc.property(bounds, fc.integer({ min: 1, max: 1000 }), (text, steps) => {
      expect(matchCost(larger(text), steps)).toBeGreaterThan(matchCost(text, steps));
      expect(matchCost(larger(text), steps + 1)).toBeGreaterThan(matchCost(larger(text), steps));
    }),
  );
});

test.each([
  [
    '_+_',
    [
      { size: 0, length: 3 },
      { size: 0, length: 4 },
    ],
    { size: 0, length: 7 },
  ],
  [
    '_+_',
    [
      { size: 2, length: 3 },
      { size: 5, length: 4 },
    ],
    { size: 7, length: 4 },
  ],
  ['_?_:_', [NOTHING, { size: 2, length: 3 }, { size: 1, length: 9 }], { size: 2, length: 9 }],
  ['_[_]', [{ size: 64, length: 512 }, NOTHING], { size: 0, length: 512 }],
  ['string', [{ size: 0, length: 1024 }], { size: 0, length: 1024 }],
  ['string', [NOTHING], { size: 0, length: 40 }],
  [
    '_==_',
    [
      { size: 1, length: 1 },
      { size: 1, length: 1 },
    ],
    NOTHING,
  ],
])('%s of %j is at most %j', (name, args, expected) => {
  expect(callBounds(name, args)).toEqual(expected);
});
