// Asks for messages, never for more than there is room for, and follows each until it is answered.
import type { Consumer } from '@nats-io/jetstream';
import { sleep, type Clock } from '../../kube/clock.ts';
import { handle, type DeliveryContext, type Message } from './delivery.ts';
import type { InHand } from './in-hand.ts';
import type { MessageResult } from './results.ts';

/** What a reader needs. */
export interface ReaderOptions {
  consumer: Pick<Consumer, 'fetch'>;
  context: DeliveryContext;
  inHand: InHand<Message>;
  /** Counts what became of each delivery. */
  message: (result: MessageResult) => void;
  /** Called when the server answered a request for messages, and with each message. */
  onAnswer: (message?: Message) => void;
}

/**
 * How long the server holds a request for messages that are not there yet. It is also what a stop waits for: a request
 * cannot be taken back, and what comes for one that nobody listens to any more is only handed out again after ack_wait.
 */
const REQUEST_MS = 2_000;
/** Two of these without a word from the server and it is taken to be gone. */
const HEARTBEAT_MS = 1_000;

/** Reads until `stopping` fires and the last request has run out. Rejects when the server does not answer. */
export async function readMessages(options: ReaderOptions): Promise<void> {
  const { consumer, context, inHand, onAnswer } = options;
  const { pace, clock, stopping } = context;
  while (!stopping.aborted) {
    if (pace.pauseMs > 0) await sleep(clock, pace.pauseMs, stopping);
    await inHand.roomy(stopping);
    if (stopping.aborted) return;
    const request = {
      max_messages: pace.trying ? 1 : inHand.room,
      expires: REQUEST_MS,
      idle_heartbeat: HEARTBEAT_MS,
    };
    for await (const message of await consumer.fetch(request)) {
      onAnswer(message);
      void follow(message, options);
    }
    onAnswer();
  }
}

/** Tells the server every `everyMs` milliseconds, until `signal` fires, what is still worked on. */
export async function keepAlive(
  inHand: Pick<InHand<Message>, 'keepAlive'>,
  everyMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  for (; !signal.aborted; await sleep(clock, everyMs, signal)) inHand.keepAlive();
}

async function follow(message: Message, { context, inHand, message: count }: ReaderOptions): Promise<void> {
  inHand.add(message);
  const result = await handle(message, context);
  if (result === undefined) inHand.keep(message);
  // What was given back meanwhile is counted already.
  else if (inHand.remove(message)) count(result);
}
