// Numbers of bytes as policies write them (`512Ki`, `256Mi`, `2Gi`).
import { QuantitySchema } from '../api/policy.ts';

const UNITS: Readonly<Record<string, number>> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 };
const PARTS = /^(\d+)(Ki|Mi|Gi)$/;

/** The most that a policy can ask for, in bytes; see {@link parseQuantity}. */
const MAX_BYTES = 64 * 2 ** 30;

/**
 * Reads a number of bytes.
 * @returns bytes, a safe integer.
 * @throws RangeError if the text is no such number; the message is for people.
 */
export function parseQuantity(text: string): number {
  const parts = QuantitySchema.safeParse(text).success ? PARTS.exec(text) : null;
  const bytes = Number(parts?.[1]) * (UNITS[parts?.[2] ?? ''] ?? NaN);
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new RangeError(
    `${JSON.stringify(text.slice(0, 32))} is no number of bytes: write a whole number of Ki, Mi or Gi, as in 256Mi`,
  );
}

/**
 * Reads a number of bytes of an incident. People can edit records, and other versions write them: what is none, or is more
 * than a policy can ask for, counts as the most that one can.
 */
export function recordedBytes(text: string): number {
  try {
    return Math.min(parseQuantity(text), MAX_BYTES);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return MAX_BYTES;
  }
}
