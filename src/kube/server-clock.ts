// How far the clock of this machine is from that of the API server, by the date of an answer.
import { OPERATOR_NAME } from '../api/names.ts';
import { orAbort, readUpTo } from './body.ts';
import { deadline, type Clock } from './clock.ts';
import { brokenAnswer, networkError } from './errors.ts';
import type { Transport } from './transport.ts';

const ANSWER_MS = 10_000;
const MAX_BYTES = 65_536;
const HEADERS = { 'user-agent': OPERATOR_NAME };

/** When a request was sent and its answer came, in milliseconds since the epoch by the own clock. */
export interface Asked {
  sent: number;
  received: number;
}

/**
 * Milliseconds that the clock of the API server is ahead of the own one, negative if it is behind; 0 if the two may agree.
 * NaN if that is no date.
 * @param date the header of that name.
 */
export function skewOf(date: string, { sent, received }: Asked): number {
  // The header has whole seconds, cut.
  const [least, most] = [Date.parse(date) - received, Date.parse(date) + 1_000 - sent];
  return least > 0 ? least : Math.min(0, most);
}

/**
 * Asks the API server and answers {@link skewOf}. An answer of any status has a date.
 * @throws KubeError if there is no answer, or no date in it.
 */
export async function readSkew(
  { transport, clock }: { transport: Transport; clock: Clock },
  stopping: AbortSignal,
): Promise<number> {
  const { signal, done } = deadline(clock, ANSWER_MS, stopping);
  const doing = 'get /version';
  try {
    const sent = clock.now();
    const request = { method: 'GET', path: '/version', headers: HEADERS, streaming: false, signal } as const;
    const { headers, body } = await orAbort(transport(request), signal);
    const received = clock.now();
    // Not needed, but what is not read keeps its connection.
    await readUpTo(body, MAX_BYTES, signal);
    const skew = skewOf(headers['date'] ?? '', { sent, received });
    if (Number.isNaN(skew)) throw brokenAnswer(doing, 'the answer has no date');
    return skew;
  } catch (error) {
    throw networkError(doing, error, signal);
  } finally {
    done();
  }
}
