// The responder's way to a capture pod: a connection that proves to both ends that the other one has the key.
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { deadline, sleep, type Clock } from '../kube/clock.ts';
import { KEY_IDENTITY, SILENCE_MS, START_BYTES, TLS_OPTIONS } from './capture-wire.ts';

/** Where, and with which key. */
export interface DialGiven {
  clock: Clock;
  host: string;
  port: number;
  key: Uint8Array;
  /** How long all of it may take, which the node is told. */
  deadlineMs: number;
  /** Fires when no more is tried; until there is a connection. */
  dialing: AbortSignal;
  /** Fires when all of it is given up. */
  signal: AbortSignal;
}

/** A connection to a capture pod. */
export interface CaptureConnection {
  /** What comes. Throws when the node is silent, the connection breaks or the signal fires. */
  source: AsyncIterable<Uint8Array>;
  /** Ends it, in whatever state it is. */
  close(): void;
}

const TRY_MS = 5_000;
const PAUSE_MS = 250;

/**
 * Connects, again and again until that works: the pod may not listen yet.
 * @param failed is told why each try failed.
 * @returns undefined when `dialing` fired before.
 */
export async function dialCapture(
  given: DialGiven,
  failed: (why: string) => void,
): Promise<CaptureConnection | undefined> {
  const { clock, dialing } = given;
  while (!dialing.aborted) {
    try {
      return connection(await dialOnce(given), given);
    } catch (error) {
      failed(error instanceof Error ? error.message : String(error));
    }
    await sleep(clock, PAUSE_MS, dialing);
  }
  return undefined;
}

async function dialOnce({ clock, host, port, key, deadlineMs, dialing }: DialGiven): Promise<TLSSocket> {
  const socket = connect({
    ...TLS_OPTIONS,
    host,
    port,
    pskCallback: () => ({ psk: key, identity: KEY_IDENTITY }),
    // There is no certificate: the key says who the other one is.
    checkServerIdentity: () => undefined,
  });
  // What comes after the first error, which is looked at below.
  socket.on('error', () => {});
  const limit = deadline(clock, TRY_MS, dialing);
  try {
    await once(socket, 'secureConnect', { signal: limit.signal });
  } catch (error) {
    socket.destroy();
    throw limit.signal.aborted ? new Error(`no answer within ${TRY_MS / 1000} s`) : error;
  } finally {
    limit.done();
  }
  const start = Buffer.alloc(START_BYTES);
  start.writeUInt32BE(Math.max(0, Math.min(2 ** 32 - 1, Math.floor(deadlineMs))));
  socket.write(start);
  return socket;
}

function connection(socket: TLSSocket, { clock, signal }: DialGiven): CaptureConnection {
  const giveUp = () => socket.destroy(new Error(reasonOf(signal)));
  signal.addEventListener('abort', giveUp, { once: true });
  return {
    source: heard(socket, clock),
    close: () => {
      signal.removeEventListener('abort', giveUp);
      socket.destroy();
    },
  };
}

/** What comes, until nothing did for too long. The time in which what came is worked on does not count. */
async function* heard(socket: TLSSocket, clock: Clock): AsyncGenerator<Uint8Array> {
  const pieces = socket[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  try {
    for (;;) {
      const silent = clock.after(SILENCE_MS, () =>
        socket.destroy(new Error(`the node sent nothing for ${SILENCE_MS / 1000} s`)),
      );
      const step: IteratorResult<Uint8Array, unknown> = await pieces.next().finally(silent);
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    socket.destroy();
  }
}

function reasonOf({ reason }: AbortSignal): string {
  return reason instanceof Error ? reason.message : 'it was given up';
}
