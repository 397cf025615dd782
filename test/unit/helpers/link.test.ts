// When a canary says that it is connected, and when that it is cut: never sooner than that is certain.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CanaryReport } from '../../../src/helpers/canary-report.ts';
import {
  BEAT_MS,
  needsNewHold,
  newLink,
  nextLink,
  type Link,
  type TryResult,
} from '../../../src/helpers/programs/link.ts';

/** What happens in one beat; absent: it did not come to that. */
interface Beat {
  tried?: TryResult;
  held?: boolean;
  ended?: boolean;
  /** Milliseconds to the next look. */
  lasts?: number;
}

const WORKS: Beat = { tried: 'Greeted', held: true };
const CUT: Beat = { tried: 'Failed' };
const HALF: Beat = { tried: 'Failed', held: true };
const times = (count: number, beat: Beat): Beat[] => Array.from({ length: count }, () => beat);

/** Lives through the beats; what was said, and when. */
function live(beats: readonly Beat[]): { said: (CanaryReport & { at: number })[]; link: Link; now: number } {
  let [now, link] = [1_000, newLink(1_000)];
  const said: (CanaryReport & { at: number })[] = [];
  const hear = (event: Parameters<typeof nextLink>[1]) => {
    const next = nextLink(link, event, now);
    if (next.report !== link.report) said.push({ ...next.report, at: now - 1_000 });
    link = next;
  };
  for (const { tried, held, ended, lasts = BEAT_MS } of beats) {
    hear({ kind: 'Look' });
    if (tried) hear({ kind: 'Try', result: tried, startedAt: now });
    if (held) hear({ kind: 'Beat' });
    if (ended) hear({ kind: 'Ended' });
    now += lasts;
  }
  return { said, link, now };
}

const statesOf = (beats: readonly Beat[]) => live(beats).said.map(({ state }) => state);

describe('a canary', () => {
  test('is connected once three new connections in a row worked and the held one carries', () => {
    expect(live(times(10, WORKS)).said).toEqual([{ state: 'Connected', at: 2 * BEAT_MS }]);
  });

  test.each<[string, Beat[]]>([
    ['two connections', times(2, WORKS)],
    ['no two in a row', Array.from({ length: 20 }, (_, n) => (n % 2 ? WORKS : HALF))],
    ['a held connection that is silent', times(20, { tried: 'Greeted' })],
    ['a held connection alone', times(20, { held: true })],
    ['connections without a greeting', times(20, { tried: 'Reached', held: true })],
  ])('is not connected by %s', (_, beats) => {
    expect(statesOf(beats)).toEqual([]);
  });

  test('is cut three seconds after the last connection that worked, and says how long that is', () => {
    const { said } = live([...times(8, WORKS), ...times(13, CUT)]);
    expect(said.at(-1)).toEqual({
      state: 'Cut',
      at: 7 * BEAT_MS + 3_000,
      lastSuccessAgoMs: 3_000,
      established: 'Cut',
    });
  });

  test.each<[string, Beat[]]>([
    ['it never was connected', times(40, CUT)],
    ['less than three seconds have passed', [...times(8, WORKS), ...times(11, CUT)]],
    ['one connection got through', [...times(8, WORKS), ...times(8, CUT), WORKS, ...times(11, CUT)]],
    [
      'one was made, though nobody greeted',
      [...times(8, WORKS), ...times(8, CUT), { tried: 'Reached' }, ...times(11, CUT)],
    ],
    ['too few were tried', [...times(8, WORKS), ...times(3, { tried: 'Failed', lasts: 990 }), {}, {}]],
    ['it did not run meanwhile', [...times(8, WORKS), { lasts: 9_000 }, ...times(4, CUT)]],
    ['the other one has ended', [...times(8, WORKS), { ended: true }, ...times(40, CUT)]],
  ])('is not cut when %s', (_, beats) => {
    expect(statesOf(beats)).not.toContain('Cut');
  });

  test('does not count what failed of before it stood still', () => {
    let link = live(times(8, WORKS)).link;
    const now = 100_000;
    link = nextLink(link, { kind: 'Look' }, now);
    for (const at of [now, now + 1, now + 2, now + 3])
      link = nextLink(link, { kind: 'Try', result: 'Failed', startedAt: now - 500 }, at);
    link = nextLink(link, { kind: 'Try', result: 'Failed', startedAt: now }, now + 900);
    expect(link).toMatchObject({ report: { state: 'Connected' }, failures: 1, quietSince: now });
  });

  test('tells of the held connection that it carries, and later that it does not', () => {
    const { said } = live([...times(8, WORKS), ...times(20, HALF), ...times(12, CUT)]);
    expect(said.slice(1)).toMatchObject([
      { state: 'Cut', established: 'Carries' },
      { state: 'Cut', established: 'Cut' },
    ]);
  });

  test('takes a beat of under two seconds ago for one that carries', () => {
    const said = (quiet: number) =>
      live([...times(8, WORKS), ...times(12 - quiet, HALF), ...times(quiet + 1, CUT)]).said.at(-1);
    expect(said(6)).toMatchObject({ established: 'Carries' });
    expect(said(8)).toMatchObject({ established: 'Cut' });
  });

  test('is connected again when it works again, with a new held connection', () => {
    const { link, now } = live([...times(8, WORKS), ...times(20, CUT), ...times(3, { tried: 'Greeted' })]);
    expect(needsNewHold(link, now)).toBe(true);
    const beats = [...times(8, WORKS), ...times(20, CUT), ...times(5, WORKS)];
    expect(statesOf(beats)).toEqual(['Connected', 'Cut', 'Connected']);
  });

  test('listens again once the other one has ended, and says so once', () => {
    expect(statesOf([...times(8, WORKS), { ended: true }, { ended: true }])).toEqual([
      'Connected',
      'Listening',
    ]);
  });

  test('keeps a held connection that it has lost sight of: that is what is to be told', () => {
    const { link, now } = live([...times(8, WORKS), ...times(20, { tried: 'Greeted' })]);
    expect(link.report).toEqual({ state: 'Connected' });
    expect(needsNewHold(link, now)).toBe(false);
  });
});

test('a new connection after the cut is not taken for the last one before it', () => {
  const beats = [...times(4, WORKS), ...times(13, CUT), ...times(2, WORKS)];
  const { said } = live(beats);
  expect(said.map(({ state }) => state)).toEqual(['Connected', 'Cut']);
  expect(said.at(-1)).toMatchObject({ lastSuccessAgoMs: 3_000 });
});

const beat: fc.Arbitrary<Beat> = fc.record(
  {
    tried: fc.constantFrom<TryResult>('Greeted', 'Reached', 'Failed'),
    held: fc.boolean(),
    ended: fc.constantFrom(false, false, false, true),
    lasts: fc.constantFrom(BEAT_MS, BEAT_MS, 600, 5_000),
  },
  { requiredKeys: [] },
);

test('whatever happens, it is cut only after three seconds without any connection that it was there to see', () => {
  const phases = fc.array(fc.tuple(beat, fc.integer({ min: 1, max: 25 })), { maxLength: 20 });
  fc.assert(
    fc.property(phases, (all) => {
      const beats = all.flatMap(([one, count]) => times(count, one));
      for (let end = 1; end <= beats.length; end++) {
        const { said, now } = live(beats.slice(0, end));
        const last = said.at(-1);
        if (last?.state !== 'Cut') continue;
        const { state: _, at, lastSuccessAgoMs } = last;
        expect(at).toBeLessThanOrEqual(now);
        expect(lastSuccessAgoMs).toBeGreaterThanOrEqual(3_000);
        let [clock, seen] = [0, 0];
        for (const { tried, lasts = BEAT_MS } of beats.slice(0, end)) {
          const isQuiet = tried !== 'Greeted' && tried !== 'Reached';
          if (clock > at - 3_000 && clock < at && !isQuiet) seen++;
          clock += lasts;
        }
        expect(seen).toBe(0);
        return;
      }
    }),
  );
});
