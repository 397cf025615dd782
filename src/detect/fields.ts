// What an alert tells besides, as texts for the conditions of policies.
import { FIELD_LIMITS } from '../api/detection.ts';
import { cleanText } from './sanitize.ts';

/**
 * The fields of an alert that are texts, numbers or booleans; `null` is absent. Cleaned and cut to {@link FIELD_LIMITS}.
 * Where all together are too long the longest are cut to the same length: a process can make its command line as long as it
 * likes, and must not push out another field by that.
 */
export function keptFields(told: Readonly<Record<string, unknown>>): Record<string, string> {
  const texts = Object.entries(told)
    .flatMap(([name, value]) => entryOf(name, value))
    .toSorted(([a], [b]) => a.length - b.length || (a < b ? -1 : 1))
    .slice(0, FIELD_LIMITS.fields);
  const names = texts.reduce((sum, [name]) => sum + name.length, 0);
  const longest = sharedLength(
    texts.map(([, value]) => value.length),
    FIELD_LIMITS.total - names,
  );
  return Object.fromEntries(texts.map(([name, value]) => [name, cleanText(value, longest)]));
}

/** The length to which texts have to be cut so that all together fit into the room. */
function sharedLength(lengths: readonly number[], room: number): number {
  const sorted = lengths.toSorted((a, b) => a - b);
  let left = Math.max(0, room);
  for (const [index, length] of sorted.entries()) {
    const share = Math.floor(left / (sorted.length - index));
    if (length > share) return share;
    left -= length;
  }
  return FIELD_LIMITS.value;
}

function entryOf(name: string, value: unknown): [string, string][] {
  if (name.length > FIELD_LIMITS.name || name === '') return [];
  // A number may be too large for one: 1e999.
  if (typeof value !== 'string' && typeof value !== 'boolean' && !Number.isFinite(value)) return [];
  return [[cleanText(name, FIELD_LIMITS.name), cleanText(String(value), FIELD_LIMITS.value)]];
}
