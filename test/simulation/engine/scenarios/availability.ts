// What a workload can spare: budgets whose status is out of date, pods that race for the same room, and a full quota.
import type { KubeObject } from '../../../../src/api/meta.ts';
import { POD_DISRUPTION_BUDGETS, PODS, RESOURCE_QUOTAS } from '../../../../src/kube/resources.ts';
import type { Scenario } from '../scenario.ts';
import { NAMESPACE, type Stage } from '../stage.ts';
import { rung } from './ladders.ts';

// Nobody is asked, and only what the scenario is about is a limit.
const FREE = {
  approval: { requiredFor: [] },
  limits: {
    cooldown: '0s',
    perWorkload: { quarantined: 9, evicting: 9, recurrences: 9, maxUnavailable: '100%' },
    perNamespace: { quarantined: 9, evictions: 9 },
  },
};

function budget(stage: Stage, spec: object): void {
  const metadata = { name: 'strict', namespace: NAMESPACE };
  const selector = { matchLabels: { app: 'web' } };
  stage.cluster.api.create(POD_DISRUPTION_BUDGETS, NAMESPACE, { metadata, spec: { selector, ...spec } });
}

async function quota(stage: Stage, pods: number): Promise<void> {
  const metadata = { name: 'small', namespace: NAMESPACE };
  stage.cluster.api.create(RESOURCE_QUOTAS, NAMESPACE, { metadata, spec: { hard: { pods: String(pods) } } });
  await settle(stage);
}

async function settle({ clock }: Stage): Promise<void> {
  await clock.runUntil(clock.now() + 2_000);
}

// Its status stays as it was: whoever keeps it hears nothing of a pod that has left, and nothing comes in its place.
async function leaveBudget(stage: Stage): Promise<void> {
  await stage.deployment(3);
  budget(stage, { minAvailable: 2 });
  await quota(stage, 3);
  const { name } = stage.pod(2).metadata;
  stage.edit(PODS, name, ({ metadata }: KubeObject) => ({
    metadata: { ...metadata, labels: { app: 'z' } },
  }));
  await settle(stage);
}

const all = (stage: Stage, count: number) =>
  Promise.all(
    stage
      .pods()
      .slice(0, count)
      .map((pod, n) => stage.alert(pod, `Rule ${n}`)),
  );

export const AVAILABILITY: readonly Scenario[] = [
  {
    name: 'budget-stale',
    about: 'a pod left its budget, nothing came after it, and the status of the budget still counts it',
    ends: ['DisruptionBudget', 'EvictionTimeout'],
    setUp: async (stage) => {
      await leaveBudget(stage);
      stage.policy({ ...rung(), ...FREE });
    },
    play: (stage) => stage.alert(stage.pod(), 'First'),
  },
  {
    name: 'budget-stale-unlabelled',
    about:
      'a pod left its budget, and the pod that drifts is evicted without a label that would bring its status up to date',
    ends: ['DisruptionBudget', 'EvictionTimeout'],
    setUp: async (stage) => {
      await leaveBudget(stage);
      stage.policy({ ...rung(['Capture', 'Evict']), ...FREE });
    },
    play: (stage) => stage.alert(stage.pod(), 'First'),
  },
  {
    name: 'budget-race',
    about: 'three pods drift at once, and their budget can spare one at a time',
    ends: ['Resolved'],
    setUp: async (stage) => {
      await stage.deployment(3);
      budget(stage, { minAvailable: '60%' });
      await settle(stage);
      stage.policy({ ...rung(), ...FREE });
    },
    play: async (stage) => void (await all(stage, 3)),
  },
  {
    name: 'budget-race-number',
    about: 'three pods drift at once, and two have to stay',
    ends: ['Resolved'],
    setUp: async (stage) => {
      await stage.deployment(3);
      budget(stage, { minAvailable: 2 });
      await settle(stage);
      stage.policy({ ...rung(), ...FREE });
    },
    play: async (stage) => void (await all(stage, 3)),
  },
  {
    name: 'share-race',
    about: 'three of six pods drift at once, and of six one may be missing',
    ends: ['Resolved'],
    setUp: async (stage) => {
      await stage.deployment(6);
      const { perWorkload, ...limits } = FREE.limits;
      stage.policy({
        ...rung(),
        ...FREE,
        limits: { ...limits, perWorkload: { ...perWorkload, maxUnavailable: '25%' } },
      });
    },
    play: async (stage) => void (await all(stage, 3)),
  },
  {
    name: 'quota-full',
    about: 'a replacement would be blocked by the quota for as long as the pod is there',
    ends: ['Resolved'],
    setUp: async (stage) => {
      await stage.deployment(4);
      await quota(stage, 4);
      stage.policy({ ...rung(), ...FREE });
    },
    play: (stage) => stage.alert(stage.pod(), 'First'),
  },
  {
    name: 'quota-for-one',
    about: 'two pods drift at once, and the quota has room for one replacement',
    ends: ['Resolved'],
    setUp: async (stage) => {
      await stage.deployment(4);
      await quota(stage, 5);
      stage.policy({ ...rung(), ...FREE });
    },
    play: async (stage) => void (await all(stage, 2)),
  },
];
