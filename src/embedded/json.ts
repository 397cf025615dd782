// Plain JSON values and the few questions that the API asks about them.

/** A JSON object. */
export type JsonObject = Record<string, unknown>;

/** Whether the value is a JSON object, not null and not a list. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value as an object; an empty one if it is none. */
export function objectAt(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}

/** The value as a list; an empty one if it is none. */
export function listAt(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The value as text; empty if it is none. */
export function textAt(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Freezes the value with all that it holds, so that nobody changes what is stored. */
export function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(frozen);
  }
  return value;
}
