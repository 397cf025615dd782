// Replacements that are not clean, do not stay well, or are not wanted any more.
import { isFinal } from '../../../../src/api/incident.ts';
import type { KubeObject } from '../../../../src/api/meta.ts';
import { DEPLOYMENTS, PODS } from '../../../../src/kube/resources.ts';
import { IMAGE, isReady } from '../../../support/world.ts';
import type { Scenario } from '../scenario.ts';
import { NAMESPACE, type Stage } from '../stage.ts';
import { rung } from './ladders.ts';

const OTHER = `sha256:${'e'.repeat(64)}`;
const TOOLS = 'registry.example/shop/tools:1';
const LIMITS = { readyWithin: '40s', quietFor: '30s' };
const POLICY = { ...rung(), eviction: { replacement: LIMITS } };

export const RECOVERY: readonly Scenario[] = [
  {
    name: 'crash-looping',
    about: 'the replacement is Ready for some seconds, and crashes, again and again',
    ends: ['Failed'],
    setUp: (stage) => prepare(stage),
    play: async (stage) => {
      // Whose alert is answered late comes when the replacement is there already.
      const found = newcomers(stage);
      await stage.alert(stage.pod(), 'First');
      // Also where a clock that was set back lets it be waited for longer.
      await crashes(stage, found, 600);
    },
  },
  {
    name: 'starts-twice',
    about: 'the replacement crashes once, soon after it is Ready, and stays well then',
    ends: ['Resolved'],
    setUp: (stage) => prepare(stage),
    play: async (stage) => {
      const found = newcomers(stage);
      await stage.alert(stage.pod(), 'First');
      await crashes(stage, found, 1);
    },
  },
  {
    name: 'moved-tag',
    about: 'the tag of the image is moved before the replacement starts',
    ends: ['Failed'],
    setUp: (stage) => prepare(stage, IMAGE),
    play: async (stage) => {
      stage.cluster.images.set(IMAGE, OTHER);
      await stage.alert(stage.pod(), 'First');
    },
  },
  {
    name: 'moved-init-tag',
    about: 'the tag of the image of an init container is moved before the replacement starts',
    ends: ['Failed'],
    setUp: (stage) => prepare(stage, IMAGE, [{ name: 'setup', image: TOOLS }]),
    play: async (stage) => {
      stage.cluster.images.set(TOOLS, OTHER);
      await stage.alert(stage.pod(), 'First');
    },
  },
  {
    name: 'drifts-again',
    about: 'the replacement drifts while it is watched',
    ends: ['Failed', 'AwaitingApproval', 'BadReplacement', 'Denied', 'Resolved'],
    setUp: (stage) => prepare(stage),
    play: async (stage) => {
      await stage.alert(stage.pod(), 'First');
      await stage.phase('Verifying');
      await stage.clock.sleep(3_000);
      const uid = stage.incidents()[0]?.status?.replacement?.uid;
      const pod = stage.pods().find(({ metadata }) => metadata.uid === uid);
      if (pod) await stage.alert(pod, 'Second');
    },
  },
  {
    name: 'scaled-down',
    about: 'the workload is scaled to nothing half-way',
    hasMoment: true,
    ends: ['Resolved', 'TargetGone'],
    setUp: (stage) => prepare(stage),
    play: async (stage) => {
      const told = stage.alert(stage.pod(), 'First');
      await stage.moment();
      edit(stage, (spec) => ({ ...spec, replicas: 0 }));
      await told;
    },
  },
  {
    name: 'rolled-on',
    about: 'the workload gets another image while the replacement is watched',
    ends: ['Resolved', 'TargetGone'],
    setUp: (stage) => prepare(stage),
    play: async (stage) => {
      await stage.alert(stage.pod(), 'First');
      await stage.phase('Verifying');
      edit(stage, ({ template, ...spec }) => ({
        ...spec,
        template: { ...template, spec: { containers: [{ name: 'web', image: `${IMAGE}@${OTHER}` }] } },
      }));
    },
  },
];

async function prepare(stage: Stage, image?: string, initContainers?: object[]): Promise<void> {
  await stage.deployment(3);
  if (image !== undefined) {
    edit(stage, ({ template, ...spec }) => ({
      ...spec,
      template: {
        ...template,
        spec: { ...(initContainers && { initContainers }), containers: [{ name: 'web', image }] },
      },
    }));
    const runs = (pod: KubeObject) => isReady(pod) && JSON.stringify(pod['spec']).includes(`"${image}"`);
    const patience = stage.clock.now() + 60_000;
    const rolled = () => stage.pods().length === 3 && stage.pods().every(runs);
    await stage.clock.runUntil(patience, rolled);
    if (!rolled()) throw new Error('the workload does not run the image after a minute');
  }
  stage.policy(POLICY);
}

interface Spec {
  replicas: number;
  template: object;
}

function edit(stage: Stage, change: (spec: Spec) => object): void {
  stage.edit(DEPLOYMENTS, 'web', (object) => ({
    spec: change((object as KubeObject & { spec: Spec }).spec),
  }));
}

/** Pods that come after now. */
function newcomers(stage: Stage): () => KubeObject[] {
  const known = new Set(stage.pods().map(({ metadata }) => metadata.uid));
  return () => stage.pods().filter((pod) => !known.has(pod.metadata.uid) && isReady(pod));
}

/** Each of them crashes some seconds after it is Ready, and is Ready again some seconds later. */
async function crashes(stage: Stage, found: () => KubeObject[], times: number): Promise<void> {
  await stage.until(() => found().length > 0);
  for (let n = 1; n <= times && !stage.incidents().some(isFinal); n++) {
    await stage.clock.sleep(4_000);
    for (const pod of found()) set(stage, pod, { restarts: n, ready: false });
    await stage.clock.sleep(4_000);
    for (const { metadata } of stage.pods().filter((pod) => restartsOf(pod) === n))
      set(stage, { metadata }, { restarts: n, ready: true });
    stage.acted();
  }
}

interface Status {
  containerStatuses?: { restartCount: number }[];
  conditions?: { type: string; status: string }[];
}

function restartsOf(pod: KubeObject): number {
  return (pod['status'] as Status | undefined)?.containerStatuses?.[0]?.restartCount ?? 0;
}

function set(
  { cluster, clock }: Stage,
  { metadata: { name } }: Pick<KubeObject, 'metadata'>,
  { restarts, ready }: { restarts: number; ready: boolean },
): void {
  const lastTransitionTime = `${new Date(clock.now()).toISOString().slice(0, 19)}Z`;
  const state = ready ? { running: {} } : { waiting: { reason: 'CrashLoopBackOff' } };
  cluster.api.update(PODS, { namespace: NAMESPACE, name }, 'status', (stored) => {
    const status = (stored['status'] ?? {}) as Status;
    return {
      ...stored,
      status: {
        ...status,
        conditions: (status.conditions ?? []).map((one) =>
          one.type === 'Ready' ? { ...one, status: ready ? 'True' : 'False', lastTransitionTime } : one,
        ),
        containerStatuses: (status.containerStatuses ?? []).map((one) => ({
          ...one,
          restartCount: restarts,
          ready,
          state,
        })),
      },
    };
  });
}
