// Amounts of resources as Kubernetes writes them (`100m`, `1Gi`, `2e3`), exactly.

/** Nano-units in one: the finest that Kubernetes tells apart. */
const NANO = 1_000_000_000n;
const PARTS = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?[0-9]{1,2}|[numkMGTPE]?)$/;
const MAX_LENGTH = 64;

const BINARY: Readonly<Record<string, bigint>> = {
  Ki: 1n << 10n,
  Mi: 1n << 20n,
  Gi: 1n << 30n,
  Ti: 1n << 40n,
  Pi: 1n << 50n,
  Ei: 1n << 60n,
};
const DECIMAL: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};

/**
 * Reads an amount.
 * @returns nano-units, rounded up as Kubernetes does; undefined if it is no amount.
 */
export function nanosOf(text: string): bigint | undefined {
  const parts = text.length <= MAX_LENGTH ? PARTS.exec(text) : null;
  const [, sign = '', whole = '', fraction = '', suffix = ''] = parts ?? [];
  if (whole + fraction === '') return undefined;
  const digits = BigInt(whole + fraction) * NANO;
  const exponent = exponentOf(suffix) - fraction.length;
  const scaled = digits * (BINARY[suffix] ?? 1n) * (exponent > 0 ? 10n ** BigInt(exponent) : 1n);
  const divisor = exponent < 0 ? 10n ** BigInt(-exponent) : 1n;
  const rounded = (scaled + divisor - 1n) / divisor;
  return sign === '-' ? -rounded : rounded;
}

function exponentOf(suffix: string): number {
  if (Object.hasOwn(BINARY, suffix)) return 0;
  return DECIMAL[suffix] ?? Number(suffix.slice(1));
}
