// Waiting for servers to become ready: it ends as soon as one of them does.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Daemon } from './processes.ts';

/** A busy machine needs most of it. */
const READY_MS = 120_000;
const POLL_MS = 50;

/**
 * Asks until there is an answer other than undefined or false, and returns it. Rejects with the last lines of the servers'
 * logs when one of them ends, or after {@link READY_MS}.
 */
export async function waitFor<T>(
  what: string,
  servers: readonly Daemon[],
  ask: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const end = performance.now() + READY_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    const dead = servers.find((server) => server.ended() !== undefined);
    if (dead) throw new Error(`waiting until ${what}: ${dead.name} ${dead.ended()}\n${dead.logTail()}`);
    if (performance.now() > end) {
      const logs = servers.map((server) => `--- ${server.name}\n${server.logTail()}`);
      throw new Error(`not within ${READY_MS / 1000} s: ${what}\n${logs.join('\n')}`);
    }
    await sleep(POLL_MS);
  }
}

/** As Promise.all, but rejects only when all have ended: what one of them starts late must not be missed by the clean-up. */
export async function allEnded<T extends readonly unknown[]>(work: {
  [K in keyof T]: Promise<T[K]>;
}): Promise<T> {
  await Promise.allSettled(work);
  return Promise.all(work) as Promise<unknown> as Promise<T>;
}
