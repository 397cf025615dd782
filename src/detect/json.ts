// JSON from outside: read within limits, and written in one canonical form for hashing.
import { z } from 'zod';
import { cleanText } from './sanitize.ts';

/** Deepest nesting that is accepted; Falco's alerts have 3 levels. */
export const MAX_DEPTH = 32;
/** Bytes of an alert, whichever way it comes in; Falco's have 0.7 to 5 kB. */
export const MAX_ALERT_BYTES = 256 * 1024;
const MAX_PATH = 128;

/** What is wrong with a body, and where: `body` for the whole, else like `output_fields["container.id"]`. */
export interface Problem {
  path: string;
  message: string;
}

/** Reads JSON; refuses nesting over {@link MAX_DEPTH} and `__proto__` keys. The problem quotes no value. */
export function parseJson(text: string): { value: unknown } | { problem: Problem } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problem: { path: 'body', message: 'is not valid JSON' } };
  }
  const problem = findProblem(value, []);
  return problem ? { problem } : { value };
}

/** Writes a path for people; keys in it are cleaned and cut. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.length === 0 ? 'body' : cleanText(z.core.toDotPath(path), MAX_PATH);
}

/** JSON text with sorted keys: equal for equal values. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (isObject(inner) ? sortKeys(inner) : inner));
}

function sortKeys(object: object): object {
  return Object.fromEntries(Object.entries(object).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function findProblem(value: unknown, path: readonly PropertyKey[]): Problem | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (path.length >= MAX_DEPTH)
    return { path: formatPath(path), message: `is nested over ${MAX_DEPTH} levels` };
  if (Object.hasOwn(value, '__proto__')) {
    return { path: formatPath([...path, '__proto__']), message: 'is not an accepted key' };
  }
  for (const [key, inner] of Object.entries(value)) {
    const step = Array.isArray(value) ? Number(key) : key;
    const problem = typeof inner === 'object' ? findProblem(inner, [...path, step]) : undefined;
    if (problem) return problem;
  }
  return undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
