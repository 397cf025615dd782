// A history is all there is to it: the same JSON plays the same, and a shorter one breaks the same promise.
import { describe, expect, test } from 'vitest';
import { historyFor } from '../engine/generate.ts';
import { parseHistory, type History } from '../engine/history.ts';
import { play } from '../engine/play.ts';
import { SCENARIOS } from '../engine/scenarios.ts';

const QUICK = SCENARIOS.filter(({ name }) => name !== 'storm');

describe('a history', () => {
  test.each([11, 12, 13, 14, 15, 16, 17, 18])('of seed %i plays the same from its JSON', async (seed) => {
    const first = await play(historyFor(seed, QUICK));
    const again = await play(parseHistory(JSON.stringify(first.history)));
    expect(again.trace).toBe(first.trace);
    expect(again.lines()).toEqual(first.lines());
  });

  test('of another seed plays otherwise', async () => {
    const base = { scenario: 'replace', replicas: 1, faults: [] } as const;
    const traces = await Promise.all(
      [1, 2].map(async (seed) => (await play({ ...base, seed, faults: [] })).trace),
    );
    expect(traces[0]).not.toBe(traces[1]);
  });

  test('plays the same up to a fault that is added', async () => {
    const base: History = { scenario: 'replace', seed: 3, replicas: 1, faults: [] };
    const crash: History = {
      ...base,
      faults: [{ kind: 'Crash', replica: 'r1', write: 6, moment: 'before', awayMs: 1_000 }],
    };
    const [plain, crashed] = [(await play(base)).lines(), (await play(crash)).lines()];
    const same = plain.findIndex((line, index) => line !== crashed[index]);
    expect(same).toBeGreaterThan(plain.length / 3);
  });

  test.each([
    ['{}', /scenario/],
    ['{"scenario":"replace","seed":1,"replicas":2,"faults":[]}', /replicas/],
    ['no JSON', /JSON/],
  ])('that is none is refused: %s', (text, reason) => {
    expect(() => parseHistory(text)).toThrow(reason);
  });

  test('of a scenario that there is not is refused, and the others are named', async () => {
    const history: History = { scenario: 'none', seed: 1, replicas: 1, faults: [] };
    await expect(play(history)).rejects.toThrow(/no scenario none; there are replace/);
  });
});
