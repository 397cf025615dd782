// Alerts of Microsoft Defender for Cloud, which name a pod and prove nothing, and a person who approves whatever is asked.
import { DRIFT_INCIDENTS, PODS } from '../../../../src/kube/resources.ts';
import type { DriftIncident } from '../../../../src/api/incident.ts';
import { CLUSTER } from '../../../support/defender-alerts.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { rung } from './ladders.ts';

/** Pods are older than that, in milliseconds, when an alert is about them. */
const AGE_MS = 3_000;
/** How long somebody looks whether there is something to approve, in milliseconds. */
const LOOKS_MS = 60_000;

const WAITS = ['AwaitingApproval', 'ApprovalEnding', 'ApprovalExpired', 'PlanChanged'];
const OVER = ['Resolved', 'TargetGone'];

interface Story {
  name: string;
  about: string;
  ends: string[];
  hasMoment?: true;
  play: (stage: Stage) => Promise<void>;
}

const STORIES: readonly Story[] = [
  {
    name: 'defender-approved',
    about: 'a pod is named, and the plan is approved at any moment, as it is then',
    ends: [...OVER, ...WAITS],
    hasMoment: true,
    play: async (stage) => {
      const told = stage.defender(stage.pod());
      await stage.moment();
      approve(stage);
      await told;
    },
  },
  {
    name: 'defender-asked',
    about: 'a pod is named, and nobody answers',
    ends: WAITS,
    play: (stage) => stage.defender(stage.pod()),
  },
  {
    name: 'defender-and-falco',
    about: 'a pod is named, and at any moment Falco is sure',
    ends: OVER,
    hasMoment: true,
    play: async (stage) => {
      const pod = stage.pod();
      const told = stage.defender(pod);
      await stage.moment();
      await stage.alert(pod, 'Second');
      await told;
    },
  },
  {
    name: 'defender-name-reused',
    about: 'a pod is named that is gone, and another one has its name',
    ends: [...WAITS, ...OVER],
    play: async (stage) => {
      stage.bare('solo');
      await stage.settlePods(4);
      const before = stage.pods().find(({ metadata }) => metadata.name === 'solo');
      if (!before) throw new Error('there is no pod solo');
      const startTimeUtc = new Date(stage.clock.now()).toISOString();
      stage.remove(PODS, 'solo', { gracePeriodSeconds: 0 });
      await stage.clock.sleep(AGE_MS);
      stage.bare('solo');
      await stage.settlePods(4);
      await stage.defender(before, { startTimeUtc });
      await approveIfAsked(stage);
    },
  },
  {
    name: 'defender-other-cluster',
    about: 'a pod of another cluster is named, and one here has its name',
    ends: WAITS,
    play: async (stage) => {
      await stage.defender(stage.pod(), { cluster: `${CLUSTER}-2`, harmless: true });
      await approveIfAsked(stage);
    },
  },
];

export const DEFENDED: readonly Scenario[] = STORIES.map(({ name, about, ends, hasMoment, play }) => ({
  name,
  about,
  ends,
  ...(hasMoment && { hasMoment }),
  setUp: async (stage) => {
    await stage.deployment(3);
    stage.policy({ ...rung(), approval: { requiredFor: [] } });
    await stage.clock.runUntil(stage.clock.now() + AGE_MS);
  },
  play,
}));

async function approveIfAsked(stage: Stage): Promise<void> {
  const asks = ({ status }: DriftIncident) => status?.phase === 'AwaitingApproval';
  if (await stage.until(() => stage.incidents().some(asks), LOOKS_MS)) approve(stage);
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
