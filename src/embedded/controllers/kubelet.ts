// The kubelets of all nodes: a bound pod starts after a while, a deleted one stops and then goes. Of a node whose Ready is
// Unknown, as of one that was switched off, the kubelet does nothing.
import { NODES, PODS } from '../../kube/resources.ts';
import { randomText, serverTime, type Backend } from '../backend.ts';
import type { AnyCondition } from '../conditions.ts';
import type { DirectApi } from '../direct.ts';
import { objectAt } from '../json.ts';
import { runningStatus, terminatedStatus } from './kubelet-status.ts';
import type { Reconciliation } from './reconciler.ts';
import { keyOf, parseKey, type Pod } from './shapes.ts';

/** Milliseconds of the passed clock; read each time they are needed. */
export interface KubeletTimings {
  /** From the binding to Ready. */
  startMs: number;
  /** From the deletion to the end of the containers, unless the grace is shorter. */
  stopMs: number;
  /** From the end of the containers to the removal of the object. */
  removeMs: number;
}

/** What a kubelet knows that is not in the API. */
interface Plan {
  uid: string;
  startAt: number;
  /** Decided by the first sight of the deletion: a grace that is shortened later does not end processes earlier. */
  stopAt?: number;
}

const HEX = '0123456789abcdef';
const CONTAINER_ID_LENGTH = 64;
/** Addresses of a node's pod network, without those of network, gateway and broadcast. */
const POD_ADDRESSES = 253;

/** See the file's first line. `images` is read when a pod starts. */
export function kubeletController(
  backend: Backend,
  api: DirectApi,
  images: ReadonlyMap<string, string>,
  timings: KubeletTimings,
): Reconciliation {
  const plans = new Map<string, Plan>();
  const { clock } = backend;
  const planFor = (key: string, uid: string): Plan => {
    const known = plans.get(key);
    const plan = known?.uid === uid ? known : { uid, startAt: clock.now() + timings.startMs };
    plans.set(key, plan);
    return plan;
  };
  return {
    delayMs: 0,
    initial: () => api.list(PODS).map(keyOf),
    affected: ({ resource, object }) => {
      if (resource === PODS) return [keyOf(object)];
      return resource === NODES ? podsOn(api, object.metadata.name) : [];
    },
    reconcile: (key) => {
      const pod = api.get(PODS, parseKey(key)) as Pod | undefined;
      if (pod?.spec.nodeName === undefined) {
        plans.delete(key);
        return undefined;
      }
      if (isSilent(api, pod.spec.nodeName)) return undefined;
      const plan = planFor(key, pod.metadata.uid);
      return pod.metadata.deletionTimestamp === undefined
        ? start(backend, api, pod, { plan, images })
        : stop(backend, api, pod, { plan, timings });
    },
  };
}

function start(
  { clock, random }: Backend,
  api: DirectApi,
  pod: Pod,
  { plan, images }: { plan: Plan; images: ReadonlyMap<string, string> },
): number | undefined {
  if (pod.status.phase !== 'Pending') return undefined;
  const left = plan.startAt - clock.now();
  if (left > 0) return left;
  const newContainerId = () => `containerd://${randomText(random, HEX, CONTAINER_ID_LENGTH)}`;
  const place = { podIP: `10.244.${nodeNumber(pod)}.${1 + Math.ceil(random() * POD_ADDRESSES)}`, images };
  const status = runningStatus(pod, serverTime(clock.now()), newContainerId, place);
  api.update(PODS, pod.metadata, 'status', (stored) => ({ ...stored, status }));
  return undefined;
}

function stop(
  { clock }: Backend,
  api: DirectApi,
  pod: Pod,
  { plan, timings }: { plan: Plan; timings: KubeletTimings },
): number | undefined {
  const graceMs = (pod.metadata.deletionGracePeriodSeconds ?? 0) * 1000;
  plan.stopAt ??= clock.now() + Math.min(graceMs, timings.stopMs);
  const left = plan.stopAt - clock.now();
  if (left > 0) return left;
  const gone = plan.stopAt + timings.removeMs;
  if (pod.status.phase !== 'Failed') {
    const status = terminatedStatus(pod, serverTime(clock.now()));
    api.update(PODS, pod.metadata, 'status', (stored) => ({ ...stored, status }));
  }
  if (clock.now() < gone) return gone - clock.now();
  // A finalizer keeps the object; with grace 0 it goes as soon as the last finalizer does.
  api.delete(PODS, pod.metadata, { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } });
  return undefined;
}

function podsOn(api: DirectApi, node: string): string[] {
  return (api.list(PODS) as Pod[]).filter(({ spec }) => spec.nodeName === node).map(keyOf);
}

function isSilent(api: DirectApi, node: string): boolean {
  const { conditions = [] } = objectAt(api.get(NODES, { name: node })?.['status']) as {
    conditions?: AnyCondition[];
  };
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'Unknown');
}

function nodeNumber({ spec: { nodeName = '' } }: Pod): number {
  return Number(/\d+$/.exec(nodeName)?.[0] ?? 0) % 256;
}
