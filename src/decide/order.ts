// The order of texts: by code unit, the same on every machine, whatever its locale.

/** Compares two texts, for sorting. */
export function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
