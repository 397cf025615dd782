// Random histories: up to six faults of all classes in one or three replicas. How many was measured: about a minute.
import { afterAll, describe, expect, test } from 'vitest';
import { historyFor } from '../engine/generate.ts';
import { play } from '../engine/play.ts';
import { SCENARIOS } from '../engine/scenarios.ts';
import { Tally } from '../engine/tally.ts';
import { explained } from './explained.ts';

const SEEDS = 800;
const SEEDS_A_TEST = 50;
const LIMIT_MS = 120_000;

const tally = new Tally();
afterAll(() => process.stdout.write(`${tally.lines().join('\n')}\n`));

const blocks = Array.from({ length: SEEDS / SEEDS_A_TEST }, (_, block) => 1 + block * SEEDS_A_TEST);

describe('random faults', () => {
  test.each(blocks)(
    `break no promise: ${SEEDS_A_TEST} seeds from %i`,
    { timeout: LIMIT_MS },
    async (first) => {
      for (let seed = first; seed < first + SEEDS_A_TEST; seed++) {
        const played = await play(historyFor(seed, SCENARIOS));
        tally.add(played);
        expect(await explained(played)).toEqual([]);
      }
    },
  );
});
