// One connection to a NATS server, from connecting until it breaks or the receiver stops.
import type { NatsConnection, NodeConnectionOptions } from '@nats-io/transport-node';
import type { ConsumerInfo } from '@nats-io/jetstream';
import { deadline, type Clock } from '../../kube/clock.ts';
import { attach, AttachError } from './attach.ts';
import type { DeliveryContext, Message } from './delivery.ts';
import { describeNatsError } from './describe-error.ts';
import { ackWaitMs } from './findings.ts';
import { InHand } from './in-hand.ts';
import type { NatsLibrary } from './library.ts';
import type { StreamOptions } from './options.ts';
import type { Pace } from './pace.ts';
import { keepAlive, readMessages } from './reader.ts';
import { openServer, type StreamServer } from './servers.ts';
import { setterAside } from './set-aside.ts';
import type { StreamStatus } from './status.ts';
import { deadLetterSubject } from './wanted.ts';

/** What all connections of a stream share. */
export interface SessionContext {
  options: StreamOptions;
  nats: NatsLibrary;
  servers: readonly StreamServer[];
  connectionOptions: NodeConnectionOptions;
  status: StreamStatus;
  pace: Pace;
  /** Called with each message. */
  onMessage: (message: Message) => void;
  /** Fires when the receiver stops: what is in hand is finished. */
  stopping: AbortSignal;
  /** Fires when a stop has taken long enough: what is in hand is given back. */
  over: AbortSignal;
  /** Fires when the connection is to be closed, whatever is in hand. */
  closing: AbortSignal;
}

/** Messages in hand at a time: some seconds of the intake's work. */
const CAPACITY = 200;
/**
 * Deliveries of one message. With the delays of pace.ts that is an hour and a half without room at the least; what ends
 * receivers is stopped by it as well.
 */
const MAX_DELIVERIES = 100;
const FLUSH_WITHIN_MS = 1_000;

/** Resolves when the receiver stops; rejects, with words for people in the status, when the connection is no good. */
export async function runSession(context: SessionContext): Promise<void> {
  const ended = new AbortController();
  // Of the process's own signals, nothing may hang on longer than the session.
  const session = {
    ...context,
    ended: ended.signal,
    halt: AbortSignal.any([context.stopping, ended.signal]),
  };
  try {
    const connection = await connect(session);
    if (connection) await use(connection, session);
  } finally {
    ended.abort();
  }
}

interface Session extends SessionContext {
  /** Fires when nothing that still comes in counts any more. */
  ended: AbortSignal;
  /** Fires when no more is to be begun. */
  halt: AbortSignal;
}

async function connect({
  nats,
  connectionOptions,
  status,
  halt,
}: Session): Promise<NatsConnection | undefined> {
  const connecting = nats.core.connect(connectionOptions);
  try {
    const connection = await Promise.race([connecting, fired(halt)]);
    // The library cannot be told to stop trying, but what it opens is closed.
    if (connection === undefined) connecting.then((late) => late.close()).catch(() => {});
    return connection;
  } catch (error) {
    status.disconnected(describeNatsError(error));
    throw error;
  }
}

async function use(connection: NatsConnection, session: Session): Promise<void> {
  const { status } = session;
  try {
    await read(connection, session);
  } catch (error) {
    if (connection.isClosed()) status.disconnected(describeNatsError(await connection.closed()));
    else status.unreadable(error instanceof AttachError ? error.message : describeNatsError(error));
    throw error;
  } finally {
    await connection.close();
  }
}

async function read(connection: NatsConnection, session: Session): Promise<void> {
  const { options, nats, servers, status, halt } = session;
  const { allowUnauthenticated = false, create = false } = options;
  const open = openServer(connection.info, servers, { allowUnauthenticated });
  if (open !== undefined) throw new AttachError(open);
  const forbidden = watchRefusals(connection, options.stream);
  const admin = await nats.jetStream.jetstreamManager(connection, { checkAPI: false });
  const attached = await Promise.race([attach(admin, options, create), forbidden, fired(halt)]);
  if (!attached) return;
  status.found(attached.risky);
  await Promise.race([consume(connection, attached.consumer, session), forbidden]);
}

async function consume(connection: NatsConnection, info: ConsumerInfo, session: Session): Promise<void> {
  const { options, nats, status, over, closing, ended, onMessage } = session;
  const { clock, metrics } = options;
  const inHand = new InHand<Message>(CAPACITY);
  const broken = AbortSignal.any([closing, ended]);
  void keepAlive(inHand, ackWaitMs(info.config) / 3, clock, ended);
  const reading = readMessages({
    consumer: nats.jetStream.jetstream(connection).consumers.getConsumerFromInfo(info),
    context: deliveryContext(connection, info, session),
    inHand,
    message: (result) => metrics.message(result),
    onAnswer: (message) => {
      // A connection that ends also ends the request, as if the server had.
      if (ended.aborted || connection.isClosed()) return;
      status.reading();
      if (message) onMessage(message);
    },
  });
  await Promise.race([reading, fired(broken)]);
  if (broken.aborted) return;
  await inHand.atRest(AbortSignal.any([over, broken]));
  // Not before the last request ran out: what is given back would come back to us.
  for (let left = inHand.giveBack(); left > 0; left--) metrics.message('Returned');
  await flush(connection, clock);
}

function deliveryContext(
  connection: NatsConnection,
  { config: { max_deliver: most = -1 } }: ConsumerInfo,
  { options, nats, status, pace, halt }: Session,
): DeliveryContext {
  return {
    ...options,
    pace,
    stopping: halt,
    setAside: setterAside(connection, nats, options, status),
    detection: (outcome) => options.metrics.detection(outcome),
    // The server never hands out again what had its last delivery: the one before is ours to end it.
    lastDelivery: most > 0 ? Math.min(MAX_DELIVERIES, most - 1) : MAX_DELIVERIES,
  };
}

/** Rejects when the server forbids something but to set messages aside, which is answered where it is done. */
function watchRefusals(connection: NatsConnection, stream: string): Promise<never> {
  const refused = Promise.withResolvers<never>();
  refused.promise.catch(() => {});
  const watch = async () => {
    for await (const event of connection.status()) {
      if (event.type !== 'error') continue;
      const about = 'subject' in event.error ? event.error.subject : undefined;
      if (about !== undefined && about !== deadLetterSubject(stream)) refused.reject(event.error);
    }
  };
  void watch();
  return refused.promise;
}

// Answers are sent in the background: what was given back has to leave before the connection closes.
async function flush(connection: NatsConnection, clock: Clock): Promise<void> {
  const { signal, done } = deadline(clock, FLUSH_WITHIN_MS);
  await Promise.race([connection.flush().catch(() => {}), fired(signal)]);
  done();
}

function fired(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}
