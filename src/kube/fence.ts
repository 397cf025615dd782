// Keeps a replica that does not lead (any more) from sending. It is around the transport, so that each try of a call is
// looked at, and once more right before it leaves, however long it waited for its turn.
import { each, orAbort } from './body.ts';
import type { KubeClient } from './client.ts';
import type { Cancel, Clock } from './clock.ts';
import { NOT_LEADING } from './errors.ts';
import { createKubeClient, type KubeClientOptions } from './http-client.ts';
import type { Transport } from './transport.ts';

/** The right to act in place of all other replicas. */
export interface Leadership {
  /** Milliseconds for which requests may still be sent; 0 when not leading. */
  remainingMs(): number;
}

/** A request was not sent. A client makes of it an error for which `isNotLeading` holds. */
export class NotLeadingError extends Error {
  readonly code = NOT_LEADING;

  constructor() {
    super('this replica does not lead (any more), so it sends nothing');
    this.name = 'NotLeadingError';
  }
}

/** A request under way was given up; whether it is carried out is unknown, as with any connection that breaks. */
export class LeadershipEndedError extends Error {
  readonly code = 'LeadershipEnded';

  constructor() {
    super('this replica leads no longer, so it does not wait for the answer');
    this.name = 'LeadershipEndedError';
  }
}

/** A client like `createKubeClient`'s that sends, reads included, only while the leadership lasts. */
export function fencedClient(options: KubeClientOptions, leadership: Leadership): KubeClient {
  const transport = fencedTransport(options.transport, leadership, options.clock);
  return createKubeClient({ ...options, transport });
}

/**
 * The transport for as long as the leadership lasts: it rejects what would be sent later with a {@link NotLeadingError},
 * and gives up what is under way when it ends. A renewal meanwhile gives requests under way more time.
 */
export function fencedTransport(transport: Transport, leadership: Leadership, clock: Clock): Transport {
  return async (request) => {
    const beforeSend = () => {
      if (leadership.remainingMs() <= 0) throw new NotLeadingError();
    };
    beforeSend();
    const limit = whileLeading(leadership, clock, request.signal);
    const { signal } = limit;
    try {
      const response = await orAbort(transport({ ...request, signal, beforeSend }), signal);
      return { ...response, body: limitedBody(response.body, limit) };
    } catch (error) {
      limit.done();
      throw error;
    }
  };
}

interface Limit {
  signal: AbortSignal;
  done: Cancel;
}

// Timers of Node take no Infinity, and nothing shorter than a millisecond: what is left of one by rounding is no wait.
const LONGEST_SLEEP_MS = 60_000;
const SHORTEST_SLEEP_MS = 1;

/** A signal that fires when `parent` does or when the leadership is over; `done` frees the timer. */
function whileLeading(leadership: Leadership, clock: Clock, parent: AbortSignal): Limit {
  const over = new AbortController();
  let cancel: Cancel;
  const wait = () => {
    const sleepMs = Math.min(leadership.remainingMs(), LONGEST_SLEEP_MS);
    cancel = clock.after(Math.max(sleepMs, SHORTEST_SLEEP_MS), look);
  };
  const look = () => {
    if (leadership.remainingMs() > 0) wait();
    else over.abort(new LeadershipEndedError());
  };
  wait();
  const signal = AbortSignal.any([parent, over.signal]);
  const done = () => {
    // Node keeps a combined signal for as long as somebody listens to it, for ever if nobody fires it.
    signal.removeEventListener('abort', done);
    cancel();
  };
  signal.addEventListener('abort', done);
  return { signal, done };
}

async function* limitedBody(
  body: AsyncIterable<Uint8Array>,
  { signal, done }: Limit,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* each(body, (work) => orAbort(work, signal));
  } finally {
    done();
  }
}
