// Reads the payload of a message as the webhook reads a body: same limits, same parser.
import type { Detection } from '../../api/detection.ts';
import { parseFalco } from '../falco.ts';
import { MAX_ALERT_BYTES, parseJson, type Problem } from '../json.ts';
import { tellArrival, type OnArrival } from '../silence.ts';
import type { SetAsideReason } from './results.ts';

/** Why a message is set aside, in our words only. */
export interface Rejection {
  reason: SetAsideReason;
  problem: Problem;
}

/** What a payload turned out to be. */
export type ReadAlert =
  | { kind: 'Detection'; detection: Detection }
  | { kind: 'Ignored' | 'NotAPod' }
  | { kind: 'Rejected'; rejection: Rejection };

/**
 * @param receivedAt when it came in, RFC 3339.
 * @param tell told that it came.
 */
export function readAlert(payload: Uint8Array, receivedAt: string, tell?: OnArrival): ReadAlert {
  if (payload.length > MAX_ALERT_BYTES) {
    const message = `has ${payload.length} bytes; at most ${MAX_ALERT_BYTES} are accepted`;
    return { kind: 'Rejected', rejection: { reason: 'TooLarge', problem: { path: 'body', message } } };
  }
  const json = parseJson(Buffer.from(payload).toString('utf8'));
  if ('problem' in json) return unreadable(json.problem);
  const result = parseFalco(json.value, receivedAt);
  tellArrival(tell, result.kind, json.value);
  switch (result.kind) {
    case 'Detection':
      return { kind: 'Detection', detection: result.detection };
    case 'Invalid':
      return unreadable({ path: result.path, message: result.message });
    default:
      return { kind: result.kind };
  }
}

function unreadable(problem: Problem): ReadAlert {
  return { kind: 'Rejected', rejection: { reason: 'Unreadable', problem } };
}
