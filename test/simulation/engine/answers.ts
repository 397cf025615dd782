// Answers that a fault puts in the place of the API server's own.
import type { HttpResponse } from '../../../src/kube/transport.ts';
import { connectionReset } from '../../support/faults.ts';
import type { AnswerFault } from './history.ts';

interface Refusal {
  status: number;
  reason: string;
  message: string;
  headers?: Record<string, string>;
}

const REFUSALS: Partial<Record<AnswerFault, Refusal>> = {
  Conflict: {
    status: 409,
    reason: 'Conflict',
    message:
      'Operation cannot be fulfilled on objects "x": the object has been modified; please apply your changes to the latest version and try again',
  },
  Throttled: {
    status: 429,
    reason: 'TooManyRequests',
    message: 'Too many requests, please try again later.',
  },
  ThrottledFor5s: {
    status: 429,
    reason: 'TooManyRequests',
    message: 'Too many requests, please try again later.',
    headers: { 'retry-after': '5' },
  },
  InternalError: {
    status: 500,
    reason: 'InternalError',
    // With an arrow, as Go's network errors have: what is written of it into a status is tested by the next patch.
    message:
      'Internal error occurred: read tcp 127.0.0.1:40450->127.0.0.1:2379: read: connection reset by peer',
  },
  Unavailable: {
    status: 503,
    reason: 'ServiceUnavailable',
    message: 'the server is currently unable to handle the request',
  },
};

/** The answer of a server that refuses before it did anything; undefined for faults that do not refuse. */
export function refusal(how: AnswerFault | undefined): HttpResponse | undefined {
  const found = how && REFUSALS[how];
  if (!found) return undefined;
  const { status: code, reason, message, headers } = found;
  const body = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
  return {
    status: code,
    headers: { 'content-type': 'application/json', ...headers },
    body: bodyOf(Buffer.from(JSON.stringify(body)), false),
  };
}

/** A body that was read already. A torn one breaks off in the middle. */
export async function* bodyOf(bytes: Uint8Array, torn: boolean): AsyncGenerator<Uint8Array, void, void> {
  if (!torn) {
    if (bytes.length > 0) yield bytes;
    return;
  }
  yield bytes.subarray(0, bytes.length >> 1);
  throw connectionReset();
}
