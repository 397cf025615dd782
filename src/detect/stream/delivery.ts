// What happens to one message: read, handed to the intake, and answered by what became of it.
import type { JsMsg } from '@nats-io/jetstream';
import type { Detection } from '../../api/detection.ts';
import type { Clock, Random } from '../../kube/clock.ts';
import type { Logger } from '../../observe/log.ts';
import type { Intake } from '../intake.ts';
import type { OutcomeName } from '../outcome.ts';
import type { OnArrival } from '../silence.ts';
import { terminationReason } from './dead-letter.ts';
import { quietly } from './in-hand.ts';
import { redeliveryDelayMs, type Pace } from './pace.ts';
import { readAlert, type Rejection } from './read-alert.ts';
import type { MessageResult } from './results.ts';

/** A message as far as it is handled. */
export type Message = Pick<
  JsMsg,
  'data' | 'subject' | 'seq' | 'time' | 'ackAck' | 'nak' | 'working' | 'term'
> & { info: Pick<JsMsg['info'], 'deliveryCount' | 'pending'> };

/** What handling a message needs. */
export interface DeliveryContext {
  intake: Intake;
  clock: Clock;
  random: Random;
  log: Logger;
  /** Counts what needs no incident; the intake counts the rest. */
  detection: (outcome: OutcomeName) => void;
  onArrival?: OnArrival;
  pace: Pace;
  /** The delivery after which a message is not tried any more. */
  lastDelivery: number;
  /** Copies a message to the dead letters; rejects when it is not stored there. */
  setAside: (message: Message, rejection: Rejection) => Promise<void>;
  /** Fires when this receiver stops. */
  stopping: AbortSignal;
}

const CONFIRM_WITHIN_MS = 5_000;

/** What became of it, and undefined if it is kept in hand, as this receiver stops and gives back all at once. */
export async function handle(message: Message, context: DeliveryContext): Promise<MessageResult | undefined> {
  try {
    return await answer(message, context);
  } catch (error) {
    context.log.error(
      { err: error, sequence: message.seq },
      'a message of the stream was not handled: a defect',
    );
    return giveUpOrLater(
      message,
      'Failed',
      'was not handled: an error inside die-operator, see its log',
      context,
    );
  }
}

async function answer(message: Message, context: DeliveryContext): Promise<MessageResult | undefined> {
  const { deliveryCount } = message.info;
  if (deliveryCount > context.lastDelivery) {
    const problem = { path: 'body', message: `was delivered ${deliveryCount} times, and never done` };
    return setAside(message, { reason: 'TooManyDeliveries', problem }, context);
  }
  // Received when the stream took it: an alert that waited there did not get too old to act on by that.
  const tell = deliveryCount === 1 ? context.onArrival : undefined;
  const alert = readAlert(message.data, message.time.toISOString(), tell);
  switch (alert.kind) {
    case 'Rejected':
      return setAside(message, alert.rejection, context);
    case 'Detection':
      return submit(message, alert.detection, context);
    default:
      context.detection(alert.kind);
      return acknowledge(message);
  }
}

async function submit(
  message: Message,
  detection: Detection,
  context: DeliveryContext,
): Promise<MessageResult | undefined> {
  const submission = context.intake.submit(detection);
  if (!submission.accepted) return refused(message, 'NoRoom', submission.reason, context);
  try {
    await submission.durable;
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'the journal could not take it';
    return refused(message, 'NotDurable', reason, context);
  }
  context.pace.accepted();
  return acknowledge(message);
}

function refused(
  message: Message,
  result: 'NoRoom' | 'NotDurable',
  reason: string,
  context: DeliveryContext,
): Promise<MessageResult> | undefined {
  if (context.stopping.aborted) return undefined;
  context.pace.refused();
  return giveUpOrLater(message, result, `was refused: ${reason}`, context);
}

// The last chance is used up: what would be delivered once more is set aside instead.
async function giveUpOrLater(
  message: Message,
  result: 'NoRoom' | 'NotDurable' | 'Failed',
  why: string,
  context: DeliveryContext,
): Promise<MessageResult> {
  const { deliveryCount } = message.info;
  if (deliveryCount < context.lastDelivery) return later(message, result, context);
  const problem = { path: 'body', message: `was delivered ${deliveryCount} times; at last it ${why}` };
  return setAside(message, { reason: 'TooManyDeliveries', problem }, context);
}

function later(message: Message, result: MessageResult, { random }: DeliveryContext): MessageResult {
  quietly(() => message.nak(redeliveryDelayMs(message.info.deliveryCount, random)));
  return result;
}

// First the copy, then the end: between the two a crash leaves both, and the copy of the next try is dropped as the same.
async function setAside(
  message: Message,
  rejection: Rejection,
  context: DeliveryContext,
): Promise<MessageResult> {
  try {
    await context.setAside(message, rejection);
  } catch {
    // Told by who copies. The message stays: better twice than not at all.
    return later(message, 'NotSetAside', context);
  }
  quietly(() => message.term(terminationReason(rejection)));
  return 'SetAside';
}

async function acknowledge(message: Message): Promise<MessageResult> {
  try {
    return (await message.ackAck({ timeout: CONFIRM_WITHIN_MS })) ? 'Acknowledged' : 'Unconfirmed';
  } catch {
    return 'Unconfirmed';
  }
}
