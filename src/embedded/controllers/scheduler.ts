// The scheduler: gives each new pod the node with the fewest pods.
import type { KubeObject } from '../../api/meta.ts';
import { NODES, PODS } from '../../kube/resources.ts';
import { serverTime, type Backend } from '../backend.ts';
import { withPodCondition } from '../conditions.ts';
import type { DirectApi } from '../direct.ts';
import type { Reconciliation } from './reconciler.ts';
import { keyOf, parseKey, type Pod } from './shapes.ts';

interface Node extends KubeObject {
  spec: { unschedulable?: boolean };
}

/** See the file's first line. A pod without a fitting node waits for one, cordoned nodes take none. */
export function schedulerController(backend: Backend, api: DirectApi, delayMs: number): Reconciliation {
  const waiting = () => (api.list(PODS) as Pod[]).filter(isUnbound).map(keyOf);
  return {
    delayMs,
    initial: waiting,
    affected: ({ resource, object }) => {
      if (resource === NODES) return waiting();
      return resource === PODS && isUnbound(object as Pod) ? [keyOf(object)] : [];
    },
    reconcile: (key) => {
      const pod = api.get(PODS, parseKey(key)) as Pod | undefined;
      const node = pod && isUnbound(pod) ? leastUsedNode(api) : undefined;
      if (pod && node !== undefined) bind(api, pod, node, serverTime(backend.clock.now()));
      return undefined;
    },
  };
}

function isUnbound({ spec, metadata }: Pod): boolean {
  return spec.nodeName === undefined && metadata.deletionTimestamp === undefined;
}

function leastUsedNode(api: DirectApi): string | undefined {
  const pods = api.list(PODS) as Pod[];
  const load = (name: string) => pods.filter(({ spec }) => spec.nodeName === name).length;
  const open = (api.list(NODES) as Node[]).filter(({ spec }) => spec.unschedulable !== true);
  const [best] = open
    .map(({ metadata: { name } }) => ({ name, pods: load(name) }))
    .toSorted((a, b) => a.pods - b.pods || a.name.localeCompare(b.name));
  return best?.name;
}

function bind(api: DirectApi, pod: Pod, nodeName: string, now: string): void {
  const scheduled = { type: 'PodScheduled', status: 'True' };
  api.update(PODS, pod.metadata, 'binding', (stored) => ({
    ...withPodCondition(stored, scheduled, now),
    spec: { ...pod.spec, nodeName },
  }));
}
