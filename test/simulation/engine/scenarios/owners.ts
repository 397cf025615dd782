// Pods of every owner. Where the embedded cluster has no controller of that kind, the story stands in for it.
import type { KubeObject, OwnerReference } from '../../../../src/api/meta.ts';
import {
  apiVersionOf,
  DAEMON_SETS,
  JOBS,
  PODS,
  STATEFUL_SETS,
  type Resource,
} from '../../../../src/kube/resources.ts';
import type { Scenario } from '../scenario.ts';
import { NAMESPACE, type Stage } from '../stage.ts';
import { rung } from './ladders.ts';

// Nobody is asked about a StatefulSet as such; about a bare pod people are.
const UNASKED = { approval: { requiredFor: ['BarePod', 'LastReadyCopy'] } };

interface Owner {
  name: string;
  /** Absent: nobody, or somebody whom nobody knows. */
  resource?: Resource;
  unknown?: boolean;
  /** Whether a pod that went comes again under its name. */
  recreates: boolean;
  ends: string[];
}

const OWNERS: readonly Owner[] = [
  { name: 'stateful-set', resource: STATEFUL_SETS, recreates: true, ends: ['Resolved'] },
  { name: 'daemon-set', resource: DAEMON_SETS, recreates: true, ends: ['Resolved'] },
  { name: 'job', resource: JOBS, recreates: false, ends: ['Failed'] },
  { name: 'unknown-owner', unknown: true, recreates: true, ends: ['Resolved'] },
  { name: 'bare', recreates: false, ends: ['AwaitingApproval', 'ApprovalEnding', 'ApprovalExpired'] },
];

export const OWNED: readonly Scenario[] = [
  ...OWNERS.map((owner): Scenario => ({
    name: owner.name,
    about: `a pod of owner ${owner.name} drifts`,
    ends: owner.ends,
    setUp: async (stage) => {
      prepare(stage, owner);
      stage.policy({ ...rung(), ...UNASKED });
      await stage.settlePods(2);
    },
    play: async (stage) => {
      const pod = stage.pod();
      const told = stage.alert(pod, 'First');
      if (owner.recreates) await recreate(stage, pod);
      await told;
    },
  })),
  {
    name: 'release-unowned',
    about: 'a pod that lost its unknown owner is released',
    ends: ['Released'],
    setUp: async (stage) => {
      prepare(stage, { name: 'fleet', unknown: true, recreates: false, ends: [] });
      stage.policy(rung(['Isolate']));
      await stage.settlePods(2);
    },
    play: async (stage) => {
      await stage.alert(stage.pod(), 'First');
      await stage.phase('Quarantined');
      stage.release();
    },
  },
  {
    name: 'same-name',
    about: 'a bare pod is deleted half-way and another one gets its name',
    hasMoment: true,
    ends: ['TargetGone'],
    setUp: async (stage) => {
      stage.bare('web-0');
      stage.bare('web-1');
      stage.policy(rung());
      await stage.settlePods(2);
    },
    play: async (stage) => {
      const pod = stage.pod();
      const told = stage.alert(pod, 'First');
      await stage.moment();
      stage.remove(PODS, pod.metadata.name);
      await recreate(stage, pod);
      await told;
    },
  },
];

function prepare(stage: Stage, { name, resource, unknown }: Owner): void {
  const owners = ownersOf(stage, name, resource, unknown ?? false);
  for (const pod of ['web-0', 'web-1']) stage.bare(pod, NAMESPACE, owners);
}

function ownersOf(
  { cluster }: Stage,
  name: string,
  resource: Resource | undefined,
  unknown: boolean,
): OwnerReference[] {
  if (unknown) {
    return [{ apiVersion: 'example.com/v1', kind: 'Fleet', name, uid: 'fleet-uid-1', controller: true }];
  }
  if (!resource) return [];
  const made = cluster.api.create(resource, NAMESPACE, ownerObject(name, resource));
  const apiVersion = apiVersionOf(resource);
  return [{ apiVersion, kind: resource.kind, name, uid: made.metadata.uid, controller: true }];
}

// One that wants no pods: a controller of the embedded cluster, if there is one, has nothing to do. For Jobs there is none, and
// one that is suspended would need no replacement.
function ownerObject(name: string, resource: Resource): object {
  const selector = { matchLabels: { nobody: 'has-this' } };
  const template = {
    metadata: { labels: { nobody: 'has-this' } },
    spec: {
      restartPolicy: resource === JOBS ? 'Never' : 'Always',
      containers: [{ name: 'web', image: 'x' }],
      ...(resource === DAEMON_SETS && { nodeSelector: { no: 'node' } }),
    },
  };
  const spec = {
    ...(resource === STATEFUL_SETS && { replicas: 0, serviceName: name, selector }),
    ...(resource === DAEMON_SETS && { selector }),
    template,
  };
  return { metadata: { name, namespace: NAMESPACE }, spec };
}

/** Stands in for a controller: once the pod is gone, another one of its name comes. */
async function recreate(stage: Stage, pod: KubeObject): Promise<void> {
  const gone = () => !stage.pods().some(({ metadata }) => metadata.uid === pod.metadata.uid);
  if (!(await stage.until(gone, 30 * 60_000))) return;
  await stage.clock.sleep(300);
  stage.bare(pod.metadata.name, NAMESPACE, pod.metadata.ownerReferences ?? []);
}
