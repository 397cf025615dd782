// Texts of objects are somebody else's: what a terminal obeys, or what hides or reorders text, is shown as an escape.

const DECEPTIVE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** The value with every text in it safe to print, keys included. */
export function visible<T>(value: T): T {
  return map(value) as T;
}

/** JSON with two spaces of indentation and a line break at its end, safe to print; it reads back to the same value. */
export function visibleJson(value: unknown): string {
  const json = JSON.stringify(value, undefined, 2);
  return `${json.replaceAll(DECEPTIVE, (character) => (character === '\n' ? character : escapeUnits(character)))}\n`;
}

function map(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(DECEPTIVE, escapePoint);
  if (Array.isArray(value)) return value.map(map);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [map(key), map(inner)]));
}

function escapePoint(character: string): string {
  return `\\u{${character.codePointAt(0)?.toString(16)}}`;
}

// JSON has escapes of four digits only: one for each half of a pair.
function escapeUnits(character: string): string {
  return [...Array(character.length).keys()]
    .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
    .join('');
}
