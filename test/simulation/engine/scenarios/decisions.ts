// What people decide about a response that needs an approval, or that they hold: early, late, or about another plan.
import type { DriftIncident } from '../../../../src/api/incident.ts';
import { DRIFT_INCIDENTS } from '../../../../src/kube/resources.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { ALL, rung } from './ladders.ts';

type Decision = NonNullable<DriftIncident['spec']['decision']>;

interface Story {
  name: string;
  about: string;
  ends: string[];
  hasMoment?: true;
  approval?: object;
  /** Default: one that does everything. */
  rungs?: object;
  act: (stage: Stage) => Promise<void> | void;
}

const WAITS = ['AwaitingApproval', 'ApprovalEnding', 'ApprovalExpired'];
const ALWAYS = { requiredFor: ['Always'] };
const OVER = ['Resolved', 'TargetGone'];

const STORIES: readonly Story[] = [
  {
    name: 'approved',
    about: 'a plan is approved that waits for it',
    ends: OVER,
    approval: ALWAYS,
    act: async (stage) => {
      await stage.phase('AwaitingApproval');
      approve(stage);
    },
  },
  {
    name: 'approved-at-once',
    about: 'a plan is approved at any moment, as it is then',
    ends: [...OVER, ...WAITS, 'PlanChanged'],
    hasMoment: true,
    approval: ALWAYS,
    act: async (stage) => {
      await stage.moment();
      approve(stage);
    },
  },
  {
    name: 'approved-other',
    about: 'another plan is approved than the one that waits',
    ends: ['PlanChanged', 'ApprovalEnding', 'ApprovalExpired'],
    approval: ALWAYS,
    act: async (stage) => {
      await stage.phase('AwaitingApproval');
      decide(stage, { action: 'Approve', planHash: 'a'.repeat(64) });
    },
  },
  {
    name: 'denied',
    about: 'the eviction is denied at any moment',
    ends: [...OVER, 'EvictionDenied'],
    hasMoment: true,
    act: async (stage) => {
      await stage.moment();
      decide(stage, { action: 'Deny' });
    },
  },
  {
    name: 'held',
    about: 'the incident is held at any moment',
    ends: [...OVER, 'Held'],
    hasMoment: true,
    act: async (stage) => {
      await stage.moment();
      decide(stage, { action: 'Hold' });
    },
  },
  {
    name: 'held-escalated',
    about: 'an incident that only labels is held, and then an alert asks for everything',
    ends: ['Held'],
    rungs: {
      mode: 'Enforce',
      responses: [
        { name: 'note', minSeverity: 'Warning', actions: ['Label'] },
        { name: 'replace', minSeverity: 'Critical', actions: ALL },
      ],
    },
    act: async (stage) => {
      await stage.phase('Observed');
      decide(stage, { action: 'Hold' });
      await stage.alert(stage.pod(), 'Second', { priority: 'Critical' });
    },
  },
  {
    name: 'held-resumed',
    about: 'an approved plan is held, and then resumed, which revives no approval',
    ends: [...WAITS, ...OVER],
    approval: ALWAYS,
    act: async (stage) => {
      await stage.phase('AwaitingApproval');
      decide(stage, { action: 'Hold' });
      await stage.phase('Held');
      decide(stage, { action: 'Resume' });
    },
  },
];

export const DECISIONS: readonly Scenario[] = STORIES.map(
  ({ name, about, ends, hasMoment, approval, rungs, act }) => ({
    name,
    about,
    ends,
    ...(hasMoment && { hasMoment }),
    setUp: async (stage) => {
      await stage.deployment(3);
      stage.policy({ ...(rungs ?? rung()), ...(approval && { approval }) });
    },
    play: async (stage) => {
      const told = stage.alert(stage.pod(), 'First', rungs && { priority: 'Warning' });
      await act(stage);
      await told;
    },
  }),
);

function approve(stage: Stage): void {
  const hash = stage.incidents()[0]?.status?.plan?.hash;
  // Before there is a plan nobody can approve it.
  if (hash !== undefined) decide(stage, { action: 'Approve', planHash: hash });
}

function decide(stage: Stage, decision: Pick<Decision, 'action' | 'planHash'>): void {
  for (const { metadata } of stage.incidents())
    stage.edit(DRIFT_INCIDENTS, metadata.name, (object) => ({
      spec: {
        ...(object as DriftIncident).spec,
        decision: { by: 'ann', reason: 'looked at it', ...decision },
      },
    }));
}
