// What a test shows of a history that broke a promise: how to play it again, as short as it gets.
import type { Played } from '../engine/play.ts';
import { shrink } from '../engine/shrink.ts';

/** Empty if no promise was broken. */
export async function explained({ history, violations }: Played): Promise<string[]> {
  const [first] = violations;
  if (!first) return [];
  const shortest = await shrink(history, first.promise);
  return [
    ...violations.map(({ promise, message }) => `${promise}: ${message}`),
    `npm run simulate:faults -- --replay '${JSON.stringify(history)}'`,
    `shortest: npm run simulate:faults -- --replay '${JSON.stringify(shortest)}'`,
  ];
}
