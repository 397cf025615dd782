// Receivers that notice silence: test events of Falcosidekick that come or do not, while alerts are answered.
import { drawInt, drawOf, drawsFor } from '../draws.ts';
import type { Scenario } from '../scenario.ts';
import { watchSilence, type SidekickState } from '../sidekick.ts';
import type { Stage } from '../stage.ts';
import { rung } from './ladders.ts';

/** The shortest that the settings allow. */
const INTERVAL_MS = 120_000;
/** Within this a route that is cut is told of, and faults are over before. */
const CUT_MS = 620_000;
/** Within this it is told that it works again. */
const MENDED_MS = 320_000;
/** Alerts go on in the meantime, about one for each test event. */
const ALERT_EVERY_MS = 130_000;
/** Where they are all that there is they come closer together than they are noted, or not. */
const OFTEN_MS = [5_000, 70_000] as const;

/** Within this the last alert is noted. */
const NOTED_MS = 150_000;

const LABELLED = { spec: rung(['Label']), ends: ['Recorded'] };

interface Story {
  name: string;
  about: string;
  intervalMs?: number;
  spec: object;
  ends: string[];
  play: (stage: Stage) => Promise<void>;
}

const STORIES: readonly Story[] = [
  {
    name: 'silence-route-cut',
    about: 'test events reach no receiver for a while, or are never sent, though alerts come',
    intervalMs: INTERVAL_MS,
    ...LABELLED,
    play: async (stage) => {
      const draws = drawsFor(stage.history.seed, 'silence');
      await stage.clock.sleep(drawInt(draws, 0, INTERVAL_MS));
      await sidekickIs(stage, draws() < 0.5 ? 'Cut' : 'Deaf');
    },
  },
  {
    name: 'silence-sidekick-away',
    about: 'Falcosidekick is not there to be asked for a while',
    intervalMs: INTERVAL_MS,
    ...LABELLED,
    play: (stage) => sidekickIs(stage, 'Away'),
  },
  {
    name: 'silence-works',
    about: 'test events come while a response goes on; one may be late, or lost',
    intervalMs: INTERVAL_MS,
    spec: rung(),
    ends: ['Resolved'],
    play: async (stage) => {
      const draws = drawsFor(stage.history.seed, 'silence');
      await stage.alert(stage.pod(), 'First');
      await stage.clock.sleep(drawInt(draws, 0, 4 * INTERVAL_MS));
      // Within one interval no more than one is asked for.
      stage.sidekick?.become(drawOf(draws, ['Works', 'Slow', 'Deaf'] as const));
      await stage.clock.sleep(INTERVAL_MS);
      stage.sidekick?.become('Works');
      await stage.clock.sleep(drawInt(draws, 1, 3) * INTERVAL_MS);
    },
  },
  {
    name: 'silence-alerts-only',
    about: 'nobody asks for test events; what comes is noted',
    ...LABELLED,
    play: async (stage) => {
      const draws = drawsFor(stage.history.seed, 'silence');
      await alerts(stage, drawInt(draws, 1, 3 * OFTEN_MS[1]), drawInt(draws, ...OFTEN_MS));
      await stage.sidekick?.test();
      await stage.clock.sleep(NOTED_MS);
    },
  },
];

export const SILENCE: readonly Scenario[] = STORIES.map(({ name, about, intervalMs, spec, ends, play }) => ({
  name,
  about,
  ends,
  setUp: async (stage) => {
    watchSilence(stage, intervalMs);
    await stage.deployment(3);
    stage.policy(spec);
  },
  play,
}));

/** Falcosidekick is like that for a while, and then works again. */
async function sidekickIs(stage: Stage, state: SidekickState): Promise<void> {
  stage.sidekick?.become(state);
  await alerts(stage, CUT_MS);
  stage.sidekick?.become('Works');
  await stage.clock.sleep(MENDED_MS);
}

/** One alert after another about a pod. */
async function alerts(stage: Stage, forMs: number, everyMs = ALERT_EVERY_MS): Promise<void> {
  const until = stage.clock.elapsed() + forMs;
  for (let count = 1; stage.clock.elapsed() < until; count++) {
    // An incident keeps the last of its detections only.
    await stage.alert(stage.pod(), `Alert ${count}`, { repeat: count > 1 });
    await stage.clock.sleep(Math.min(everyMs, Math.max(0, until - stage.clock.elapsed())));
  }
}
