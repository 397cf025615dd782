// Every single fault at every place, in the scenarios that tell the most; and people who act after every write.
import { afterAll, describe, expect, test } from 'vitest';
import type { History } from '../engine/history.ts';
import { play } from '../engine/play.ts';
import { scenarioNamed, SCENARIOS } from '../engine/scenarios.ts';
import { moments, sweep } from '../engine/sweeps.ts';
import { Tally } from '../engine/tally.ts';
import { explained } from './explained.ts';

const LIMIT_MS = 120_000;

const tally = new Tally();
afterAll(() => process.stdout.write(`${tally.lines().join('\n')}\n`));

async function expectAllKept(histories: readonly History[]): Promise<void> {
  for (const history of histories) {
    const played = await play(history);
    tally.add(played);
    expect(await explained(played)).toEqual([]);
  }
}

describe('a single fault at any place', () => {
  test.each(['replace', 'release', 'policy-deleted', 'beyond-limits'])(
    'of %s breaks no promise',
    { timeout: LIMIT_MS },
    (name) => expectAllKept(sweep(scenarioNamed(name), 1)),
  );
});

describe('people who act after any number of writes', () => {
  const scenarios = SCENARIOS.filter(({ hasMoment }) => hasMoment);
  test.each(scenarios)('break no promise: $name', { timeout: LIMIT_MS }, (scenario) =>
    expectAllKept(moments(scenario, 2)),
  );
});
