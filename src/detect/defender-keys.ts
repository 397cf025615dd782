// Reads objects of Microsoft Defender for Cloud: their keys are in camelCase or in PascalCase by the way they came, and what
// is an object in one form is JSON in a text in another.
import { parseJson } from './json.ts';

/** An object by its keys in lower case. */
export type Keyed = ReadonlyMap<string, unknown>;

/**
 * The object by its keys in lower case, and in their order, so that what is read does not depend on how they were ordered: of
 * two that differ only in case it is the one that comes first in that of code units. Undefined for what is none.
 */
export function keyed(value: unknown): Keyed | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  // A map, as keys are the sender's: none of them can reach a prototype.
  const all = new Map<string, unknown>();
  for (const [key, inner] of Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const name = key.toLowerCase();
    if (!all.has(name)) all.set(name, inner);
  }
  return all;
}

/** The alert itself: the Alerts REST API and the export to Event Hubs put it into `properties`. Undefined for no object. */
export function unwrapped(told: unknown): Keyed | undefined {
  const outer = keyed(told);
  const inner = keyed(outer?.get('properties'));
  if (!outer || !inner || outer.has('alerttype')) return outer;
  return new Map([...inner, ['resource name', outer.get('name')]]);
}

/** Whether it is meant to be an alert, good or not. */
export function isAlert(told: unknown): boolean {
  return unwrapped(told)?.has('alerttype') === true;
}

/** The first of the keys that holds a text that is not empty. @param names in lower case. */
export function textOf(from: Keyed | undefined, ...names: string[]): string | undefined {
  return names
    .map((name) => from?.get(name))
    .find((value): value is string => typeof value === 'string' && value !== '');
}

/**
 * What a text holds as JSON, or the value itself if it is no text; an empty text is absent. Undefined: it is not JSON, is nested
 * too deep, or has a key that is not accepted.
 */
export function unpacked(value: unknown): { value: unknown } | undefined {
  if (typeof value !== 'string') return { value };
  if (value.trim() === '') return { value: undefined };
  const read = parseJson(value);
  return 'problem' in read ? undefined : read;
}

/** What is a list; an empty one for anything else. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}
