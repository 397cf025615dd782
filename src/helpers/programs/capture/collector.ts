// What collects on a node: what each is given, and what it may use up together with the others.
import type { Clock } from '../../../kube/clock.ts';
import type { CaptureOrder } from '../../capture-order.ts';
import type { CaptureSink } from '../../capture-stream.ts';

/** Bytes of contents that may still be kept, shared by all that collect in one capture. */
export interface ByteBudget {
  /** How many are left. */
  left(): number;
  /** Takes all of them or, where there are not so many left, none; then false. */
  take(bytes: number): boolean;
}

/** A budget of `maxBytes`. */
export function byteBudget(maxBytes: number): ByteBudget {
  let left = maxBytes;
  return {
    left: () => left,
    take: (bytes) => {
      if (bytes > left) return false;
      left -= bytes;
      return true;
    },
  };
}

/** What a collector is given. */
export interface NodeContext {
  order: CaptureOrder;
  /** Where the processes of the node are, all of them: `/proc` of a pod with hostPID. */
  proc: string;
  /** The path in this pod of a path on the node; undefined where that is not mounted. */
  hostFolder: (path: string) => string | undefined;
  clock: Clock;
  /** Fires when the time of this collector is over: it then ends with what it has. */
  signal: AbortSignal;
  budget: ByteBudget;
}

/** One kind of evidence of a node. */
export interface NodeCollector {
  name: 'processes' | 'filesystem';
  /**
   * Puts into the sink what it finds, the most volatile first, and as problems what it could not read.
   * @throws when the sink does; whatever is wrong with what it reads is a problem and not an error.
   */
  collect(context: NodeContext, sink: CaptureSink): Promise<void>;
}
