// Inputs as text for people: whole where they are short, with the middle left out where they are long.

const MAX_TEXT = 200;
const MAX_SHOWN = 8_000;

/** The input as JSON; long strings and bytes are cut, and what JSON does not have is named. */
export function shown(input: unknown): string {
  const text = JSON.stringify(input, forPeople, 1) ?? String(input);
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)} ... ${text.length} characters`;
}

function forPeople(this: unknown, key: string, value: unknown): unknown {
  // Buffers turn themselves into lists of numbers before they get here.
  const raw = (this as Record<string, unknown>)[key];
  if (raw instanceof Uint8Array) return cut(`bytes: ${Buffer.from(raw).toString('latin1')}`);
  if (typeof value === 'string') return cut(value);
  if (value === undefined) return '(undefined)';
  if (typeof value === 'bigint' || typeof value === 'function') return String(value);
  return value instanceof Error ? `${value.name}: ${value.message}` : value;
}

function cut(text: string): string {
  if (text.length <= MAX_TEXT) return text;
  return `${text.slice(0, MAX_TEXT)} ... ${text.length} characters`;
}
