// What happens to a watch on its way: each line takes its time, and faults hold it, close it, or make it too old.
import { connectionReset } from '../../support/faults.ts';
import type { SimClock } from './clock.ts';
import type { Fault } from './history.ts';
import { never, type Process } from './process.ts';

/** What a gate works with. */
export interface WatchGateOptions {
  clock: SimClock;
  process: Process;
  /** Of this replica. */
  faults: readonly Fault[];
  /** Plural of what is watched. */
  of: string;
  /** Milliseconds that the next line takes. */
  delayMs: () => number;
  /** Fires when nobody reads any more. */
  signal: AbortSignal;
}

type Timed = Fault & { at: number; forMs: number };

const EXPIRED = {
  type: 'ERROR',
  object: {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'too old resource version: 1 (2)',
    reason: 'Expired',
    code: 410,
  },
};

/** See the file's first line. */
export class WatchGate {
  readonly #options: WatchGateOptions;
  readonly #faults: readonly Timed[];
  readonly #opened: number;

  constructor(options: WatchGateOptions) {
    this.#options = options;
    this.#opened = options.clock.elapsed();
    this.#faults = options.faults.filter(
      (fault): fault is Timed =>
        fault.kind === 'Lag' ||
        fault.kind === 'Partition' ||
        (fault.kind === 'Watch' && fault.of === options.of),
    );
  }

  /** The lines as the process gets them. */
  async *through(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
    const lines = body[Symbol.asyncIterator]();
    try {
      for (;;) {
        const line = await this.#next(lines.next());
        if (line === 'Broken') throw connectionReset();
        if (line === 'Expired') yield Buffer.from(`${JSON.stringify(EXPIRED)}\n`);
        if (line === 'Expired' || line.done) return;
        this.#options.clock.stir();
        yield line.value;
      }
    } finally {
      void lines.return?.();
    }
  }

  /** The next line, once it may pass; or how the stream ends, as soon as it does. */
  async #next(next: Promise<Line>): Promise<Line | 'Broken' | 'Expired'> {
    const { clock, process, delayMs } = this.#options;
    const ends = this.#ends();
    const passed = next.then(async (line) => {
      await clock.sleep(delayMs());
      await this.#whileHeld();
      return line;
    });
    const first = await Promise.race([passed, ends.promise]);
    ends.cancel();
    clock.stir();
    await process.turn();
    return first;
  }

  async #whileHeld(): Promise<void> {
    for (;;) {
      const now = this.#options.clock.elapsed();
      const held = this.#faults.find((fault) => fault.at <= now && now < fault.at + fault.forMs);
      if (!held) return;
      await this.#options.clock.sleep(held.at + held.forMs - now);
    }
  }

  /** Resolves when a fault ends the stream. */
  #ends(): { promise: Promise<'Broken' | 'Expired'>; cancel: () => void } {
    const { clock } = this.#options;
    const now = clock.elapsed();
    const cancels = this.#faults.flatMap((fault) => {
      const end = endOf(fault);
      if (!end || end.at <= this.#opened || end.at < now) return [];
      const { promise, resolve } = Promise.withResolvers<'Broken' | 'Expired'>();
      return [{ promise, cancel: clock.after(end.at - now, () => resolve(end.how)) }];
    });
    return {
      promise: cancels.length > 0 ? Promise.race(cancels.map(({ promise }) => promise)) : never(),
      cancel: () => cancels.forEach(({ cancel }) => cancel()),
    };
  }
}

type Line = IteratorResult<Uint8Array, void>;

/** When and how a fault ends the streams that it meets, if it does. */
function endOf(fault: Timed): { at: number; how: 'Broken' | 'Expired' } | undefined {
  const over = fault.at + fault.forMs;
  if (fault.kind === 'Partition') return { at: fault.how === 'Refused' ? fault.at : over, how: 'Broken' };
  if (fault.kind !== 'Watch' || fault.how === 'Held') return undefined;
  return fault.how === 'Closed' ? { at: fault.at, how: 'Broken' } : { at: over, how: 'Expired' };
}
