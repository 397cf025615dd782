// The bugs that simulations plant are still where they are planted: a change of the source must not leave one without effect.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { MUTANTS } from '../../simulation/engine/mutants.ts';

describe('the text of each mutant', () => {
  test.each(MUTANTS)('$name is there exactly once', ({ file, find, replacement }) => {
    const text = readFileSync(new URL(`../../../src/${file}`, import.meta.url), 'utf8');
    expect(text.split(find)).toHaveLength(2);
    expect(replacement).not.toBe(find);
  });
});
