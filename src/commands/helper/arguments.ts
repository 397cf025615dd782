// Arguments of helper programs: the operator gives them, and they are checked all the same.
import { InvalidArgumentError } from 'commander';
import { isIP } from 'node:net';
import type { z } from 'zod';
import { KEY_BYTES } from '../../helpers/capture-wire.ts';

/** A port. @throws InvalidArgumentError */
export function asPort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new InvalidArgumentError('1 to 65535');
  return port;
}

/** An IP address. @throws InvalidArgumentError */
export function asAddress(text: string): string {
  if (isIP(text) === 0) throw new InvalidArgumentError('an IP address');
  return text;
}

/** The key of one connection, in hexadecimal digits. @throws InvalidArgumentError */
export function asKey(text: string): Uint8Array {
  const key = Buffer.from(text, 'hex');
  if (key.length !== KEY_BYTES || key.toString('hex') !== text)
    throw new InvalidArgumentError(`${KEY_BYTES} bytes as hexadecimal digits`);
  return key;
}

/** An order in JSON, or in words why it is none. */
export function readOrder<T extends object>(schema: z.ZodType<T>, text: string): T | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'the order is not JSON';
  }
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  return `the order is not valid: ${issue?.path.join('.')}: ${issue?.message}`;
}
