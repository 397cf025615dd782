// Evidence that is required or lost: stores that are down, full, slow or silent, and nodes that tell nothing or half.
import type { CollectorName } from '../../../../src/api/policy.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import type { StoreState } from '../store-trouble.ts';
import { addClusterPolicy } from './cluster-policy.ts';
import { rung } from './ladders.ts';

/** What a capture pod reads; see NodeReader. */
const NODE: readonly CollectorName[] = ['Processes', 'Filesystem'];
/** Longer than anything tries in vain before it is tried slowly. */
const TROUBLE_MS = 240_000;
/** Until what is tried slowly is tried again, and something more. */
const AGAIN_MS = 900_000;

interface Story {
  name: string;
  about: string;
  ends: string[];
  evidence?: object;
  /** How the store is when the alert comes. */
  store?: StoreState;
  /** What nodes tell then. */
  tells?: readonly CollectorName[];
  /** The eviction is held by the pause switch until the story says otherwise. */
  paused?: boolean;
  /** The rung that evicts asks for a confirmation; whether the node can give one. */
  confirmed?: boolean;
  act?: (stage: Stage) => Promise<void>;
  hasMoment?: true;
}

const REQUIRED = { required: true };
const FROM_NODE = { collectors: NODE };

const mended = async (stage: Stage) => {
  await stage.clock.sleep(TROUBLE_MS);
  stage.acted();
  stage.store.now = 'Fine';
  stage.nodeReader.tells = NODE;
  await over(stage);
};

/** Lost while the eviction waits; then it need not wait any more. */
const lost =
  (then: StoreState) =>
  async (stage: Stage): Promise<void> => {
    await stage.until(() => stage.incidents().some(({ status }) => status?.evidence !== undefined));
    await stage.clock.sleep(1_000);
    loseEvidence(stage);
    stage.store.now = then;
    stage.pause(false);
  };

const STORIES: readonly Story[] = [
  {
    name: 'evidence-required',
    about: 'an eviction that requires evidence, and all is well',
    ends: ['Resolved'],
    evidence: { ...REQUIRED, ...FROM_NODE },
  },
  {
    name: 'evidence-store-down',
    about: 'required evidence cannot be stored for some minutes',
    ends: ['Resolved'],
    evidence: REQUIRED,
    store: 'Down',
    act: mended,
  },
  {
    name: 'evidence-store-full',
    about: 'required evidence can never be stored',
    ends: ['EvidenceMissing'],
    evidence: REQUIRED,
    store: 'Full',
    act: (stage) => stage.clock.sleep(TROUBLE_MS),
  },
  {
    name: 'evidence-store-slow',
    about: 'the store of required evidence takes long for everything',
    ends: ['Resolved'],
    evidence: REQUIRED,
    store: 'Slow',
  },
  {
    name: 'evidence-not-required',
    about: 'evidence that is not required can never be stored',
    ends: ['Resolved'],
    store: 'Full',
    act: (stage) => stage.clock.sleep(TROUBLE_MS),
  },
  {
    name: 'evidence-node-silent',
    about: 'the node tells nothing for some minutes, and that is required',
    ends: ['Resolved'],
    evidence: { ...REQUIRED, ...FROM_NODE },
    tells: [],
    act: mended,
  },
  {
    name: 'evidence-node-half',
    about: 'the node tells half of what is required',
    ends: ['EvidenceMissing'],
    evidence: { ...REQUIRED, ...FROM_NODE },
    tells: ['Processes'],
  },
  {
    name: 'evidence-node-half-not-required',
    about: 'the node tells half of what is asked for, and nothing is required',
    ends: ['Resolved'],
    evidence: FROM_NODE,
    tells: ['Processes'],
  },
  {
    name: 'evidence-lost',
    about: 'evidence is lost before the eviction, and captured once more',
    ends: ['Resolved'],
    paused: true,
    act: lost('Fine'),
  },
  {
    name: 'evidence-lost-store-full',
    about: 'evidence is lost before the eviction, and cannot be stored again',
    ends: ['EvidenceMissing', 'EvidenceLost'],
    paused: true,
    act: async (stage) => {
      await lost('Full')(stage);
      await stage.clock.sleep(TROUBLE_MS);
    },
  },
  {
    name: 'evidence-lost-store-silent',
    about: 'evidence is lost before the eviction, and for a while nobody can tell',
    ends: ['Resolved'],
    paused: true,
    act: async (stage) => {
      await lost('Silent')(stage);
      await mended(stage);
    },
  },
  {
    name: 'evidence-lost-any-time',
    about: 'evidence is lost at any moment',
    ends: ['Resolved'],
    hasMoment: true,
    act: async (stage) => {
      await stage.moment();
      loseEvidence(stage);
    },
  },
  {
    name: 'confirmed',
    about: 'an eviction asks for a confirmation, and the node has the program',
    ends: ['Resolved'],
    confirmed: true,
  },
  {
    name: 'confirmed-not',
    about: 'an eviction asks for a confirmation, and the program is as in the image',
    ends: ['NotConfirmed'],
    confirmed: false,
  },
  {
    name: 'confirmed-unknown',
    about: 'an eviction asks for a confirmation, and the node tells nothing',
    ends: ['ConfirmationUnknown'],
    confirmed: true,
    tells: [],
  },
  {
    name: 'confirmed-later',
    about: 'an eviction asks for a confirmation, which the node gives after some minutes',
    ends: ['Resolved'],
    confirmed: true,
    tells: [],
    act: mended,
  },
  {
    name: 'evidence-unpermitted',
    about: 'a policy asks for evidence of the node that the cluster does not permit',
    ends: ['Audit'],
    evidence: FROM_NODE,
  },
];

/** What an alert names where that is to be confirmed. */
/** What an alert says was run. */
export const PROGRAM = '/tmp/dropped';
const CONFIRMED = {
  mode: 'Enforce',
  responses: [
    { name: 'contain', minSeverity: 'Warning', actions: ['Label', 'Isolate'] },
    { name: 'replace', minSeverity: 'Warning', confirmed: true, actions: ['Capture', 'Evict'] },
  ],
};
const PERMITTED = { grants: { enforce: true, collectors: [...NODE] } };

export const EVIDENCE: readonly Scenario[] = STORIES.map((story) => ({
  name: story.name,
  about: story.about,
  ends: story.ends,
  ...(story.hasMoment && { hasMoment: true as const }),
  setUp: async (stage) => {
    await stage.deployment(3);
    if (story.name !== 'evidence-unpermitted') addClusterPolicy(stage, PERMITTED);
    const ladder = story.confirmed === undefined ? rung() : CONFIRMED;
    stage.policy({ ...ladder, evidence: story.evidence ?? {} });
    if (story.confirmed) stage.nodeReader.added = [PROGRAM];
    if (story.paused) stage.pause(true);
    stage.store.now = story.store ?? 'Fine';
    stage.nodeReader.tells = story.tells ?? NODE;
  },
  play: async (stage) => {
    const fields = { 'proc.exepath': PROGRAM };
    const told = stage.alert(stage.pod(), 'First', story.confirmed === undefined ? {} : { fields });
    await story.act?.(stage);
    await told;
  },
}));

async function over(stage: Stage): Promise<void> {
  await stage.until(() => stage.incidents().some(({ status }) => status?.phase === 'Resolved'), AGAIN_MS);
  stage.acted();
}

function loseEvidence(stage: Stage): void {
  stage.acted();
  stage.store.lose(stage.incidents());
}
