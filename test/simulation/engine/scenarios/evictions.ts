// Evictions that do not simply go: budgets that are against them, pods that do not go, and pods that others delete.
import type { KubeObject } from '../../../../src/api/meta.ts';
import { NODES, POD_DISRUPTION_BUDGETS, PODS } from '../../../../src/kube/resources.ts';
import type { Scenario } from '../scenario.ts';
import { NAMESPACE, type Stage } from '../stage.ts';
import { rung } from './ladders.ts';

/** Of pods that keep their labels, so that their budgets count them. */
const GENTLE = rung(['Capture', 'Evict']);
const WAITS = { waitForBudget: '1m' };
/** Longer than any grace here. */
const HOLD_MS = 180_000;
const FINALIZER = 'example.com/hold';

export const EVICTIONS: readonly Scenario[] = [
  budgeted('budget-held', 'allows no eviction, for longer than the policy waits', ['EvictionTimeout'], {
    then: 'Hold',
    budgets: ['web'],
  }),
  budgeted('budget-delete', 'allows no eviction, and the policy lets the pod be deleted then', ['Resolved'], {
    then: 'Delete',
    budgets: ['web'],
  }),
  budgeted('two-budgets', 'is beside another one', ['MultipleDisruptionBudgets'], {
    then: 'Hold',
    budgets: ['web', 'more'],
  }),
  budgeted(
    'two-budgets-delete',
    'is beside another one, and the policy lets the pod be deleted',
    ['Resolved'],
    {
      then: 'Delete',
      budgets: ['web', 'more'],
    },
  ),
  {
    name: 'finalizer-stays',
    about: 'the pod is kept by a finalizer that nobody takes off',
    ends: ['HeldByFinalizer'],
    setUp: async (stage) => {
      await stage.deployment(3);
      stage.policy(rung());
      holdAll(stage);
    },
    play: (stage) => stage.alert(stage.pod(), 'First'),
  },
  {
    name: 'finalizer-goes',
    about: 'the pod is kept by a finalizer, which somebody takes off later',
    ends: ['Resolved'],
    setUp: async (stage) => {
      await stage.deployment(3);
      stage.policy(rung());
      holdAll(stage);
    },
    play: async (stage) => {
      await stage.alert(stage.pod(), 'First');
      await stage.clock.sleep(HOLD_MS);
      for (const { metadata } of stage.pods()) stage.edit(PODS, metadata.name, withFinalizers([]));
    },
  },
  {
    name: 'node-silent',
    about: 'the node of the pod falls silent before the eviction, and comes back later',
    ends: ['Resolved'],
    setUp: async (stage) => {
      await stage.deployment(3);
      stage.policy(rung());
    },
    play: async (stage) => {
      const pod = stage.pod();
      const { nodeName } = pod['spec'] as { nodeName: string };
      setReady(stage, nodeName, 'Unknown');
      await stage.alert(pod, 'First');
      await stage.clock.sleep(HOLD_MS);
      setReady(stage, nodeName, 'True');
    },
  },
  deletedByOthers('deleted-gently', 'with a long grace, which its containers use up', 30),
  deletedByOthers('deleted-by-force', 'by force, while its containers run', 0),
];

function deletedByOthers(name: string, how: string, gracePeriodSeconds: number): Scenario {
  return {
    name,
    about: `somebody deletes the pod ${how}`,
    hasMoment: true,
    ends: ['TargetGone', 'Resolved'],
    setUp: async (stage) => {
      stage.cluster.timings.stopMs = HOLD_MS;
      await stage.deployment(3);
      stage.policy(rung());
    },
    play: async (stage) => {
      const pod = stage.pod();
      const told = stage.alert(pod, 'First');
      await stage.moment();
      stage.remove(PODS, pod.metadata.name, { gracePeriodSeconds });
      await told;
    },
  };
}

function budgeted(
  name: string,
  about: string,
  ends: string[],
  { then, budgets }: { then: 'Hold' | 'Delete'; budgets: string[] },
): Scenario {
  return {
    name,
    about: `a disruption budget ${about}`,
    ends,
    setUp: async (stage) => {
      await stage.deployment(3);
      for (const budget of budgets) addBudget(stage, budget);
      stage.policy({ ...GENTLE, eviction: { ...WAITS, then } });
      await stage.clock.runUntil(stage.clock.now() + 1_000);
    },
    play: async (stage) => {
      await stage.alert(stage.pod(), 'First');
      // Whoever deletes too early, or at all, is seen.
      await stage.clock.sleep(HOLD_MS);
    },
  };
}

function addBudget({ cluster }: Stage, name: string): void {
  cluster.api.create(POD_DISRUPTION_BUDGETS, NAMESPACE, {
    metadata: { name, namespace: NAMESPACE },
    spec: { minAvailable: 3, selector: { matchLabels: { app: 'web' } } },
  });
}

function holdAll(stage: Stage): void {
  for (const { metadata } of stage.pods()) stage.edit(PODS, metadata.name, withFinalizers([FINALIZER]));
}

function withFinalizers(finalizers: string[]): (object: KubeObject) => object {
  return ({ metadata }) => ({ metadata: { ...metadata, finalizers } });
}

function setReady(stage: Stage, name: string, status: string): void {
  stage.acted();
  const conditions = [{ type: 'Ready', status, reason: 'NodeStatusUnknown' }];
  stage.cluster.api.update(NODES, { name }, 'status', (node) => ({
    ...node,
    status: { ...(node['status'] as object), conditions },
  }));
}
