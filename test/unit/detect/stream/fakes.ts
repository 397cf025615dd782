// What the tests of this room share: messages that keep how they were answered.
import type { Message } from '../../../../src/detect/stream/delivery.ts';
import { alert } from '../support.ts';

/** How a message was answered, in order: `ack`, `nak 1000`, `working`, `term why`. */
export interface FakeMessage extends Message {
  answers: string[];
}

/** What can differ from the first delivery of a good alert. */
export interface MessageChange {
  body?: unknown;
  deliveries?: number;
  seq?: number;
  subject?: string;
  /** Rejects, or resolves with false, as the server does when it does not confirm. */
  confirm?: () => Promise<boolean>;
  /** Every answer throws, as on a connection that is closed. */
  closed?: boolean;
}

/** A message whose body is that text, those bytes or that value as JSON. */
export function message(change: MessageChange = {}): FakeMessage {
  const { body = alert(), deliveries = 1, seq = 7, subject = 'falco.critical.drift', closed } = change;
  const answers: string[] = [];
  const note = (answer: string) => {
    answers.push(answer);
    if (closed) throw new Error('closed connection');
  };
  const bytes =
    body instanceof Uint8Array ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return {
    answers,
    data: bytes,
    subject,
    seq,
    time: new Date('2026-11-22T18:01:31.000Z'),
    info: { deliveryCount: deliveries, pending: 3 },
    ackAck: async () => {
      note('ack');
      return change.confirm ? change.confirm() : true;
    },
    nak: (ms) => note(ms === undefined ? 'nak' : `nak ${ms}`),
    working: () => note('working'),
    term: (why = '') => note(`term ${why}`),
  };
}
