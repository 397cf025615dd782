// The net catches: bugs that are planted one at a time are found. Those that are found within seconds are hunted here,
// the others by the command; test/unit/house looks whether their texts are still there.
import { describe, expect, test } from 'vitest';
import { huntMutant } from '../engine/hunt.ts';
import { mutantNamed } from '../engine/mutants.ts';

const LIMIT_MS = 60_000;
/** With the number of histories in which each is found, and a margin. */
const QUICK: readonly [name: string, histories: number][] = [
  ['isolate-without-uid', 5],
  ['evict-before-it-is-written', 15],
  ['evict-before-capture', 15],
  ['ignore-pause', 20],
  ['count-twice', 80],
  ['evict-what-is-going', 15],
  ['deny-policy-goes-too-soon', 10],
  ['listed-after-the-label', 25],
  ['cut-before-it-is-written', 10],
  ['verdict-from-one-side', 10],
  ['act-on-a-name', 5],
  ['younger-pod-is-named', 5],
  ['defender-of-any-cluster', 5],
  ['any-alert-answers', 5],
  ['nothing-is-missed', 5],
  ['told-before-it-is-so', 5],
  ['told-at-the-first-try-only', 10],
];

describe('a planted bug', () => {
  test.each(QUICK)('%s is found within %i histories', { timeout: LIMIT_MS }, async (name, histories) => {
    const { found } = await huntMutant(mutantNamed(name), 1, histories);
    expect(found?.promise).toBeTypeOf('string');
  });
});
