// Small values that many tests of this room use.
import type { KubeObject } from '../../../../src/api/meta.ts';
import type { KubeClient } from '../../../../src/kube/client.ts';
import type { Random } from '../../../../src/kube/clock.ts';
import { createKubeClient } from '../../../../src/kube/http-client.ts';
import type { Log } from '../../../../src/kube/log.ts';
import type { Transport } from '../../../../src/kube/transport.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';

/** No jitter: every wait has its middle length. */
export const steady: Random = () => 0.5;

/** A pod of shop, as far as a test looks at it. */
export function pod(
  name: string,
  resourceVersion: string,
  rest: Partial<KubeObject['metadata']> = {},
): KubeObject {
  const metadata = {
    name,
    namespace: 'shop',
    uid: `uid-${name}`,
    resourceVersion,
    creationTimestamp: '',
    ...rest,
  };
  return { metadata };
}

/** A list answer. */
export const list = (items: readonly object[], resourceVersion: string, next?: string) => ({
  kind: 'PodList',
  metadata: { resourceVersion, ...(next === undefined ? {} : { continue: next }) },
  items,
});

/** A log that keeps its lines. */
export class MemoryLog implements Log {
  readonly lines: { level: string; fields: Record<string, unknown>; message: string }[] = [];

  debug(fields: object, message: string): void {
    this.lines.push({ level: 'debug', fields: { ...fields }, message });
  }

  warn(fields: object, message: string): void {
    this.lines.push({ level: 'warn', fields: { ...fields }, message });
  }

  error(fields: object, message: string): void {
    this.lines.push({ level: 'error', fields: { ...fields }, message });
  }

  /** Messages of one level. */
  at(level: string): string[] {
    return this.lines.filter((line) => line.level === level).map((line) => line.message);
  }
}

/** A client with its virtual clock. */
export function clientOf(transport: Transport): { client: KubeClient; clock: VirtualClock } {
  const clock = new VirtualClock();
  return { client: createKubeClient({ transport, clock, random: steady }), clock };
}

/** Runs `work` while virtual time goes on by `ms`, and gives its result. */
export async function during<T>(clock: VirtualClock, ms: number, work: Promise<T>): Promise<T> {
  work.catch(() => {});
  await clock.advance(ms);
  return work;
}

/** The rejection of `work`, with virtual time going on by `ms`. */
export async function rejection(clock: VirtualClock, ms: number, work: Promise<unknown>): Promise<unknown> {
  return during(
    clock,
    ms,
    work.then(
      () => expectRejection(),
      (error: unknown) => error,
    ),
  );
}

function expectRejection(): never {
  throw new Error('it did not reject');
}
