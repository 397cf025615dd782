// One watch request as a stream of events.
import type { ObjectMeta } from '../api/meta.ts';
import { hasMetadata, isIdentified, isSuccess, parseObject, readError } from './answer.ts';
import { each, withinEach } from './body.ts';
import type { WatchEvent } from './client.ts';
import { deadline, type Clock } from './clock.ts';
import { brokenAnswer, networkError, type KubeError } from './errors.ts';
import { splitLines } from './lines.ts';
import type { HttpResponse } from './transport.ts';

/** Largest event: etcd holds objects up to 1.5 MiB, and JSON is larger than what it stores. */
const MAX_LINE_BYTES = 8 * 1024 * 1024;
/** Longest time for the text of a refusal. */
const REFUSAL_MS = 10_000;
const EVENT_TYPES: ReadonlySet<string> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']);

/** How a watch is opened and limited. */
export interface WatchRequest {
  /** Verb and object for messages. */
  doing: string;
  /** Sends the request; the signal ends it. */
  open: (signal: AbortSignal) => Promise<HttpResponse>;
  clock: Clock;
  /** Milliseconds of silence after which the connection is taken for dead. */
  idleMs: number;
  signal: AbortSignal;
}

/** See `KubeClient.watch`. The time that a consumer takes for an event is not counted as silence. */
export async function* watchEvents(request: WatchRequest): AsyncGenerator<WatchEvent, void, void> {
  const { doing, open, clock, idleMs, signal } = request;
  const leaving = new AbortController();
  const within = withinEach(clock, idleMs, signal);
  try {
    const response = await within(open(AbortSignal.any([signal, leaving.signal])));
    if (!isSuccess(response)) throw await refusal(request, response);
    for await (const line of splitLines(each(response.body, within), MAX_LINE_BYTES)) {
      yield parseEvent(doing, line);
    }
  } catch (error) {
    throw networkError(doing, error, signal);
  } finally {
    leaving.abort();
  }
}

// Who refuses a watch may not get to the end of saying why.
async function refusal({ doing, clock, signal }: WatchRequest, response: HttpResponse): Promise<KubeError> {
  const limit = deadline(clock, REFUSAL_MS, signal);
  try {
    return await readError(doing, response, limit.signal);
  } finally {
    limit.done();
  }
}

function parseEvent(doing: string, line: string): WatchEvent {
  const event = parseObject(doing, line) as Partial<WatchEvent>;
  if (event.type !== 'ERROR' && !isEvent(event)) throw brokenAnswer(doing, 'a line of the watch is no event');
  return event as WatchEvent;
}

function isEvent({ type, object }: Partial<WatchEvent>): boolean {
  if (type === undefined || !EVENT_TYPES.has(type) || !hasMetadata(object)) return false;
  if (type !== 'BOOKMARK') return isIdentified(object);
  // About no object: it tells only what the next watch goes on from.
  const { resourceVersion } = object.metadata as Partial<ObjectMeta>;
  return typeof resourceVersion === 'string' && resourceVersion !== '';
}
