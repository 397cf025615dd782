// People who are told what responses do, by a server that has troubles of its own.
import type { DriftIncident } from '../../../../src/api/incident.ts';
import { DRIFT_INCIDENTS } from '../../../../src/kube/resources.ts';
import { drawOf, drawsFor } from '../draws.ts';
import type { ListenerTrouble } from '../listener.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { rung } from './ladders.ts';

/** What an alert says where the text of the attacker's program stands. */
export const ATTACKERS_TEXT = 'look at evil.example';
/** A rule that a chat could take for a mention and a link. */
const RULE = '<!channel> [look](http://evil.example) @everyone';

const APPROVAL = { approval: { requiredFor: ['Always'] } };
const OVER = ['Resolved', 'TargetGone'];
/** How long a server is down, or a leader stands still, in milliseconds. */
const AWAY_MS = 40_000;
/** Nothing waits longer than this, in milliseconds, for another try. */
const LONGEST_WAIT_MS = 66_000;
const LOOK_MS = 5_000;

const THROTTLES: readonly (ListenerTrouble | undefined)[] = [
  undefined,
  undefined,
  'Unavailable',
  { kind: 'Throttled', retryAfterS: 0 },
  { kind: 'Throttled', retryAfterS: 7 },
  { kind: 'Throttled', retryAfterS: 600 },
];

interface Story {
  name: string;
  about: string;
  ends: readonly string[];
  pods?: number;
  spec?: object;
  play: (stage: Stage) => Promise<void>;
}

const STORIES: readonly Story[] = [
  {
    name: 'told-and-approved',
    about:
      'the server that is told is down when a plan waits for approval, which a person gives once it is up',
    ends: OVER,
    spec: APPROVAL,
    play: async (stage) => {
      stage.listener.trouble = () => 'Refused';
      await stage.alert(stage.pod(), 'First');
      await stage.phase('AwaitingApproval');
      await stage.clock.sleep(AWAY_MS);
      stage.listener.trouble = () => undefined;
      await stage.clock.sleep(AWAY_MS);
      approve(stage);
    },
  },
  {
    name: 'told-nobody',
    about: 'the server that is told never answers, and the response goes on',
    ends: OVER,
    play: async (stage) => {
      stage.listener.trouble = () => 'Silent';
      await stage.alert(stage.pod(), RULE, { fields: { 'proc.cmdline': ATTACKERS_TEXT } });
      await drained(stage);
    },
  },
  {
    name: 'told-in-a-storm',
    about: 'three pods drift at once, and the server that is told throttles or is overloaded',
    ends: OVER,
    pods: 6,
    play: async (stage) => {
      troubles(stage, THROTTLES);
      const pods = stage.pods().slice(0, 3);
      await Promise.all(pods.map((pod, n) => stage.alert(pod, `Rule ${n}`)));
      await drained(stage);
    },
  },
  {
    name: 'told-after-a-lost-answer',
    about: 'answers of the server that is told are lost after it took what it was told',
    ends: OVER,
    play: async (stage) => {
      troubles(stage, ['Lost', undefined]);
      await stage.alert(stage.pod(), RULE, { fields: { 'proc.cmdline': ATTACKERS_TEXT } });
      await drained(stage);
    },
  },
  {
    name: 'told-by-the-next-leader',
    about: 'who asks for approval stands still while it tells that, and somebody else may take over',
    ends: OVER,
    spec: APPROVAL,
    play: async (stage) => {
      stage.listener.trouble = () => 'Unavailable';
      await stage.alert(stage.pod(), 'First');
      await stage.phase('AwaitingApproval');
      const [last] = stage.listener.told.slice(-1);
      const teller = stage.listener.processes.find(
        ({ replica, life }) => replica === last?.replica && life === last.life,
      );
      teller?.stop(AWAY_MS);
      stage.listener.trouble = () => undefined;
      await stage.clock.sleep(2 * AWAY_MS);
      approve(stage);
    },
  },
  {
    name: 'told-of-forged',
    about: 'alerts name a container that there is not, again and again',
    ends: [],
    play: async (stage) => {
      for (let n = 0; n < 8; n++) {
        const fields = { 'container.id': 'f'.repeat(12), 'proc.cmdline': ATTACKERS_TEXT };
        await stage.alert(stage.pod(), `Forged ${n}`, { fields, harmless: true });
        await stage.clock.sleep(11_000);
      }
      await drained(stage);
    },
  },
];

export const NOTIFIED: readonly Scenario[] = STORIES.map(({ name, about, ends, pods = 3, spec, play }) => ({
  name,
  about,
  ends,
  setUp: async (stage) => {
    await stage.deployment(pods);
    stage.policy({ ...rung(), ...spec });
  },
  play,
}));

// All was told, or given up.
async function drained({ clock, listener }: Stage): Promise<void> {
  const last = () => listener.told.at(-1)?.sentAt ?? 0;
  do await clock.sleep(LOOK_MS);
  while (clock.elapsed() - last() < LONGEST_WAIT_MS);
}

// Each request has its own.
function troubles({ listener, history }: Stage, all: readonly (ListenerTrouble | undefined)[]): void {
  const draws = drawsFor(history.seed, 'listener');
  listener.trouble = () =>
    drawOf(
      draws,
      all.map((trouble) => ({ trouble })),
    ).trouble;
}

function approve(stage: Stage): void {
  for (const { metadata, status } of stage.incidents()) {
    const planHash = status?.plan?.hash;
    // Before there is a plan nobody can approve it.
    if (planHash === undefined) continue;
    stage.edit(DRIFT_INCIDENTS, metadata.name, (object) => ({
      spec: {
        ...(object as DriftIncident).spec,
        decision: { action: 'Approve', by: 'ann', reason: 'looked at it', planHash },
      },
    }));
  }
}
