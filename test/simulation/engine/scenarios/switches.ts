// The pause switch, disruption budgets and the last Ready copy: what holds an eviction up until somebody lets it go.
import { DEPLOYMENTS, POD_DISRUPTION_BUDGETS } from '../../../../src/kube/resources.ts';
import type { KubeObject } from '../../../../src/api/meta.ts';
import type { Scenario } from '../scenario.ts';
import { NAMESPACE, type Stage } from '../stage.ts';
import { rung } from './ladders.ts';

/** Long enough that an eviction which does not wait is seen. */
const HOLD_MS = 40_000;

export const SWITCHES: readonly Scenario[] = [
  {
    name: 'paused',
    about: 'die-operator is paused, and resumed later',
    ends: ['Resolved'],
    setUp: async (stage) => {
      await stage.deployment(3);
      stage.policy(rung());
      stage.pause(true);
    },
    play: async (stage) => {
      await stage.alert(stage.pod(), 'First');
      await stage.clock.sleep(HOLD_MS);
      stage.pause(false);
    },
  },
  {
    name: 'paused-midway',
    about: 'die-operator is paused half-way, and resumed later',
    hasMoment: true,
    ends: ['Resolved'],
    setUp: async (stage) => {
      await stage.deployment(3);
      stage.policy(rung());
    },
    play: async (stage) => {
      const told = stage.alert(stage.pod(), 'First');
      await stage.moment();
      stage.pause(true);
      await stage.clock.sleep(HOLD_MS);
      stage.pause(false);
      await told;
    },
  },
  {
    name: 'paused-deletion',
    about: 'the incident of a quarantine is deleted while die-operator is paused',
    ends: ['Quarantined'],
    setUp: async (stage) => {
      await stage.deployment(3);
      stage.policy(rung(['Isolate']));
      stage.pause(true);
    },
    play: async (stage) => {
      await stage.alert(stage.pod(), 'First');
      await stage.phase('Quarantined');
      stage.deleteIncidents();
      await stage.clock.sleep(HOLD_MS);
      stage.pause(false);
    },
  },
  {
    name: 'budget',
    about: 'a disruption budget allows no eviction, and is lifted later',
    ends: ['Resolved'],
    setUp: async (stage) => {
      await stage.deployment(3);
      budget(stage);
      stage.policy(rung(['Capture', 'Evict']));
      await stage.clock.runUntil(stage.clock.now() + 1_000);
    },
    play: async (stage) => {
      await stage.alert(stage.pod(), 'First');
      await stage.clock.sleep(HOLD_MS);
      stage.remove(POD_DISRUPTION_BUDGETS, 'web');
    },
  },
  {
    name: 'last-copy',
    about: 'the only copy is to be evicted; another one comes later',
    ends: ['Resolved'],
    setUp: async (stage) => {
      await stage.deployment(1);
      stage.policy(rung());
    },
    play: async (stage) => {
      await stage.alert(stage.pod(), 'First');
      await stage.clock.sleep(HOLD_MS);
      stage.edit(DEPLOYMENTS, 'web', scaledTo(2));
    },
  },
];

function budget({ cluster }: Stage): void {
  cluster.api.create(POD_DISRUPTION_BUDGETS, NAMESPACE, {
    metadata: { name: 'web', namespace: NAMESPACE },
    spec: { minAvailable: 3, selector: { matchLabels: { app: 'web' } } },
  });
}

function scaledTo(replicas: number): (object: KubeObject) => object {
  return (object) => ({ spec: { ...(object['spec'] as object), replicas } });
}
