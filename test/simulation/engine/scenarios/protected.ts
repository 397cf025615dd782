// Quarantines in a cluster whose admission policies protect them.
import { PODS } from '../../../../src/kube/resources.ts';
import { PROTECTED } from '../promises/lists.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { ALL, rung } from './ladders.ts';

const HOLDS = { ttl: '24h', onExpiry: 'Notify' } as const;
const DENY = { isolation: { ...HOLDS, onDrain: 'Deny' } } as const;

async function protectedPods(stage: Stage, spec: object): Promise<void> {
  stage.cluster.grants.add(PROTECTED);
  await stage.deployment(3);
  stage.policy(spec);
}

export const PROTECTED_PODS: readonly Scenario[] = [
  {
    name: 'protected-release',
    about: 'a protected quarantine is released half-way',
    ends: ['Released', 'Quarantined'],
    hasMoment: true,
    setUp: (stage) => protectedPods(stage, rung(['Isolate', 'Capture'])),
    play: async (stage) => {
      const told = stage.alert(stage.pod(), 'First');
      await stage.moment();
      stage.release();
      await told;
    },
  },
  {
    name: 'protected-hold',
    about: 'a protected quarantine stays, and a drain may take the pod',
    ends: ['Quarantined'],
    setUp: (stage) => protectedPods(stage, rung(['Isolate', 'Capture'])),
    play: (stage) => stage.alert(stage.pod(), 'First'),
  },
  {
    name: 'protected-replace',
    about: 'a protected pod is evicted',
    ends: ['Resolved'],
    setUp: (stage) => protectedPods(stage, rung(ALL)),
    play: (stage) => stage.alert(stage.pod(), 'First'),
  },
  {
    name: 'protected-deny',
    about: 'a protected quarantine stays, and no drain may take the pod',
    ends: ['Quarantined'],
    setUp: (stage) => protectedPods(stage, { ...rung(['Isolate', 'Capture']), ...DENY }),
    play: (stage) => stage.alert(stage.pod(), 'First'),
  },
  {
    name: 'protected-same-name',
    about: 'a protected bare pod is deleted, and another one that gets its name drifts at once',
    ends: ['TargetGone', 'Quarantined'],
    setUp: async (stage) => {
      stage.cluster.grants.add(PROTECTED);
      stage.bare('web-0');
      stage.policy(rung(['Isolate']));
      await stage.settlePods(1);
    },
    play: async (stage) => {
      const pod = stage.pod();
      await stage.alert(pod, 'First');
      await stage.phase('Quarantined');
      stage.remove(PODS, pod.metadata.name);
      const first = () => stage.pods().some(({ metadata }) => metadata.uid === pod.metadata.uid);
      await stage.until(() => !first());
      stage.bare(pod.metadata.name);
      await stage.clock.sleep(2_000);
      await stage.alert(stage.pod(), 'Second');
    },
  },
];
