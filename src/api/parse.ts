// Parsing of what anybody may have written: it never throws.
import type { z } from 'zod';

/** What was read, or everything that is wrong with it. */
export type Parsed<T> = { success: true; data: T } | { success: false; issues: readonly Issue[] };

/** One thing that is wrong, and where. */
export type Issue = Pick<z.core.$ZodIssue, 'path' | 'message'>;

/**
 * `schema.safeParse`, also where that throws: zod measures the `length` of whatever stands in the place of a text or a
 * list, and `{"length": {"toString": 0}}` cannot be compared with a number. Such a value is one issue about the whole.
 */
export function parseAny<T>(schema: z.ZodType<T>, value: unknown): Parsed<T> {
  try {
    const result = schema.safeParse(value);
    return result.success ? result : { success: false, issues: result.error.issues };
  } catch (thrown) {
    if (!(thrown instanceof TypeError)) throw thrown;
    const message = 'has an object with a field "length" where a text or a list must be';
    return { success: false, issues: [{ path: [], message }] };
  }
}
