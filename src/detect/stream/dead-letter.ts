// The copy of a message that is set aside: its payload as it was, and in headers why and where it came from.
import type { JsMsg } from '@nats-io/jetstream';
import type { Rejection } from './read-alert.ts';
import { deadLetterSubject, type StreamNames } from './wanted.ts';

/** What is published to the dead letters. */
export interface DeadLetter {
  subject: string;
  payload: Uint8Array;
  headers: Readonly<Record<string, string>>;
  /** The same for each copy of one message: the server drops the second. */
  id: string;
}

/** The part of a message that is copied. */
export type Original = Pick<JsMsg, 'data' | 'subject' | 'seq' | 'time'> & {
  info: Pick<JsMsg['info'], 'deliveryCount'>;
};

const HEADER_PREFIX = 'Die-Operator-';
const MAX_HEADER = 256;
/** What headers may add to a payload that has the server's largest size; all of them together have less than 2 kB. */
const HEADER_ROOM = 4096;
const NOT_PRINTABLE = /[^\x20-\x7e]/g;
/** Keys of an alert that may be named. Others are the sender's words. */
const KNOWN_KEYS = new Set(['rule', 'priority', 'time', 'output_fields', 'source', 'hostname', 'tags']);

/**
 * Copies the payload whole, unless the server takes only `maxPayload` bytes: then its beginning, and a header says so.
 * No header of the original is copied, and no text of its payload gets into one.
 */
export function deadLetter(
  { data, subject, seq, time, info }: Original,
  { reason, problem }: Rejection,
  { stream }: StreamNames,
  maxPayload: number,
): DeadLetter {
  const room = Math.max(0, maxPayload - HEADER_ROOM);
  const told = {
    Reason: reason,
    Path: ownPath(problem.path),
    Message: problem.message,
    Stream: stream,
    Subject: subject,
    Sequence: String(seq),
    Deliveries: String(info.deliveryCount),
    Stored: time.toISOString(),
    ...(data.length > room && { 'Cut-From-Bytes': String(data.length) }),
  };
  const headers = Object.entries(told).map(([key, value]) => [HEADER_PREFIX + key, headerText(value)]);
  return {
    subject: deadLetterSubject(stream),
    payload: data.length > room ? data.subarray(0, room) : data,
    headers: Object.fromEntries(headers) as Record<string, string>,
    // A stream that is made anew counts from 1 again.
    id: `${stream}.${seq}.${time.getTime()}`,
  };
}

/** What the server is told with the end of a message, and tells on in its advisory. */
export function terminationReason({ reason, problem }: Rejection): string {
  return headerText(`${reason}: ${ownPath(problem.path)} ${problem.message}`);
}

// A path goes into parts of the alert that its sender names: only the first step is kept, and only one of ours.
function ownPath(path: string): string {
  const key = /^[a-z_]+/.exec(path)?.[0] ?? '';
  return KNOWN_KEYS.has(key) ? key : 'body';
}

// A publisher chooses the subject, of which NATS asks little: what is not printable ASCII is replaced.
function headerText(text: string): string {
  return text.replace(NOT_PRINTABLE, '?').slice(0, MAX_HEADER).trim();
}
