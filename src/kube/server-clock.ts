// Asks the API server for its version, and by the date of the answer how far the clock of this machine is from its own.
import { OPERATOR_NAME } from '../api/names.ts';
import { orAbort, readUpTo } from './body.ts';
import { deadline, type Clock } from './clock.ts';
import { brokenAnswer, networkError } from './errors.ts';
import type { Transport } from './transport.ts';

const ANSWER_MS = 10_000;
const MAX_BYTES = 65_536;
/** What {@link askVersion} does, for errors. */
export const GET_VERSION = 'get /version';
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

/** What `/version` answered. */
export interface VersionAnswer extends Asked {
  status: number;
  /** The header of that name; empty if there is none. */
  date: string;
  /** At most 64 KiB. */
  text: string;
}

type Way = { transport: Transport; clock: Clock };

/** Asks the API server for its version, which everybody may. @throws KubeError if there is no answer in 10 s. */
export async function askVersion({ transport, clock }: Way, stopping: AbortSignal): Promise<VersionAnswer> {
  const { signal, done } = deadline(clock, ANSWER_MS, stopping);
  try {
    const sent = clock.now();
    const request = { method: 'GET', path: '/version', headers: HEADERS, streaming: false, signal } as const;
    const { status, headers, body } = await orAbort(transport(request), signal);
    const received = clock.now();
    // What is not read keeps its connection.
    const { bytes } = await readUpTo(body, MAX_BYTES, signal);
    const text = Buffer.from(bytes).toString();
    return { status, date: headers['date'] ?? '', text, sent, received };
  } catch (error) {
    throw networkError(GET_VERSION, error, signal);
  } finally {
    done();
  }
}

/**
 * Asks the API server and answers {@link skewOf}. An answer of any status has a date.
 * @throws KubeError if there is no answer, or no date in it.
 */
export async function readSkew(way: Way, stopping: AbortSignal): Promise<number> {
  const { date, ...asked } = await askVersion(way, stopping);
  const skew = skewOf(date, asked);
  if (Number.isNaN(skew)) throw brokenAnswer(GET_VERSION, 'the answer has no date');
  return skew;
}
