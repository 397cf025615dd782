// Amounts of resources, as Kubernetes reads them.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nanosOf } from '../../../src/decide/resource-quantity.ts';

test.for<[string, bigint]>([
  ['0', 0n],
  ['1', 1_000_000_000n],
  ['100m', 100_000_000n],
  ['0.1', 100_000_000n],
  ['.5', 500_000_000n],
  ['5.', 5_000_000_000n],
  ['1Gi', 1_073_741_824_000_000_000n],
  ['1.5Gi', 1_610_612_736_000_000_000n],
  ['1G', 1_000_000_000_000_000_000n],
  ['2e3', 2_000_000_000_000n],
  ['2E3', 2_000_000_000_000n],
  ['12e-1', 1_200_000_000n],
  ['2E', 2_000_000_000_000_000_000_000_000_000n],
  ['3n', 3n],
  ['3u', 3_000n],
  ['0.1n', 1n],
  ['-1', -1_000_000_000n],
  ['+1k', 1_000_000_000_000n],
])('%s', ([text, nanos]) => {
  expect(nanosOf(text)).toBe(nanos);
});

test.for(['', '-', '.', 'Gi', '1 Gi', '1gi', '1KiB', '0x10', '1e', '1e999', '1e1Gi', '9'.repeat(80)])(
  '%j is no amount',
  (text) => {
    expect(nanosOf(text)).toBeUndefined();
  },
);

test('whole numbers and milli-units agree for any number', () => {
  fc.assert(
    fc.property(fc.nat(), (n) => {
      expect(nanosOf(`${n}`)).toBe(nanosOf(`${n}000m`));
    }),
  );
});
