// Which containers of a pod there are to be read on its node: those of every kind, and the ones before their last restart.
import { z } from 'zod';
import type { KubeObject } from '../api/meta.ts';
import type { CaptureOrder } from '../helpers/capture-order.ts';

/** One of an order. */
export type CapturedContainer = CaptureOrder['containers'][number];

const MAX_CONTAINERS = 128;
const ID = /^[a-z0-9-]{1,32}:\/\/([0-9a-f]{64})$/;

const EndSchema = z.object({ containerID: z.string().optional().catch(undefined) });
const StatusSchema = z.object({
  name: z.string().min(1).max(63),
  containerID: z.string().optional().catch(undefined),
  state: z.object({ terminated: EndSchema.optional() }).catch({}),
  lastState: z.object({ terminated: EndSchema.optional() }).catch({}),
});
const StatusesSchema = z.array(z.unknown()).catch([]);

/** What {@link capturedContainers} found. */
export interface Found {
  /** Those that run first. */
  containers: CapturedContainer[];
  /** Names of those that are left out, since their ID is none that a node could be asked for, or they are too many. */
  leftOut: string[];
}

/**
 * The containers that the pod has or had.
 * @param pods the same pod as it was read at several times, the latest last: what that says of a container counts.
 */
export function capturedContainers(pods: readonly KubeObject[]): Found {
  const found = new Map<string, CapturedContainer>();
  const leftOut = new Set<string>();
  for (const { name, containerID, ended } of pods.flatMap(statusesOf)) {
    const id = ID.exec(containerID)?.[1];
    if (id === undefined) leftOut.add(name);
    else found.set(id, { name, id, ended });
  }
  const all = [...found.values()].toSorted((a, b) => Number(a.ended) - Number(b.ended));
  for (const { name } of all.slice(MAX_CONTAINERS)) leftOut.add(name);
  return { containers: all.slice(0, MAX_CONTAINERS), leftOut: [...leftOut] };
}

function statusesOf(pod: KubeObject): { name: string; containerID: string; ended: boolean }[] {
  const status = (pod['status'] ?? {}) as Record<string, unknown>;
  const kinds = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'];
  return kinds
    .flatMap((kind) => StatusesSchema.parse(status[kind]))
    .flatMap((one) => StatusSchema.safeParse(one).data ?? [])
    .flatMap(({ name, containerID = '', state, lastState }) => {
      const before = lastState.terminated?.containerID ?? '';
      return [
        { name, containerID: before, ended: true },
        { name, containerID, ended: state.terminated !== undefined },
      ].filter((one) => one.containerID !== '');
    });
}
