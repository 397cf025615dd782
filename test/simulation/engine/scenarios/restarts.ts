// Bare pods that are made anew, and who comes in between.
import type { KubeObject } from '../../../../src/api/meta.ts';
import { CONTROLLER_REVISIONS, PODS } from '../../../../src/kube/resources.ts';
import { DIGEST, IMAGE } from '../../../support/world.ts';
import type { Scenario } from '../scenario.ts';
import { NAMESPACE, type Stage } from '../stage.ts';
import { isLabelled } from '../promises/pods.ts';
import { addClusterPolicy } from './cluster-policy.ts';

const NAME = 'lonely';
const EVIL = 'registry.example/shop/evil:1';

const POLICY = {
  mode: 'Enforce',
  approval: { requiredFor: [] },
  eviction: { replacement: { quietFor: '20s' } },
  responses: [{ name: 'restart', minSeverity: 'Warning', actions: ['Isolate', 'Capture', 'Restart'] }],
};

interface Restart {
  name: string;
  about: string;
  ends: string[];
  hasMoment?: true;
  act?: (stage: Stage) => Promise<void> | void;
}

const RESTARTS: readonly Restart[] = [
  { name: 'restart-bare', about: 'a bare pod is made anew', ends: ['Resolved'] },
  {
    name: 'restart-name-taken',
    about: 'somebody takes the name of the pod as soon as it is free',
    ends: ['Failed', 'Resolved', 'TargetGone'],
    act: async (stage) => {
      const uid = stage.alerts[0]?.pod;
      const isGone = () => !stage.pods().some(({ metadata }) => metadata.uid === uid);
      await stage.until(isGone);
      // Who comes second is refused.
      if (!stage.pods().some(({ metadata }) => metadata.name === NAME)) make(stage, NAME);
    },
  },
  {
    name: 'restart-image-changed',
    about: 'somebody changes the image of the pod in place',
    ends: ['Resolved', 'SpecChanged', 'TargetGone'],
    act: async (stage) => {
      // While its evidence is captured.
      await stage.until(() => stage.pods().some(isLabelled));
      if (stage.pods().some(({ metadata }) => metadata.uid === stage.alerts[0]?.pod))
        stage.edit(PODS, NAME, withImage);
    },
  },
  {
    name: 'restart-deleted',
    about: 'its owner deletes the pod half-way',
    ends: ['Resolved', 'TargetGone', 'Failed'],
    hasMoment: true,
    act: async (stage) => {
      await stage.moment();
      if (stage.pods().some(({ metadata }) => metadata.uid === stage.alerts[0]?.pod))
        stage.remove(PODS, NAME);
    },
  },
  {
    name: 'restart-tampered',
    about: 'somebody puts another manifest in the place of the one that was kept',
    // A process that died before it had noted the first one keeps another.
    ends: ['Failed', 'ManifestChanged', 'Resolved'],
    act: async (stage) => {
      const kept = () => stage.cluster.api.list(CONTROLLER_REVISIONS, NAMESPACE)[0];
      await stage.until(() => kept() !== undefined);
      const revision = kept();
      if (!revision) return;
      stage.remove(CONTROLLER_REVISIONS, revision.metadata.name);
      const data = revision['data'] as { spec: object };
      stage.cluster.api.create(CONTROLLER_REVISIONS, NAMESPACE, {
        metadata: { name: revision.metadata.name, namespace: NAMESPACE },
        data: { ...data, spec: { ...data.spec, containers: [{ name: 'web', image: EVIL }] } },
        revision: 1,
      });
    },
  },
];

export const RESTARTED: readonly Scenario[] = RESTARTS.map(({ act, ...scenario }) => ({
  ...scenario,
  setUp: async (stage) => {
    for (const image of [IMAGE, EVIL]) stage.cluster.images.set(image, DIGEST);
    make(stage, NAME);
    await stage.settlePods(1);
    addClusterPolicy(stage, POLICY);
  },
  play: async (stage) => {
    await stage.alert(stage.pod(), 'First');
    await act?.(stage);
    stage.acted();
  },
}));

// By its tag: the pin is the operator's.
function make(stage: Stage, name: string): void {
  stage.acted();
  stage.cluster.api.create(PODS, NAMESPACE, {
    metadata: { name, namespace: NAMESPACE, labels: { app: 'web' } },
    spec: { containers: [{ name: 'web', image: IMAGE }] },
  });
}

// Nothing else of a container can be changed in place.
function withImage({ spec }: KubeObject): object {
  const { containers, ...rest } = spec as { containers: object[] };
  return { spec: { ...rest, containers: containers.map((container) => ({ ...container, image: EVIL })) } };
}
