// A crash before and after every write of every scenario, one process that is started again; then, for what matters
// most, with three of which another one takes over.
import { afterAll, describe, expect, test } from 'vitest';
import { crashPoints } from '../engine/crash-points.ts';
import { play } from '../engine/play.ts';
import { SCENARIOS } from '../engine/scenarios.ts';
import { Tally } from '../engine/tally.ts';
import { explained } from './explained.ts';

const LIMIT_MS = 120_000;
/** Those that have two hundred writes that are alike, or those of another scenario; the command plays them all. */
const LONG = new Set([
  'storm',
  'storm-of-workloads',
  'storm-of-expiries',
  'false-positive-loop',
  'budget-race',
  'budget-race-number',
  'budget-stale-unlabelled',
  'share-race',
  'canaries-unenforced',
  'canaries-one-way',
  'protected-hold',
  'evidence-store-down',
  'evidence-store-full',
  'evidence-not-required',
  'evidence-lost-store-full',
  'told-in-a-storm',
  'silence-sidekick-away',
]);
const TAKEN_OVER = ['replace', 'release', 'delete-incident'];

const tally = new Tally();
afterAll(() => process.stdout.write(`${tally.lines().join('\n')}\n`));

async function expectAllKept(scenario: string, replicas: 1 | 3): Promise<void> {
  const histories = await crashPoints({ scenario, seed: 1, replicas });
  expect(histories.length).toBeGreaterThan(0);
  for (const history of histories) {
    const played = await play(history);
    tally.add(played);
    expect(await explained(played)).toEqual([]);
  }
}

describe('a crash at any write', () => {
  const names = SCENARIOS.map(({ name }) => name).filter((name) => !LONG.has(name));
  test.each(names)('of %s breaks no promise', { timeout: LIMIT_MS }, (name) => expectAllKept(name, 1));
});

describe('a crash at any write after which another replica takes over', () => {
  test.each(TAKEN_OVER)('of %s breaks no promise', { timeout: LIMIT_MS }, (name) => expectAllKept(name, 3));
});
