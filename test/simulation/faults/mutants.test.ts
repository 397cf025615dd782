// The net catches: bugs that are planted one at a time are found. Those that are found within seconds are hunted here,
// the others by the command; that their texts are still there is looked at for all.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { huntMutant } from '../engine/hunt.ts';
import { MUTANTS, mutantNamed } from '../engine/mutants.ts';

const LIMIT_MS = 60_000;
/** With the number of histories in which each is found, and a margin. */
const QUICK: readonly [name: string, histories: number][] = [
  ['isolate-without-uid', 5],
  ['evict-before-it-is-written', 10],
  ['evict-before-capture', 10],
  ['ignore-pause', 20],
  ['count-twice', 80],
  ['evict-what-is-going', 5],
];

describe('the text of each mutant', () => {
  test.each(MUTANTS)('$name is there exactly once', ({ file, find, replacement }) => {
    const text = readFileSync(new URL(`../../../src/${file}`, import.meta.url), 'utf8');
    expect(text.split(find)).toHaveLength(2);
    expect(replacement).not.toBe(find);
  });
});

describe('a planted bug', () => {
  test.each(QUICK)('%s is found within %i histories', { timeout: LIMIT_MS }, async (name, histories) => {
    const { found } = await huntMutant(mutantNamed(name), 1, histories);
    expect(found?.promise).toBeTypeOf('string');
  });
});
