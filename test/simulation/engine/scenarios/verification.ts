// Pods that are changed in place, and found by the verification that a policy asks for.
import { PODS } from '../../../../src/kube/resources.ts';
import { ALL, rung } from './ladders.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

const OTHER = `sha256:${'9'.repeat(64)}`;
const IMAGE = `registry.example/shop/web:9@${OTHER}`;
const VERIFIES = { verification: { interval: '1m' } };
const AGE_MS = 2_000;
/** It is looked at several times within this, in milliseconds. */
const LOOKS_MS = 200_000;

interface Story {
  name: string;
  about: string;
  spec: object;
  ends: string[];
  hasMoment?: true;
  play: (stage: Stage) => Promise<void>;
}

const STORIES: readonly Story[] = [
  {
    name: 'verified-change',
    about: 'the image of a pod is changed in place, and the pod is replaced by one of the template',
    spec: rung(ALL),
    ends: ['Resolved'],
    play: async (stage) => change(stage),
  },
  {
    name: 'verified-again',
    about: 'the image of a pod is changed in place, which is only labelled, and found again and again',
    spec: rung(['Label']),
    ends: ['Recorded'],
    play: async (stage) => {
      change(stage);
      await stage.clock.sleep(LOOKS_MS);
    },
  },
  {
    name: 'verified-and-falco',
    about: 'the image of a pod is changed in place, and at any moment Falco tells of the same pod',
    spec: rung(ALL),
    ends: ['Resolved', 'TargetGone'],
    hasMoment: true,
    play: async (stage) => {
      const pod = stage.pod();
      change(stage);
      await stage.moment();
      await stage.alert(pod, 'Second');
    },
  },
];

export const VERIFIED: readonly Scenario[] = STORIES.map(({ name, about, spec, ends, hasMoment, play }) => ({
  name,
  about,
  ends,
  ...(hasMoment && { hasMoment }),
  setUp: async (stage) => {
    stage.cluster.images.set(IMAGE, OTHER);
    await stage.deployment(3);
    stage.policy({ ...spec, ...VERIFIES });
    // Times of creation are whole seconds: what comes in the place of a pod has to be younger than the others.
    await stage.clock.runUntil(stage.clock.now() + AGE_MS);
  },
  play,
}));

function change(stage: Stage): void {
  const { metadata } = stage.pod();
  stage.drifted.add(metadata.uid);
  stage.edit(PODS, metadata.name, (pod) => {
    const spec = pod['spec'] as { containers: object[] };
    return { spec: { ...spec, containers: spec.containers.map((one) => ({ ...one, image: IMAGE })) } };
  });
}
