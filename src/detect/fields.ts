// What an alert tells besides, as texts for the conditions of policies.
import { FIELD_LIMITS } from '../api/detection.ts';
import { cleanText } from './sanitize.ts';

/**
 * The fields of an alert that are texts, numbers or booleans; `null` is absent. Cleaned and cut to {@link FIELD_LIMITS}.
 * Of too many the shortest stay: a process can make its command line long, and must not push out its own name by that.
 */
export function keptFields(told: Readonly<Record<string, unknown>>): Record<string, string> {
  const texts = Object.entries(told)
    .flatMap(([name, value]) => entryOf(name, value))
    .toSorted(([a, x], [b, y]) => a.length + x.length - (b.length + y.length) || (a < b ? -1 : 1));
  let room: number = FIELD_LIMITS.total;
  const kept = texts.slice(0, FIELD_LIMITS.fields).filter(([name, value]) => {
    room -= name.length + value.length;
    return room >= 0;
  });
  // A field may be called __proto__.
  return Object.fromEntries(kept);
}

function entryOf(name: string, value: unknown): [string, string][] {
  if (name.length > FIELD_LIMITS.name || name === '') return [];
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return [];
  return [[cleanText(name, FIELD_LIMITS.name), cleanText(String(value), FIELD_LIMITS.value)]];
}
