// The way out of a capture pod: waits for the one reader that has the key, and sends it frames as fast as it takes them.
import type { Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { deadline, sleep, type Clock } from '../../../kube/clock.ts';
import { BEAT_MS, encodeFrame, KEY_IDENTITY, START_BYTES, TLS_OPTIONS } from '../../capture-wire.ts';

/** What {@link acceptReader} takes. */
export interface ServeGiven {
  clock: Clock;
  /** Of `KEY_BYTES`; for one connection. */
  key: Uint8Array;
  port: number;
  /** Where to listen; default all addresses. */
  host?: string;
  /** How long to wait for the reader. */
  withinMs: number;
  /** Told the port once it listens. */
  listening?: (port: number) => void;
}

/** The reader, which has proven that it has the key. */
export interface Reader {
  /** Milliseconds that it waits for everything. */
  deadlineMs: number;
  /** Resolves when there is room for more. Rejects when the reader is gone. */
  send: (frame: Buffer) => Promise<void>;
  /** Fires when the reader is gone. */
  gone: AbortSignal;
  /** Ends the connection in order, or not, within some seconds. */
  end: () => Promise<void>;
}

/** Nobody with the key came in time. */
export class NoReaderError extends Error {}

/** Whoever connects has this long for the handshake. */
const HANDSHAKE_MS = 5_000;
/** Connections at a time while none has the key. */
const MAX_CONNECTIONS = 16;
const END_MS = 10_000;

/**
 * Listens until one connection has the key, and no longer: everybody else is turned away.
 * @throws NoReaderError; an error of the system when it cannot listen.
 */
export async function acceptReader(given: ServeGiven): Promise<Reader> {
  const { clock, withinMs } = given;
  const limit = deadline(clock, withinMs);
  try {
    const socket = await firstWithKey(given, limit.signal);
    return readerOn(socket, clock, await startOf(socket, clock));
  } finally {
    limit.done();
  }
}

function firstWithKey(
  { key, port, host, listening, withinMs }: ServeGiven,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const others = new Set<Socket>();
  let isTaken = false;
  const server = createServer({
    ...TLS_OPTIONS,
    handshakeTimeout: HANDSHAKE_MS,
    pskCallback: (_socket, identity) => (!isTaken && identity === KEY_IDENTITY ? key : null),
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on('connection', (socket) => {
    others.add(socket);
    // A reset; `close` follows.
    socket.on('error', () => {});
    socket.once('close', () => others.delete(socket));
  });
  // Noise, or another key: the connection is closed by then.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  const stop = (kept?: TLSSocket) => {
    server.close();
    for (const socket of others) if (!kept || !isSame(socket, kept)) socket.destroy();
  };
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {});
    if (isTaken) return void socket.destroy();
    isTaken = true;
    stop(socket);
    resolve(socket);
  });
  server.once('error', reject);
  const late = () => {
    if (isTaken) return;
    stop();
    reject(new NoReaderError(`nobody came for the evidence within ${withinMs / 1000} s`));
  };
  signal.addEventListener('abort', late, { once: true });
  server.listen({ port, ...(host !== undefined && { host }) }, () => {
    const address = server.address();
    if (address !== null && typeof address === 'object') listening?.(address.port);
  });
  return promise;
}

function isSame(a: Socket, b: Socket): boolean {
  return a.remotePort === b.remotePort && a.remoteAddress === b.remoteAddress;
}

/** The reader's one word. @throws NoReaderError if it does not come. */
async function startOf(socket: TLSSocket, clock: Clock): Promise<number> {
  const limit = deadline(clock, HANDSHAKE_MS);
  const stop = () => socket.destroy();
  limit.signal.addEventListener('abort', stop, { once: true });
  const said = await new Promise<Buffer>((resolve) => {
    let bytes = Buffer.alloc(0);
    const finish = () => {
      socket.removeListener('data', onData).removeListener('close', finish);
      resolve(bytes);
    };
    const onData = (data: Buffer) => {
      bytes = Buffer.concat([bytes, data]);
      if (bytes.length >= START_BYTES) finish();
    };
    socket.on('data', onData).once('close', finish);
  });
  limit.done();
  if (said.length === START_BYTES) return said.readUInt32BE();
  socket.destroy();
  throw new NoReaderError('the one that came for the evidence did not say how long it waits');
}

function readerOn(socket: TLSSocket, clock: Clock, deadlineMs: number): Reader {
  const gone = new AbortController();
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  void closed.then(() => gone.abort(new Error('the reader is gone')));
  // It has nothing more to say; that it ends is seen only by reading.
  socket.on('data', () => socket.destroy());
  socket.resume();
  let lastSentAt = clock.elapsed();
  const send = async (frame: Buffer) => {
    gone.signal.throwIfAborted();
    lastSentAt = clock.elapsed();
    if (!socket.write(frame)) await drained(socket, gone.signal);
    gone.signal.throwIfAborted();
  };
  const beats = beat(clock, gone.signal, () => {
    if (clock.elapsed() - lastSentAt >= BEAT_MS && !socket.writableNeedDrain)
      socket.write(encodeFrame('beat'));
  });
  return {
    deadlineMs,
    send,
    gone: gone.signal,
    end: async () => {
      beats.stop();
      socket.end();
      const limit = deadline(clock, END_MS);
      limit.signal.addEventListener('abort', () => socket.destroy(), { once: true });
      await closed;
      limit.done();
    },
  };
}

function drained(socket: TLSSocket, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      socket.removeListener('drain', finish);
      gone.removeEventListener('abort', finish);
      resolve();
    };
    socket.once('drain', finish);
    gone.addEventListener('abort', finish, { once: true });
  });
}

function beat(clock: Clock, gone: AbortSignal, each: () => void): { stop: () => void } {
  const stopped = new AbortController();
  const either = AbortSignal.any([gone, stopped.signal]);
  void (async () => {
    for (;;) {
      await sleep(clock, BEAT_MS, either);
      if (either.aborted) return;
      each();
    }
  })();
  return { stop: () => stopped.abort() };
}
