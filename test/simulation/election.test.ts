// Promise of the election: whatever network, processes, clocks and people do, two replicas never may send at the same
// time, and when all is well again one leads.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { play, plots, type Sabotage } from './election-history.ts';

const HISTORIES = Number(process.env['DIE_HISTORIES'] ?? 150);
const MINUTES_MS = 600_000;

describe('an election among three replicas', () => {
  test(
    'has one leader at most at every moment, and one in the end',
    async () => {
      let terms = 0;
      await fc.assert(
        fc.asyncProperty(plots, async (plot) => {
          const course = await play(plot);
          terms += course.terms;
          expect(course.violations).toEqual([]);
        }),
        { numRuns: HISTORIES },
      );
      if (process.env['DIE_PRINT']) process.stdout.write(`${HISTORIES} histories, ${terms} leaderships\n`);
      // Else they would show little.
      expect(terms).toBeGreaterThan(HISTORIES * 2);
    },
    MINUTES_MS,
  );
});

// Were the check blind, the test above would pass as well.
describe('the check of that finds', () => {
  test.each<[string, Sabotage]>([
    [
      'a replica whose clock runs so fast that it waits too short',
      { rate: (name) => (name === 'a' ? 3 : 1) },
    ],
    [
      'a person who marks the Lease of a living leader as given back',
      { emptied: { leaseDurationSeconds: 1 } },
    ],
  ])(
    '%s',
    async (_, sabotage) => {
      const run = await fc.check(
        fc.asyncProperty(plots, async (plot) => (await play(plot, sabotage)).violations.length === 0),
        { numRuns: HISTORIES, endOnFailure: true },
      );
      if (process.env['DIE_PRINT']) process.stdout.write(`found in history ${run.numRuns}\n`);
      expect(run.failed).toBe(true);
    },
    MINUTES_MS,
  );
});
