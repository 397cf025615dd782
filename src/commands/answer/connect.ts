// A client for the verbs of people, and a process that stays alive while it waits.
import { clearInterval, setInterval } from 'node:timers';
import type { KubeClient } from '../../kube/client.ts';
import { systemRandom, type Clock } from '../../kube/clock.ts';
import { loadConnection } from '../../kube/connection.ts';
import { createKubeClient } from '../../kube/http-client.ts';
import { createUndiciTransport } from '../../kube/undici-transport.ts';
import { visible } from '../../report/visible.ts';
import { version } from '../../version.ts';

/** Which cluster, as who. */
export interface Place {
  kubeconfig?: string | undefined;
  context?: string | undefined;
}

const AN_HOUR_MS = 3_600_000;
/** Longest error that is printed, in characters. */
const MAX_ERROR = 4096;

/**
 * Runs `work` with a client. @param verb of the program, for the User-Agent.
 * @throws Error whose message is safe to print: it quotes what others wrote.
 */
export async function withClient<T>(
  { kubeconfig, context }: Place,
  { verb, clock }: { verb: string; clock: Clock },
  work: (client: KubeClient) => Promise<T>,
): Promise<T> {
  // Neither the clock's timers nor idle connections keep the process alive.
  const awake = setInterval(() => {}, AN_HOUR_MS);
  try {
    const transport = createUndiciTransport(await loadConnection({ kubeconfig, context }));
    const userAgent = `die-operator-${verb}/${version()}`;
    try {
      return await work(createKubeClient({ transport, clock, random: systemRandom, userAgent }));
    } finally {
      await transport.close();
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(visible(message, MAX_ERROR), { cause: error });
  } finally {
    clearInterval(awake);
  }
}

/** Columns of the terminal; without one lines are as long as they need to be. */
export function terminalWidth(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns : undefined;
}
